"""A clone of the project with tiny corpora and models, in which DVC runs for real."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PARTS = (
    *("pipelines", "stages", "commands", "texts", "verified", "laboratory"),
    *("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "pyproject.toml"),
)
LINES = [
    f"the {who} {what} the {whom} ."
    for who in ("cat", "dog", "man")
    for what in ("sees", "likes", "has")
    for whom in ("tree", "house", "sea", "hill", "cow", "pig", "hen", "bird", "sun", "moon")
]


def tiny(tree: dict) -> dict:
    """params.yaml made small: own texts instead of packages, one epoch, few units."""
    plain = {
        "task": "language_modelling",
        "source": {"kind": "files", "paths": ["texts/plain.txt"]},
        "reader": {"format": "lines"},
        "cleaning": {"lowercase": False, "max_length": 200, "drop_repeated": False},
        "tokens": "characters",
        "split": {"method": "contiguous", "valid": 0.1, "test": 0.1},
        "vocabulary": {"max_size": 100, "min_count": 1},
        "checks": {"min_rows": 10, "max_unknown_rate": 0.5},
        "samples": {"beginning": "the", "length": 20, "temperature": 0.8},
    }
    tree["corpora"] = {
        "plain": plain,
        "phrases": plain | {"tokens": "words"},
        "moods": {
            "task": "classification",
            "source": {"kind": "files", "paths": ["texts/moods.csv"]},
            "reader": {
                "format": "table",
                "separator": ",",
                "columns": {"text": "words", "label": "mood"},
            },
            "cleaning": {"lowercase": True, "max_length": 50, "drop_repeated": True},
            "tokens": "words",
            "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
            "vocabulary": {"max_size": 100, "min_count": 1},
            "checks": {"min_rows": 10, "max_unknown_rate": 0.5, "labels": ["bad", "good"]},
        },
        "days": {
            "task": "translation",
            "source": {
                "kind": "generated",
                "generator": "dates",
                "examples": 60,
                "start": "2000-01-01",
                "end": "2009-12-31",
                "locales": ["en", "de"],
            },
            "reader": {
                "format": "table",
                "separator": "\t",
                "columns": {"source": "source", "target": "target"},
            },
            "cleaning": {"lowercase": True, "max_length": 60, "drop_repeated": False},
            "tokens": "characters",
            "split": {"method": "shuffled", "by": "target", "valid": 0.1, "test": 0.2},
            "vocabulary": {"max_size": 100, "min_count": 1},
            "checks": {"min_rows": 10, "max_unknown_rate": 0.5, "max_length_ratio": 9.0},
        },
    }
    keep = {
        "train_baseline models": {"shakespeare-markov": "plain", "opinions-perceptron": "moods"},
        "train_lstm models": {
            "shakespeare-lstm": "plain",
            "shakespeare-rnn": "phrases",
            "opinions-rnn": "moods",
        },
        "train_seq2seq models": {"dates-attention": "days"},
    }
    small = {"epochs": 1, "batch_size": 4, "bptt_steps": 8, "embedding": 4, "units": 6}
    for family, models in keep.items():
        entries = {}
        for name, corpus in models.items():
            entry = tree[family][name] | {"corpus": corpus}
            entry |= {key: value for key, value in small.items() if key in entry}
            entries[f"{corpus}-{name.partition('-')[2]}"] = entry
        tree[family] = entries
    tuned = tree["train_lstm models"]["moods-rnn"] | {"init_from": "phrases-rnn"}
    tree["fine_tune models"] = {"moods-tuned": tuned}
    practice = {"units": 3, "batch_size": 2, "steps": 2, "learning_rate": 0.01, "clip_norm": 1.0}
    tree["laboratory"] = {key: {} for key in tree["laboratory"]} | {
        "cells": {"tanh": {"cell": "rnn"}},
        "gradient_flow": {"adding": {**practice, "lag": 4}},
    }
    families = (*keep, "fine_tune models")
    tree["models"] = {name: entry for family in families for name, entry in tree[family].items()}
    return tree


class Project:
    """A project in its own folder; `run` is a shell there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, ok: bool = True, **environment: str) -> str:
        """Run a command and give what it printed; the tests' own interpreter comes first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**clean, "PATH": path, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=600,  # on a busy machine too
            check=False,
        )
        printed = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, printed
        return printed

    def change(self, edit: Callable[[dict], None]) -> None:
        """Edit params.yaml; `models` and the family map stay one and the same entry."""
        path = self.folder / "params.yaml"
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        edit(tree)
        path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")

    def outs(self) -> dict[str, bytes]:
        """Every file that a stage wrote, by its path."""
        folders = ("data", "models", "plots", "metrics", "predictions", "pictures", "laboratory")
        files = [file for folder in folders for file in (self.folder / folder).rglob("*")]
        files.append(self.folder / "report.html")
        return {
            str(file.relative_to(self.folder)): file.read_bytes()
            for file in files
            if file.is_file()
        }


def make(folder: Path) -> Project:
    """A tiny project: Git and DVC initialised, everything committed, nothing run."""
    folder.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, folder / part)
    project = Project(folder)
    text = "\n".join(LINES) + "\n"
    (folder / "texts" / "plain.txt").write_text(text, encoding="utf-8")
    rows = [f"{line.replace(' .', '')},{'good' if 'likes' in line else 'bad'}" for line in LINES]
    (folder / "texts" / "moods.csv").write_text(
        "words,mood\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    project.change(lambda tree: tree.update(tiny(tree)))
    for words in (
        ("git", "init", "-q"),
        ("git", "config", "user.email", "test@example.com"),
        ("git", "config", "user.name", "test"),
        ("dvc", "init", "-q"),
        ("dvc", "config", "core.analytics", "false"),
        ("git", "add", "-A"),
        ("git", "commit", "-qm", "tiny"),
    ):
        project.run(*words)
    return project


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A tiny project after its first `dvc repro`, and what that printed; left as it is."""
    project = make(tmp_path_factory.mktemp("walk") / "project")
    return project, project.run("dvc", "repro")


@pytest.fixture
def changed(walked: tuple[Project, str], tmp_path: Path) -> Project:
    """A copy of that project, to be changed."""
    shutil.copytree(walked[0].folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
