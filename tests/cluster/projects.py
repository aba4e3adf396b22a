"""A small project for clusters: one corpus and a recurrent model that trains for some seconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.walk import projects
from tests.walk.projects import Project

MODEL = "plain-lstm"
TRAINING, EVALUATION = f"train_lstm@{MODEL}", f"evaluate_lstm@{MODEL}"
EPOCHS = 24


def _reduce(tree: dict[str, Any]) -> None:
    tree["corpora"] = {"plain": tree["corpora"]["plain"]}
    model = tree["models"]["lstm"][MODEL] | {"epochs": EPOCHS, "dropout": 0.2}
    tree["models"] = {family: {} for family in tree["models"]} | {"lstm": {MODEL: model}}
    tree["experiments"] = {key: {} for key in tree["experiments"]}
    tree["checkpoints"] = {"every": 50}
    tree["threads"] = 1
    tree["goals"] = []


def create(folder: Path, variables: Mapping[str, str]) -> Project:
    """Create the project; no stage has run."""
    project = projects.create(folder, variables)
    project.edit_params(_reduce)
    project.run("git", "commit", "-qam", "small")
    return project
