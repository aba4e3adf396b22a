"""Names that a shell completes: models, corpora and stages of the project in this folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


def models(incomplete: str) -> list[str]:
    """Return the models whose names begin with what was typed."""
    return _matching(_models(_project(), None), incomplete)


def translators(incomplete: str) -> list[str]:
    """Return the encoder-decoders whose names begin with what was typed."""
    return _matching(_models(_project(), "translation"), incomplete)


def language_models(incomplete: str) -> list[str]:
    """Return the language models whose names begin with what was typed."""
    return _matching(_models(_project(), "language_modelling"), incomplete)


def corpora(incomplete: str) -> list[str]:
    """Return the corpora whose names begin with what was typed."""
    return _matching(_map(_project(), "corpora"), incomplete)


def planar_examples(incomplete: str) -> list[str]:
    """Return the examples of `backpropagation` whose names begin with what was typed."""
    return _matching(_map(_map(_project(), "experiments"), "backpropagation"), incomplete)


def synthetic_tasks(incomplete: str) -> list[str]:
    """Return the synthetic tasks whose names begin with what was typed."""
    return _matching(_map(_map(_project(), "experiments"), "memory"), incomplete)


def sweeps(incomplete: str) -> list[str]:
    """Return the sweeps whose names begin with what was typed."""
    return _matching(_map(_project(), "sweeps"), incomplete)


def targets(incomplete: str) -> list[str]:
    """Return the models, corpora and groups of stages whose names begin with what was typed."""
    project = _project()
    stages = _map(_read(Path("dvc.yaml")), "stages")
    return _matching([*_models(project, None), *_map(project, "corpora"), *stages], incomplete)


def templates(incomplete: str) -> list[str]:
    """Return the templates whose names begin with what was typed."""
    from commands import templates as installed

    return _matching(sorted(file.stem for file in installed.FOLDER.glob("*.yaml")), incomplete)


def figures(incomplete: str) -> list[str]:
    """Return the figures of the tutorial whose names begin with what was typed."""
    from pipelines.tutorial.figures import FIGURES

    return _matching(sorted(FIGURES), incomplete)


def _matching(names: Collection[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _project() -> Mapping[str, Any]:
    return _read(Path("params.yaml"))


def _models(project: Mapping[str, Any], task: str | None) -> list[str]:
    """Return the models of a task; of all tasks for None."""
    tasks = {name: corpus.get("task") for name, corpus in _maps(project, "corpora").items()}
    return [
        name
        for family in _maps(project, "models").values()
        for name, model in family.items()
        if task is None
        or (isinstance(model, Mapping) and tasks.get(str(model.get("corpus"))) == task)
    ]


def _map(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the map of a key; empty if the key is missing or has another value."""
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def _maps(tree: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    """Return the entries of a map that are maps themselves."""
    return {name: _map(_map(tree, key), name) for name in _map(tree, key)}


def _read(file: Path) -> Mapping[str, Any]:
    """Read a YAML file without validation; a missing or damaged one completes nothing."""
    from pipelines.config import yaml_tree
    from pipelines.errors import UserError

    try:
        return yaml_tree.parse(file.read_text(encoding="utf-8"), str(file)).value
    except (OSError, ValueError, UserError):
        return {}
