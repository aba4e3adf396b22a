"""A sweep whose stages are real, from its first trial to the report."""

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
    "confirm_seeds": [11, 12, 13],
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
    winner = min(result["trials"], key=lambda trial: trial["value"])
    assert winner["number"] != 0  # the learning rate of the starting point is small
    comparison = result["comparison"]
    assert (comparison["seeds"], comparison["trials"]) == ([11, 12, 13], 3)
    assert {len(outs) for outs in comparison["outs"].values()} == {5}
    assert str(copy.folder) not in json.dumps(result)
    # Twelve texts cannot show a difference.
    assert "Nothing shows that the winner is better" in output
    assert "from the seeds 11, 12 and 13, which no trial had" in output

    copy.run("seqproof", "sweep", "tuning", "--apply", "--force")
    trained = copy.run("seqproof", "run", "moods-perceptron", "report")
    assert "train_baseline@moods-perceptron: restored" in trained
    copy.run("seqproof", "seal")
    assert "level 0: identical" in copy.run("seqproof", "verify", "moods-perceptron")
    history = (copy.folder / "plots" / "moods-perceptron.csv").read_text(encoding="utf-8")
    assert f"{winner['value']:.9g}" in history
    page = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert 'alt="parallel coordinates of the sweep tuning"' in page
