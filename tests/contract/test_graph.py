"""dvc.yaml agrees with the code: files, parameters and dependencies."""

import inspect
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml

from pipelines import paths
from pipelines.config import params
from tests.contract.imports import OBSERVERS, ROOT, closure, files, sections

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
BODIES = {name: stage.get("do", stage) for name, stage in GRAPH.items()}
CODE = ("pipelines", "stages")
HELPERS = {"__init__", "training"}  # files of stages/ that are no stage
# Code of tasks and models that only training stages call; the rest reads what a training wrote.
READ_BY_ALL = {"history.py", "samples.py", "step_metrics.py", "seeding.py"}
RUNS_MODELS = ("beam_search", "decoding", "likelihood", "predictor", "sampling")
TRAINER = {
    file.as_posix()
    for file in files()
    if file.parent.as_posix() == "pipelines/training" and file.name not in READ_BY_ALL
}
# Directories that users edit; no function of paths.py is needed for them.
FOLDERS = {"texts", "verified", "sweeps", "experiments", "metrics", "predictions", "analyses"}
FOLDERS |= {"plots"}


def module(stage: str) -> str:
    """The file of a stage: the evaluation stages share one."""
    return "evaluate" if stage.startswith("evaluate_") else stage


def entry_paths(entries: list) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def outs(stage: str) -> list[str]:
    body = BODIES[stage]
    return [
        path for kind in ("outs", "metrics", "plots") for path in entry_paths(body.get(kind, []))
    ]


def code_deps(stage: str) -> list[Path]:
    return [Path(dep) for dep in BODIES[stage]["deps"] if dep.split("/")[0] in CODE]


def data_deps(stage: str) -> list[str]:
    return [dep for dep in BODIES[stage]["deps"] if dep.split("/")[0] not in CODE]


def can_change_outs(stage: str) -> set[Path]:
    """First-party files that a stage imports, without those that only validate, track or print."""
    own = Path("stages") / f"{module(stage)}.py"
    if stage == "check":  # all that it imports only validates
        return {own, Path("pipelines/files.py"), Path("pipelines/data/user_files.py")}
    skip = set(OBSERVERS)
    if not stage.startswith(("train_", "fine_")):
        skip |= TRAINER
    if stage == "report":
        skip -= {"pipelines/reporting", "pipelines/lineage"}
        skip |= {"pipelines/layers", "pipelines/models", "pipelines/text", "pipelines/data"}
        skip |= {f"pipelines/inference/{file}.py" for file in RUNS_MODELS}
    return closure(own, skip=skip)


def test_every_stage_has_its_file():
    modules = {file.stem for file in (ROOT / "stages").glob("*.py")} - HELPERS
    assert modules == {module(stage) for stage in GRAPH}
    for stage, body in BODIES.items():
        key = " ${key}" if "foreach" in GRAPH[stage] else ""
        assert body["cmd"] == f"python -m stages.{module(stage)}{key}"


def test_the_graph_is_short():
    lines = (ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("stage", GRAPH)
def test_all_code_that_can_change_the_outs_is_a_dependency(stage):
    for file in can_change_outs(stage):
        assert any(file == dep or file.is_relative_to(dep) for dep in code_deps(stage)), file


@pytest.mark.parametrize("stage", GRAPH)
def test_no_other_code_is_a_dependency(stage):
    """Else editing it would rerun the stage for nothing. The report is cheap and exempt."""
    if stage == "report":
        return
    reachable = can_change_outs(stage)
    for dep in code_deps(stage):
        covered = [file for file in files() if file == dep or file.is_relative_to(dep)]
        assert covered, f"{stage}: {dep} does not exist"
        exempt = {"__init__.py", "expectations_docs.py"}  # draws, beside what it draws
        unused = [file for file in covered if file not in reachable and file.name not in exempt]
        assert not unused, f"{stage}: {dep}"


@pytest.mark.parametrize("observer", sorted(OBSERVERS - {"pipelines/config"}))
def test_observers_rerun_no_training_and_no_evaluation(observer):
    """Editing what tracks, verifies, reports or prints reruns nothing that takes long."""
    stages = [stage for stage in GRAPH if stage.startswith(("train_", "fine_", "evaluate_"))]
    assert len(stages) == 8
    for stage in stages:
        for dep in code_deps(stage):
            assert not dep.is_relative_to(observer), f"{stage}: {dep}"
            assert not Path(observer).is_relative_to(dep), f"{stage}: {dep}"


def test_a_new_metric_reruns_evaluations_and_the_report_only():
    registry = Path("pipelines/evaluation/metrics.py")
    assert (ROOT / registry).exists()
    reruns = {
        stage
        for stage in GRAPH
        if any(registry == dep or registry.is_relative_to(dep) for dep in code_deps(stage))
    }
    evaluations = {stage for stage in GRAPH if stage.startswith("evaluate_")}
    assert reruns - {"check"} == evaluations | {"report"}


def test_paths_and_graph_name_the_same_files():
    """Every data path of dvc.yaml is what paths.py gives for the same name, and vice versa."""
    names = ["${key}", "${item.corpus}", "${item.init_from}", "${item.bag_of_words}"]
    names += ["${item.positions}", "${item.recurrent}", "${item.fixed}", "${item.attention}"]
    known = {path.as_posix() for path in vars(paths).values() if isinstance(path, Path)}
    functions = [
        function
        for _, function in inspect.getmembers(paths, inspect.isfunction)
        if function.__module__ == paths.__name__
    ]
    for function in functions:
        parameters = list(inspect.signature(function).parameters)
        for name in names:
            if parameters == ["corpus", "split"]:
                known |= {function(name, split).as_posix() for split in ("train", "valid", "test")}
            elif parameters == ["stage", "name"]:
                known |= {function(stage, name).as_posix() for stage in GRAPH}
            elif len(parameters) == 1:
                known.add(function(name).as_posix())
    known.add("${item.minimal_pairs}")  # a file below texts/
    for stage in GRAPH:
        for path in [*data_deps(stage), *outs(stage)]:
            assert path in known, f"{stage}: {path}"


@pytest.mark.parametrize("stage", GRAPH)
def test_every_data_dependency_is_made_by_a_stage_or_a_user(stage):
    made = {re.sub(r"\$\{.*?\}", "*", out) for other in GRAPH for out in outs(other)}
    for dep in data_deps(stage):
        pattern = re.sub(r"\$\{.*?\}", "*", dep)
        assert (
            pattern in made
            or dep in ("params.yaml", "texts", "verified", "sweeps", "${item.minimal_pairs}")
            or any(out.startswith(f"{dep}/") for out in made)
            or any(dep.startswith(f"{out}/") for out in made)
        ), dep


@pytest.mark.parametrize("stage", GRAPH)
def test_every_params_key_exists(stage):
    for key in BODIES[stage].get("params", []):
        for name, entry in entries(stage):
            node = PARAMS
            for part in (
                key.replace("${key}", name)
                .replace("${item.corpus}", str(entry.get("corpus")))
                .split(".")
            ):
                assert part in node, f"{stage}: {key}"
                node = node[part]


def entries(stage: str):
    if "foreach" not in GRAPH[stage]:
        return [("", {})]
    node = PARAMS
    for part in re.fullmatch(r"\$\{(.+)\}", GRAPH[stage]["foreach"]).group(1).split("."):
        node = node[part]
    return node.items()


def test_splits_depend_on_the_data_seed_only():
    """`-S seed=2` trains other models on the same data."""
    for stage in ("fetch", "preprocess", "build_vocab"):
        assert "seed" not in BODIES[stage].get("params", [])
    assert all("data_seed" in BODIES[stage]["params"] for stage in ("fetch", "preprocess"))


def test_a_text_file_refetches_its_own_corpus_only():
    assert "texts" not in BODIES["fetch"]["deps"]
    assert "data/checked/${key}.json" in BODIES["fetch"]["deps"]


def test_every_section_of_params_is_tracked_by_a_stage():
    """What no stage tracks changes no result; all else reruns something."""
    tracked = {key.split(".")[0] for body in BODIES.values() for key in body.get("params", [])}
    assert set(PARAMS) == tracked | {"tracking", "checkpoints", "data"}
    corpus_keys = {
        key.split(".")[2]
        for body in BODIES.values()
        for key in body.get("params", [])
        if key.startswith("corpora.") and key.count(".") == 2
    }
    assert set(params.Corpus.model_fields) - corpus_keys == {"samples", "search"}
    assert "corpora.${item.corpus}" in BODIES["evaluate_lstm"]["params"]


def test_every_field_of_params_is_read():
    """Every field but the tags of a union is read somewhere in the code, by its name."""
    code = "\n".join((ROOT / file).read_text(encoding="utf-8") for file in files())
    for section in sections():
        if section is params.ModelFamilies:
            continue  # read by name
        for field, info in section.model_fields.items():
            if get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1:
                continue  # a tag that only tells one kind of section from another
            assert re.search(rf"\.{field}\b", code), f"{section.__name__}.{field}"


def test_keys_are_plain_words():
    """No key with spaces, and no merge key that users must not edit."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert "<<" not in text

    def check(node, place=""):
        if isinstance(node, dict):
            for key, value in node.items():
                assert re.fullmatch(r"[A-Za-z0-9_-]+", str(key)), f"{place}{key}"
                check(value, f"{place}{key}.")

    check({key: value for key, value in PARAMS.items() if key != "goals"})


def test_the_lock_names_no_registry():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock
        pinned = re.findall(r"^[a-z0-9].*==", text, flags=re.M)
        assert len(pinned) > 100
        for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_every_key_of_params_is_explained():
    """Each key has a comment on its line, in the comment above it, or in that of its map."""
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    names = set(PARAMS["corpora"]) | set(PARAMS["experiments"]["cells"]) | {"adding", "copying"}
    names |= {name for family in PARAMS["models"].values() for name in family}
    keys: dict[str, bool] = {}
    for number, line in enumerate(lines):
        code, _, comment = line.partition(" #")
        if line.lstrip().startswith("#"):
            continue
        above = []
        for earlier in reversed(lines[:number]):
            if not earlier.lstrip().startswith("#"):
                break
            above.append(earlier)
        for key in re.findall(r"(?:^\s*|[{,]\s*)([a-z_0-9-]+):", code):
            listed = re.search(rf"\b{key}\b", " ".join([comment, *above]))
            first = re.match(rf"\s*{key}:", code)
            explained = bool(listed or (first and (comment or above)))
            keys[key] = keys.get(key, False) or explained
    unexplained = [key for key, explained in keys.items() if not explained and key not in names]
    assert unexplained == []
