"""Clones of the project with tiny corpora and models, in which DVC runs for real."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from pipelines import fork_client, paths
from pipelines.config import params
from pipelines.lineage import dvc_project
from tests import packages
from tests.unit.corpus_entries import MOODS, PLAIN

ROOT = Path(__file__).parents[2]
DVC = Path(__file__).parent / "dvc" / "seqproof"
PARTS = (
    *("pipelines", "stages", "commands", "texts", "verified", "sweeps", "experiments"),
    *("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "pyproject.toml"),
)
OUTS = ("data", "models", "plots", "metrics", "predictions", "analyses", "experiments")
SENTENCES = [
    f"the {subject} {verb} the {noun} ."
    for subject in ("cat", "dog", "man")
    for verb in ("sees", "likes", "has")
    for noun in ("tree", "house", "sea", "hill", "cow", "pig", "hen", "bird", "sun", "moon")
]
CORPORA = {
    "plain": PLAIN,
    "phrases": {**PLAIN, "tokens": "words"},
    "moods": MOODS,
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
        "cleaning": {"unicode": "NFC", "lowercase": True, "max_length": 60, "drop_repeated": False},
        "tokens": "characters",
        "split": {"method": "shuffled", "by": "target", "valid": 0.1, "test": 0.2},
        "vocabulary": {"max_size": 100, "min_count": 1},
        "checks": {"rows": {"min": 10}, "unknown_rate": {"max": 0.5}, "length_ratio": {"max": 9.0}},
    },
    "slots": {
        "task": "tagging",
        "source": {"kind": "files", "paths": ["texts/slots.in", "texts/slots.out"]},
        "reader": {"format": "parallel"},
        "cleaning": {"unicode": "NFC", "lowercase": True, "max_length": 50, "drop_repeated": False},
        "tokens": "spaces",
        "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
        "vocabulary": {"max_size": 100, "min_count": 1},
        "checks": {"rows": {"min": 10}, "unknown_rate": {"max": 0.5}},
    },
}
# The model of params.yaml that each small model is made of, by family.
MODELS = {
    "baseline": {
        "plain-markov": "shakespeare-markov",
        "moods-logistic": "opinions-logistic",
        "moods-perceptron": "opinions-perceptron",
    },
    "lstm": {
        "plain-lstm": "shakespeare-lstm",
        "phrases-rnn": "shakespeare-rnn",
        "moods-rnn": "opinions-rnn",
    },
    "seq2seq": {"days-attention": "dates-attention"},
}
# The family of each model.
FAMILIES = {name: family for family, names in MODELS.items() for name in names} | {
    "moods-tuned": "fine_tuned",
    "slots-tagger": "lstm",
}
TRAININGS = {f"{params.FAMILIES[family]}@{name}" for name, family in FAMILIES.items()}
EVALUATIONS = {f"evaluate_{family}@{name}" for name, family in FAMILIES.items()}
DATA = {
    f"{stage}@{corpus}" for stage in ("fetch", "preprocess", "build_vocab") for corpus in CORPORA
}
EXPERIMENTS = {"backpropagation@xor", "memory@adding"}
RUNNING = re.compile(r"Running stage '([^']+)'")
SMALL = {"epochs": 1, "batch_size": 4, "bptt_steps": 8, "embedding": 4, "units": 6}
MEMORY = {
    "lags": [4],
    "bptt_steps": ["full"],
    "learning_rates": [0.01],
    "seeds": 2,
    "units": 3,
    "batch_size": 2,
    "steps": 2,
    "clip_norm": 1.0,
    "threshold": 0.1,
}


def tiny(tree: dict[str, Any]) -> None:
    """Make params.yaml small: own texts instead of packages, one epoch, few units."""
    shipped = tree["models"]
    models: dict[str, dict[str, Any]] = {"fine_tuned": {}}
    for family, origins in MODELS.items():
        models[family] = {}
        for name, origin in origins.items():
            entry = {**shipped[family][origin], "corpus": name.partition("-")[0]}
            small = {key: value for key, value in SMALL.items() if key in entry}
            models[family][name] = entry | small
    models["lstm"]["phrases-rnn"]["ngram"] = {"order": 2, "smoothing": "witten_bell"}
    tuned = {"init_from": "phrases-rnn", "ensemble_size": 2}
    models["fine_tuned"]["moods-tuned"] = models["lstm"]["moods-rnn"] | tuned
    recurrent = {key: x for key, x in models["lstm"]["moods-rnn"].items() if key != "pooling"}
    tagger = {"model": "tagger", "corpus": "slots", "cell": "lstm", "crf": True}
    models["lstm"]["slots-tagger"] = recurrent | tagger
    tree["corpora"] = CORPORA
    tree["models"] = {family: models[family] for family in shipped}
    tree["experiments"] = {key: {} for key in tree["experiments"]} | {
        "backpropagation": tree["experiments"]["backpropagation"],
        "cells": {"tanh": {"cell": "rnn"}},
        "memory": {"adding": MEMORY},
    }


class _Dumper(yaml.SafeDumper):
    """YAML without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class Project:
    """A project in its own folder.

    Args:
        folder: its root.
        variables: environment variables of all its commands: those of a fork server.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str] = MappingProxyType({})) -> None:
        self.folder, self.variables = folder, variables

    def run(
        self, *command: str, ok: bool = True, one_core: bool = False, **environment: str
    ) -> str:
        """Run a command with the interpreter of the tests; the fork server runs DVC, too.

        Args:
            command: program and arguments.
            ok: it is to succeed; else, to fail.
            one_core: the command may use one core only.
            environment: further variables.

        Returns:
            Output and errors.
        """
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        variables = {**self.variables, **environment}
        if command[0] == "dvc" and variables.get(fork_client.ADDRESS):
            command = (sys.executable, str(DVC), *command[1:])
        process = subprocess.run(
            command,
            cwd=self.folder,
            env={**clean, "PATH": path, "COLUMNS": "200", **variables},
            preexec_fn=_use_one_core if one_core else None,
            capture_output=True,
            text=True,
            check=False,
        )
        output = process.stdout + process.stderr
        assert (process.returncode == 0) == ok, output
        return output

    def edit_params(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Edit params.yaml."""
        path = self.folder / "params.yaml"
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        edit(tree)
        path.write_text(yaml.dump(tree, Dumper=_Dumper, sort_keys=False), encoding="utf-8")

    def outs(self) -> dict[str, bytes]:
        """Return every file that a stage wrote, by its path."""
        files = [file for folder in OUTS for file in (self.folder / folder).rglob("*")]
        files.append(self.folder / "report.html")
        return {
            str(file.relative_to(self.folder)): file.read_bytes()
            for file in files
            if file.is_file()
        }

    def outdated(self) -> set[str]:
        """Return the stages whose own dependencies, parameters or outs differ from dvc.lock."""
        with dvc_project.open_project(self.folder) as repo:
            return {str(stage).rpartition(":")[2] for stage in repo.status()}

    def metrics(self, name: str) -> dict[str, Any]:
        """Return the metrics of a model."""
        return json.loads((self.folder / paths.metrics(name)).read_text(encoding="utf-8"))

    def commit_results(self) -> None:
        """Commit what DVC leaves to Git."""
        self.run("git", "add", "dvc.lock", "metrics")
        self.run("git", "commit", "-qm", "results")

    def runs(self) -> dict[str, tuple[dict[str, str], str]]:
        """Return parameters and artifact address of each finished run, by its id."""
        runs = {}
        with sqlite3.connect(self.folder / "mlflow.db") as store:
            query = "select run_uuid, artifact_uri from runs where status = 'FINISHED'"
            for run, uri in store.execute(query).fetchall():
                values = store.execute("select key, value from params where run_uuid = ?", [run])
                runs[run] = (dict(values), uri)
        return runs

    def copy(self, folder: Path) -> "Project":
        """Return a copy of this project to edit; what nobody edits in place is linked."""
        shutil.copytree(self.folder, folder, symlinks=True, copy_function=_copy_file)
        return Project(folder, self.variables)


def stages_run(output: str) -> set[str]:
    """Return the stages that DVC ran."""
    return set(RUNNING.findall(output))


def library_noise(output: str) -> list[str]:
    """Return the lines that no user wants to see, except results of the data checks."""
    checks = re.compile(rf"^(?:{'|'.join(CORPORA)}): .*\n", re.MULTILINE)  # of preprocess
    noise = r"(?i).*(?:warning|oneDNN|absl|cuda|deprecat|alembic|traceback).*"
    return re.findall(noise, checks.sub("", output))


def _use_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


def _copy_file(source: str, target: str) -> None:
    if {"mlartifacts", "cache", "objects"} & set(Path(source).parts):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def create(folder: Path, variables: Mapping[str, str]) -> Project:
    """Create a tiny project: Git and DVC are initialised, all is committed, no stage has run."""
    folder.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            packages.copy(part, folder)
        else:
            shutil.copy(ROOT / part, folder / part)
    project = Project(folder, variables)
    text = "\n".join(SENTENCES) + "\n"
    (folder / "texts" / "plain.txt").write_text(text, encoding="utf-8")
    rows = [
        f"{sentence.replace(' .', '')},{'good' if 'likes' in sentence else 'bad'}"
        for sentence in SENTENCES
    ]
    (folder / "texts" / "moods.csv").write_text(
        "words,mood\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    (folder / "texts" / "slots.in").write_text(text, encoding="utf-8")
    tags = "O B-subject O O B-object O\n" * len(SENTENCES)
    (folder / "texts" / "slots.out").write_text(tags, encoding="utf-8")
    project.edit_params(tiny)
    for command in (
        ("git", "init", "-q"),
        ("git", "config", "user.email", "test@example.com"),
        ("git", "config", "user.name", "test"),
        ("dvc", "init", "-q"),
        ("dvc", "config", "core.analytics", "false"),
        ("git", "add", "-A"),
        ("git", "commit", "-qm", "tiny"),
    ):
        project.run(*command)
    return project
