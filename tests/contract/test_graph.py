"""dvc.yaml tells the truth: about files, parameters and code."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml

from pipelines.config import params
from tests.contract.imports import ROOT, closure, sections

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
BODIES = {name: stage.get("do", stage) for name, stage in GRAPH.items()}
FAMILIES = params.STAGES


def _paths(entries):
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def test_every_stage_has_its_file_and_the_other_way_round():
    written = {file.stem for file in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert written == set(GRAPH)
    for name, body in BODIES.items():
        assert body["cmd"].startswith(f"python -m stages.{name} "), name


@pytest.mark.parametrize("stage", GRAPH)
def test_all_code_that_a_stage_imports_is_among_its_deps(stage):
    deps = [Path(dep) for dep in BODIES[stage]["deps"]]
    for file in closure(Path("stages") / f"{stage}.py"):
        assert any(file == dep or file.is_relative_to(dep) for dep in deps), f"{stage}: {file}"


@pytest.mark.parametrize("stage", GRAPH)
def test_every_path_of_a_command_is_declared(stage):
    body = BODIES[stage]
    outs = [
        *_paths(body.get("outs", [])),
        *_paths(body.get("metrics", [])),
        *_paths(body.get("plots", [])),
    ]
    declared = {*body["deps"], *outs}
    words = body["cmd"].split()
    given = {value for option, value in pairwise(words) if option.startswith("--")}
    assert given <= declared
    assert set(outs) <= given
    made = ("data", "models", "plots", "metrics", "pictures", "predictions", "verified")
    data = {dep for dep in body["deps"] if dep.split("/")[0] in (*made, "laboratory")}
    assert data - given <= {"data/params.checked"}


@pytest.mark.parametrize("stage", GRAPH)
def test_every_params_key_is_there(stage):
    for key in BODIES[stage].get("params", []):
        for name, entry in _entries(stage):
            node = PARAMS
            for part in (
                key.replace("${key}", name)
                .replace("${item.corpus}", str(entry.get("corpus")))
                .split(".")
            ):
                assert part in node, f"{stage}: {key}"
                node = node[part]


def _entries(stage):
    if "foreach" not in GRAPH[stage]:
        return [("", {})]
    node = PARAMS
    for part in re.fullmatch(r"\$\{(.+)\}", GRAPH[stage]["foreach"]).group(1).split("."):
        node = node[part]
    return node.items()


def test_no_section_of_params_is_dead():
    """What no stage tracks changes no result; all else reruns something."""
    tracked = {key.split(".")[0] for body in BODIES.values() for key in body.get("params", [])}
    maps = {f"{family} models" for family in FAMILIES}
    assert set(PARAMS) - maps == tracked | {"tracking", "checkpoints"}
    corpus = {
        key.split(".")[2]
        for body in BODIES.values()
        for key in body.get("params", [])
        if key.count(".") == 2
    }
    assert set(params.Corpus.model_fields) - corpus == {"samples", "search"}
    assert "corpora.${item.corpus}" in BODIES["evaluate"]["params"]


def test_no_field_of_the_tree_is_dead():
    """Every field but the tags of a union is read somewhere in the code, by its name."""
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("pipelines", "stages", "commands")
        for file in (ROOT / folder).rglob("*.py")
    )
    for section in sections():
        for field, described in section.model_fields.items():
            if (
                get_origin(described.annotation) is Literal
                and len(get_args(described.annotation)) == 1
            ):
                continue  # a tag that only tells one kind of section from another
            assert re.search(rf"\.{field}\b", code), f"{section.__name__}.{field}"


def test_a_new_model_is_one_entry():
    families = [PARAMS[f"{family} models"] for family in FAMILIES]
    assert PARAMS["models"] == {
        name: entry for family in families for name, entry in family.items()
    }


def test_the_lock_names_no_registry():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock
        pinned = re.findall(r"^[a-z0-9].*==", text, flags=re.M)
        assert len(pinned) > 100
        for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
            assert "--hash=sha256:" in block, block.splitlines()[0]
