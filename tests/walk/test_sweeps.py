"""A sweep from its first trial to the report, and its winner in params.yaml."""

import json
from typing import Any

from tests.walk.projects import Project

SWEEP = {
    "model": "moods-perceptron",
    "parameters": {
        "optimizer.learning_rate": {"low": 0.001, "high": 0.5, "log": True},
        "hidden": [[], [3]],
    },
    "trials": 3,
    "metric": "valid_loss",
    "seed": 1,
    "confirm_seeds": [11, 12],
}


def test_the_winner_is_compared_reported_and_written(copy: Project) -> None:
    def add_sweep(tree: dict[str, Any]) -> None:
        tree["sweeps"] = {"tuning": SWEEP}

    copy.edit_params(add_sweep)
    before = copy.outs()
    output = copy.run("seqproof", "sweep", "moods-perceptron", "--jobs", "2")
    assert copy.outs() == before
    result = json.loads((copy.folder / "sweeps" / "tuning.json").read_text(encoding="utf-8"))
    assert [trial["state"] for trial in result["trials"]] == ["complete"] * 3
    assert result["trials"][0]["values"] == result["start"]
    winner = min(result["trials"], key=lambda trial: trial["value"])
    assert winner["number"] != 0  # the first learning rate is small
    comparison = result["comparison"]
    assert (comparison["seeds"], comparison["trials"]) == ([11, 12], 3)
    assert {len(outs) for outs in comparison["outs"].values()} == {5}
    assert str(copy.folder) not in json.dumps(result)
    assert "from the seeds 11 and 12, which no trial had" in output

    copy.run("seqproof", "run", "report")
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert 'alt="parallel coordinates of the sweep tuning"' in page

    # Twelve texts cannot show a difference.
    refused = copy.run("seqproof", "sweep", "tuning", "--apply", ok=False)
    assert "Nothing shows that the winner is better" in refused
    assert "--force" in refused
    assert "hidden" in copy.run("seqproof", "sweep", "tuning", "--apply", "--force", "--json")
    trained = copy.run("seqproof", "run", "moods-perceptron")
    assert "train_baseline@moods-perceptron: restored" in trained
    history = (copy.folder / "plots" / "moods-perceptron.csv").read_text(encoding="utf-8")
    assert f"{winner['value']:.9g}" in history

    again = copy.run("seqproof", "sweep", "tuning", "--json")
    content, _ = json.JSONDecoder().raw_decode(again)  # standard error follows
    assert content == result
