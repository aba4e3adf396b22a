"""`seqproof trace`: every kind of target is found, with all stages upstream and downstream."""

import json
import re

import pytest

from commands.trace import trace
from pipelines.errors import UserError
from tests.unit.tiny_project import EVALUATE, MODEL, TRAIN

METRICS, ANALYSIS = f"metrics/{MODEL}.json", f"analyses/{MODEL}.json"
UP, DOWN, TARGET = "upstream", "downstream", "target"
PARTS = {
    "fetch@mine": UP,
    "build_vocab@mine": UP,
    TRAIN: UP,
    EVALUATE: TARGET,
    "report": DOWN,
}


@pytest.fixture
def trace_json(project, capsys):
    """Return a function that runs `trace --json`."""

    def run(name):
        trace(str(name), as_json=True)
        return json.loads(capsys.readouterr().out)

    return run


def parts(result):
    return {stage["stage"]: stage["part"] for stage in result["stages"]}


@pytest.mark.parametrize("name", [EVALUATE, METRICS, f"./{METRICS}"])
def test_a_stage_and_its_metrics(trace_json, name):
    result = trace_json(name)
    assert parts(result) == PARTS
    assert list(parts(result)) == list(PARTS)
    assert result["problems"] == []


def test_a_file_that_no_stage_reads_has_nothing_downstream(trace_json):
    upstream = {stage: part for stage, part in PARTS.items() if part != DOWN}
    assert parts(trace_json(ANALYSIS)) == upstream


def test_the_text_output_shows_metrics_but_no_signatures(project, capsys):
    trace(METRICS, as_json=False)
    assert ": perplexity 4.5, tokens 7\n" in capsys.readouterr().out


def test_a_model_by_its_name_its_folder_and_a_file(trace_json, project):
    assert parts(trace_json(MODEL)) == {**PARTS, TRAIN: TARGET}
    for name in (f"models/{MODEL}", project.root / "models" / MODEL / "counts", "models"):
        assert parts(trace_json(name)) == {**PARTS, TRAIN: TARGET, EVALUATE: DOWN}


def test_a_corpus_and_a_text_of_the_user(trace_json):
    corpus = {"fetch@mine": TARGET, "build_vocab@mine": TARGET, TRAIN: DOWN, EVALUATE: DOWN}
    assert parts(trace_json("mine")) == {**corpus, "report": DOWN}
    result = trace_json("texts/mine.txt")
    assert set(parts(result).values()) == {DOWN}
    assert len(result["stages"]) == 5


def test_downstream_of_an_out_are_only_the_stages_that_read_it(trace_json):
    """The training reads the vocabulary; only the evaluation reads the test split."""
    assert parts(trace_json("data/vocabulary/mine.json"))[TRAIN] == DOWN
    assert TRAIN not in parts(trace_json("data/prepared/mine/test.parquet"))


def test_the_md5_of_an_out_of_a_file_in_it_and_of_an_experiment(trace_json, project):
    md5 = project.locked()[EVALUATE].outs[METRICS]
    assert parts(trace_json(md5[:6])) == PARTS
    folder = project.locked()[TRAIN].outs[f"models/{MODEL}"]
    assert parts(trace_json(folder))[TRAIN] == TARGET
    members = json.loads((project.root / project.cache_path(folder)).read_text(encoding="utf-8"))
    result = trace_json(members[0]["md5"])
    assert result["target"] == f"models/{MODEL}/counts, written by {TRAIN}"
    lock = project.run("git", "show", f"{experiment_ref(project)}:dvc.lock")
    other = re.search(rf"{METRICS}\n      hash: md5\n      md5: (\w+)", lock).group(1)
    result = trace_json(other)
    assert result["location"] == "experiment lower"
    assert result["target"] == f"{METRICS}, written by {EVALUATE} in experiment lower"


def experiment_ref(project):
    return project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps")


def test_a_run_is_traced_in_the_lockfile_that_has_its_inputs(trace_json, project):
    project.seal()
    experiment_run, workspace_run = project.runs().runs
    result = trace_json(workspace_run.id[:8])
    assert result["location"] == ""
    assert parts(result) == {**PARTS, TRAIN: TARGET}
    result = trace_json(experiment_run.id)
    assert result["location"] == "experiment lower"
    (stage,) = [stage for stage in result["stages"] if stage["stage"] == EVALUATE]
    assert stage["run"]["id"] == experiment_run.id
    assert stage["run"]["sealed"] == "yes"
    assert stage["run"]["locks"] == "lower"
    file = next(file for file in stage["outs"] if file["path"] == METRICS)
    assert file["metrics"] == {"test_perplexity": 3.0, "test_tokens": 7}
    assert file["state"] == "modified"
    project.run("git", "update-ref", "-d", experiment_ref(project))
    (problem,) = trace_json(experiment_run.id)["problems"]
    assert re.search(rf"No dvc\.lock .*run {experiment_run.short_id}", problem)


@pytest.mark.parametrize("name", ["HEAD", "lower", "commit", "branch"])
def test_of_a_commit_a_branch_and_an_experiment_all_stages_are_targets(trace_json, project, name):
    head = project.run("git", "rev-parse", "HEAD")
    branch = project.run("git", "branch", "--show-current")
    result = trace_json({"commit": head[:10], "branch": branch}.get(name, name))
    location = "experiment lower" if name == "lower" else f"commit {head[:8]}"
    assert result["location"] == location
    assert parts(result) == dict.fromkeys(PARTS, TARGET)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mine-markoff", "did you mean 'mine-markov'?"),
        (f"metrics/{MODEL}.jsn", f"did you mean '{METRICS}'?"),
        (f"models/{MODEL}/count", f"did you mean 'models/{MODEL}/counts'?"),
        ("lowr", "did you mean 'lower'?"),
        ("", "a model, a corpus, a stage, an MD5, a run or a commit"),
        ("0" * 32, "Name a file"),
        ("/etc/hostname", "Name a file"),
    ],
)
def test_the_error_of_an_unknown_target_has_the_nearest_name(project, name, hint):
    with pytest.raises(UserError) as error:
        trace(name, as_json=False)
    assert f"'{name}'" in str(error.value)
    assert hint in str(error.value)


def test_a_commit_without_a_lockfile_is_an_error(project):
    with pytest.raises(UserError, match=r"HEAD~1.*no dvc\.lock"):
        trace("HEAD~1", as_json=False)


def test_missing_and_modified_files_are_reported(project, capsys):
    project.sql("update runs set lifecycle_stage = 'deleted'")
    project.flip_bit(f"models/{MODEL}/counts")
    (project.root / "data" / "vocabulary" / "mine.json").unlink()
    analysis = project.locked()[EVALUATE].outs[ANALYSIS]
    (project.root / project.cache_path(analysis)).unlink()
    (project.root / "report.html").unlink()
    project.replace("dvc.lock", "\n  report:", "\n  other:")
    trace(MODEL, as_json=False)
    problems = capsys.readouterr().out.partition("Problems:\n")[2].splitlines()
    assert problems[:2] == [
        "  data/vocabulary/mine.json is missing. Run `dvc checkout data/vocabulary/mine.json`.",
        f"  models/{MODEL} was modified after {TRAIN} wrote it. Run `seqproof verify`.",
    ]
    assert any(line.startswith(f"  {ANALYSIS} ({analysis[:8]}) is missing") for line in problems)
    assert sum("No MLflow run has the inputs of" in line for line in problems) == 2
    assert "  report never ran. Run `seqproof run report`." in problems


def test_the_text_output_is_a_tree(project, capsys):
    project.seal()
    trace(f"models/{MODEL}", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"models/{MODEL}, written by {TRAIN}"
    assert lines[1] == "Upstream:"
    assert "    source: files texts/mine.txt" in lines
    assert lines.index("Target:") < lines.index(f"  {TRAIN}") < lines.index("Downstream:")
    md5 = project.locked()[TRAIN].outs[f"models/{MODEL}"][:8]
    assert f"  > models/{MODEL}  {md5}  unchanged, cached" in lines
    run = project.runs().runs[1]
    start = f"    run {run.short_id} ({MODEL} in seqproof/mine), commit "
    assert any(line.startswith(start) and ", sealed, in dvc.lock of " in line for line in lines)
    assert any(line.endswith(": perplexity 4.5, tokens 7") for line in lines)
    assert lines[-1] == "No problems."


def test_without_the_tracking_server_the_stages_are_still_traced(trace_json, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    result = trace_json(METRICS)
    assert parts(result) == PARTS
    (problem,) = result["problems"]
    assert "http://127.0.0.1:9" in problem
