"""`seqproof compare`: models, runs, commits and experiments of one real project."""

import json

import pytest

from commands.compare import compare
from pipelines.errors import UserError
from pipelines.tracking import store

MODEL, EXPERIMENT = "mine-markov", "lower"


@pytest.fixture
def compared(project, capsys):
    """Gives what `compare --json` says of words."""

    def ask(*words, sentences=0):
        compare(words, sentences, level=0.05, as_json=True)
        return json.loads(capsys.readouterr().out)

    return ask


def test_an_experiment_beside_the_folder(compared):
    """Their models have one name; their predictions are in the folder and in the cache."""
    (found,) = compared(MODEL, EXPERIMENT)
    assert (found["first"], found["second"]) == (MODEL, f"{MODEL} (experiment {EXPERIMENT})")
    assert found["differences"]["parameters"] == {"model.order": ["3", "2"]}
    assert found["differences"]["data"] == found["differences"]["environment"] == {}
    assert found["items"] == 8
    (finding,) = found["findings"]
    assert finding["key"] == "test_bits_per_character"
    assert finding["first"] > finding["second"]
    assert finding["verdict"] == "better"  # each of eight items is: p is 2 / 256, about
    assert finding["p"] == pytest.approx(2 / 2**8, abs=0.005)


def test_two_commits_and_a_run(compared, project):
    head = project.run("git", "rev-parse", "HEAD")
    (found,) = compared(head, EXPERIMENT)
    assert found["second"] == f"{MODEL} (experiment {EXPERIMENT})"
    run = project.ledger().runs[0]  # the newest is that of the experiment
    (again,) = compared(MODEL, run.id[:8])
    assert again["second"] == f"{MODEL} (run {run.id[:8]})"
    assert again["findings"] == found["findings"]


def test_a_model_beside_itself_is_flat(compared):
    (found,) = compared(MODEL, MODEL)
    assert not any(found["differences"].values())
    assert [one["verdict"] for one in found["findings"]] == ["not significant"]
    assert found["findings"][0]["p"] == 1.0


def test_the_run_of_one_seed_means_its_group(compared, project):
    above = project.ledger().runs[0]
    client = store.client(store.tracking_uri(project.root), project.root)
    experiment = client.get_run(above.id).info.experiment_id
    below = client.create_run(experiment, tags={"mlflow.parentRunId": above.id}).info.run_id
    (found,) = compared(MODEL, below)
    assert found["second"] == f"{MODEL} (run {above.short_id})"


def test_without_runs_the_environment_is_not_known(compared, project):
    (project.root / "mlflow.db").unlink()
    (found,) = compared(MODEL, EXPERIMENT)
    assert found["unknown"] == ["code", "environment"]  # its stages run no code of ours


def test_sentences_are_those_that_differ_most(compared):
    (found,) = compared(MODEL, EXPERIMENT, sentences=3)
    assert len(found["apart"]) == 3
    assert {"item", "text", "first, nats", "second, nats"} == set(found["apart"][0])


def test_for_people(project, capsys):
    compare([MODEL, EXPERIMENT], 1, level=0.05, as_json=False)
    said = capsys.readouterr().out
    assert "model.order: 3 -> 2" in said
    assert f"{MODEL} (experiment {EXPERIMENT}) is better than {MODEL} in bits per character" in said
    compare([MODEL, EXPERIMENT], 0, level=0.001, as_json=False)
    assert "is not significant in bits per character: p 0.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([MODEL], "One alone cannot be compared"),
        ([MODEL, "mine-markow"], "did you mean 'mine-markov'"),
        ([MODEL, "mine"], "'mine' is the corpus mine: there is no evaluation of a model in it"),
        ([MODEL, "HEAD~1"], "which has no dvc.lock"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(project, words, sentence):
    with pytest.raises(UserError, match=sentence):
        compare(words, 0, level=0.05, as_json=False)


def test_predictions_that_are_nowhere_are_named(project):
    path = f"predictions/{MODEL}.parquet"
    (project.root / path).unlink()
    compare([MODEL, EXPERIMENT], 0, level=0.05, as_json=False)  # from the cache
    md5 = project.locked()[f"evaluate@{MODEL}"].outs[path]
    (project.root / project.cached(md5)).unlink()
    with pytest.raises(UserError, match=f"{path}, {md5[:8]}.* neither in the folder nor in DVC's"):
        compare([MODEL, EXPERIMENT], 0, level=0.05, as_json=False)
