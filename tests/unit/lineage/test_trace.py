"""`seqproof trace`: every kind of word is understood, and the chain is whole, both ways."""

import json
import re

import pytest

from commands.trace import trace
from pipelines.errors import UserError

MODEL = "mine-markov"
TRAIN, EVALUATE = f"train_baseline@{MODEL}", f"evaluate@{MODEL}"
UP, DOWN, ITSELF = "upstream", "downstream", "itself"
WHOLE = {
    "fetch@mine": UP,
    "build_vocab@mine": UP,
    TRAIN: UP,
    EVALUATE: ITSELF,
    "report": DOWN,
}


@pytest.fixture
def traced(project, capsys):
    """Gives what `trace --json` says of a word."""

    def ask(what):
        trace(str(what), as_json=True)
        return json.loads(capsys.readouterr().out)

    return ask


def parts(said):
    return {link["stage"]: link["part"] for link in said["links"]}


@pytest.mark.parametrize(
    "what",
    [
        EVALUATE,
        f"metrics/{MODEL}.json",
        f"./metrics/{MODEL}.json",
        f"pictures/{MODEL}",
        f"pictures/{MODEL}/sample.txt",
    ],
)
def test_a_stage_a_metric_and_a_picture(traced, what):
    said = traced(what)
    # A picture is read by no stage.
    assert parts(said) == {
        stage: part for stage, part in WHOLE.items() if part != DOWN or "pictures" not in what
    }
    assert list(parts(said)) == [stage for stage in WHOLE if stage in parts(said)]
    assert said["missing"] == []


def test_for_people_a_metric_file_says_its_numbers(project, capsys):
    """And no signature, which is none."""
    trace(f"metrics/{MODEL}.json", as_json=False)
    assert ": perplexity 4.5, tokens 7\n" in capsys.readouterr().out


def test_a_model_by_its_name_its_folder_and_a_file(traced, project):
    said = traced(MODEL)
    assert parts(said) == {**WHOLE, TRAIN: ITSELF}
    for what in (f"models/{MODEL}", project.root / "models" / MODEL / "counts", "models"):
        assert parts(traced(what)) == {**WHOLE, TRAIN: ITSELF, EVALUATE: DOWN}


def test_a_corpus_and_text_of_ones_own(traced):
    up = {"fetch@mine": ITSELF, "build_vocab@mine": ITSELF, TRAIN: DOWN, EVALUATE: DOWN}
    assert parts(traced("mine")) == {**up, "report": DOWN}
    said = traced("texts/mine.txt")
    assert set(parts(said).values()) == {DOWN}
    assert len(said["links"]) == 5


def test_one_out_goes_on_to_those_that_read_it_alone(traced):
    """The vocabulary is read by the training, the test split by the evaluation only."""
    assert parts(traced("data/mine.json"))[TRAIN] == DOWN
    assert TRAIN not in parts(traced("data/test.parquet"))


def test_an_md5_of_an_out_of_a_file_inside_and_of_an_experiment(traced, project):
    md5 = project.locked()[EVALUATE].outs[f"metrics/{MODEL}.json"]
    assert parts(traced(md5[:6])) == WHOLE
    folder = project.locked()[TRAIN].outs[f"models/{MODEL}"]
    assert parts(traced(folder))[TRAIN] == ITSELF
    inside = json.loads((project.root / project.cached(folder)).read_text(encoding="utf-8"))
    said = traced(inside[0]["md5"])
    assert said["what"] == f"models/{MODEL}/counts, left by {TRAIN}"
    lock = project.run("git", "show", f"{reference(project)}:dvc.lock")
    other = re.search(rf"metrics/{MODEL}.json\n      hash: md5\n      md5: (\w+)", lock).group(1)
    said = traced(other)
    assert said["place"] == "experiment lower"
    assert said["what"] == f"metrics/{MODEL}.json, left by {EVALUATE} in experiment lower"


def reference(project):
    return project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps")


def test_a_run_is_traced_in_the_lock_that_has_what_it_read(traced, project):
    project.seal()
    of_the_experiment, of_the_commit = project.ledger().runs
    said = traced(of_the_commit.id[:8])
    assert said["place"] == ""
    assert parts(said) == {**WHOLE, TRAIN: ITSELF}
    said = traced(of_the_experiment.id)
    assert said["place"] == "experiment lower"
    (link,) = [link for link in said["links"] if link["stage"] == EVALUATE]
    assert link["run"]["id"] == of_the_experiment.id
    assert link["run"]["sealed"] == "yes"
    assert link["run"]["locks"] == "lower"
    metric = next(file for file in link["leaves"] if file["path"].startswith("metrics/"))
    assert metric["numbers"] == {"test_perplexity": 3.0, "test_tokens": 7}
    assert metric["here"] == "another one here"
    project.run("git", "update-ref", "-d", reference(project))
    (missing,) = traced(of_the_experiment.id)["missing"]
    assert missing.startswith(f"No dvc.lock at hand has what run {of_the_experiment.short_id} read")


@pytest.mark.parametrize("what", ["HEAD", "lower", "commit", "branch"])
def test_a_commit_a_branch_and_an_experiment_are_the_chain_there(traced, project, what):
    head = project.run("git", "rev-parse", "HEAD")
    branch = project.run("git", "branch", "--show-current")
    said = traced({"commit": head[:10], "branch": branch}.get(what, what))
    assert said["place"] == ("experiment lower" if what == "lower" else f"commit {head[:8]}")
    assert parts(said) == dict.fromkeys(WHOLE, ITSELF)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("mine-markoff", "did you mean 'mine-markov'?"),
        (f"metrics/{MODEL}.jsn", f"did you mean 'metrics/{MODEL}.json'?"),
        (f"models/{MODEL}/count", f"did you mean 'models/{MODEL}/counts'?"),
        ("lowr", "did you mean 'lower'?"),
        ("", "name a file that a stage leaves or reads, a model, a corpus, a stage, an MD5, a run"),
        ("0" * 32, "name a file that"),
        ("/etc/hostname", "name a file that"),
    ],
)
def test_an_unknown_word_is_one_sentence_with_the_nearest_name(project, what, said):
    with pytest.raises(UserError) as refusal:
        trace(what, as_json=False)
    assert str(refusal.value).startswith(f"Nothing here is called '{what}': ")
    assert said in str(refusal.value)


def test_a_commit_without_a_lock_says_so(project):
    with pytest.raises(UserError, match=r"which has no dvc\.lock: there is no chain to trace"):
        trace("HEAD~1", as_json=False)


def test_what_is_missing_is_said(traced, project, capsys):
    project.sql("update runs set lifecycle_stage = 'deleted'")
    project.change(f"models/{MODEL}/counts")
    (project.root / "data" / "mine.json").unlink()
    (project.root / project.cached(project.locked()[EVALUATE].outs[f"pictures/{MODEL}"])).unlink()
    (project.root / "report.html").unlink()
    project.replace("dvc.lock", "\n  report:", "\n  other:")
    trace(MODEL, as_json=False)
    out = capsys.readouterr().out
    missing = out.partition("Missing:\n")[2].splitlines()
    assert [line.partition(":")[0].strip() for line in missing[:2]] == [
        "data/mine.json is not here",
        f"models/{MODEL} is not what {TRAIN} left",
    ]
    assert any(line.startswith(f"  pictures/{MODEL} (") for line in missing)
    assert sum("No run in MLflow read what" in line for line in missing) == 2
    assert any("report never ran here: `dvc repro report` runs it." in line for line in missing)


def test_it_reads_as_a_tree(project, capsys):
    project.seal()
    trace(f"models/{MODEL}", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"models/{MODEL}, left by {TRAIN}"
    assert lines[1] == "It comes from:"
    assert "    from files texts/mine.txt" in lines
    assert lines.index("It is:") < lines.index(f"  {TRAIN}") < lines.index("From it comes:")
    md5 = project.locked()[TRAIN].outs[f"models/{MODEL}"][:8]
    assert f"  > models/{MODEL}  {md5}  as in dvc.lock, in the cache" in lines
    run = project.ledger().runs[1]
    made = f"    run {run.short_id} ({MODEL} in seqproof/mine), commit "
    assert any(line.startswith(made) and ", sealed, in dvc.lock of " in line for line in lines)
    assert any(line.endswith(": perplexity 4.5, tokens 7") for line in lines)
    assert lines[-1] == "Nothing is missing."


def test_without_its_server_the_chain_is_still_traced(traced, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = traced(f"metrics/{MODEL}.json")
    assert parts(said) == WHOLE
    (missing,) = said["missing"]
    assert missing.startswith("The runs of tracking server http://127.0.0.1:9 cannot be read")
