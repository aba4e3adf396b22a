"""`seqproof publish`: what projects reached, beside the published numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import templates
from pipelines import console
from pipelines.config import params
from pipelines.diagnostics.machine import memory_gib
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, provenance
from pipelines.reporting import benchmark_page, benchmark_results

MISSING = object()  # beside every value, None too


def publish(projects: list[Path], data: Path, page: Path) -> None:
    """Replace the results of these projects' templates, and write all results as data and page.

    Without projects only what people wrote of them is read again.

    Args:
        projects: folders that `seqproof new` made, whose models were trained on this machine.
        data: JSON of the results so far.
        page: the same as Markdown.

    Raises:
        Refusal: a project lacks something; nothing is written then.
    """
    known = benchmark_results.read(data)
    fresh: dict[str, benchmark_results.BenchmarkRun] = {}
    for project in projects:
        origin = _origin(project)
        name = origin["template"]
        if name in fresh:
            raise UserError(
                f"Two of the projects are of the template '{name}': publish one of them."
            )
        fresh[name] = _run(project, origin)
    merged = {
        name: run.model_copy(update={"remark": templates.remark(name)})
        for name, run in (known | fresh).items()
    }
    _write({data: benchmark_results.as_json(merged), page: benchmark_page.page(merged)})
    for name in fresh:
        console.echo(f"{name} is published in {page}.")


def _origin(project: Path) -> dict[str, str]:
    """What `seqproof new` wrote of the project."""
    path = project / ".seqproof" / "origin.json"
    try:
        origin = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(origin[key]) for key in ("template", "git_commit", "git_dirty")}
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: `seqproof new` makes the projects to publish."
        ) from None
    except (ValueError, TypeError, KeyError):
        raise UserError(
            f"{path} is not as `seqproof new` wrote it: make the project anew."
        ) from None


def _run(project: Path, origin: dict[str, str]) -> benchmark_results.BenchmarkRun:
    """The results of one project."""
    name = origin["template"]
    entries = _as_the_template(project, name)
    commands = dvc_project.commands("evaluate", project)
    goals = templates.goals(name)
    models = dict.fromkeys(model for goal in goals for model in goal.models)
    found = {
        model: benchmark_results.metrics(
            project / dvc_project.option(commands[model], "metrics"), model
        )
        for model in models
    }
    stale = dvc_project.outdated([f"evaluate@{model}" for model in models], project)
    if stale:
        raise UserError(f"{project}: {stale[0]} is not up to date: run `dvc repro` there first.")
    stages = {f"{params.training_stage(entries[model])}@{model}": model for model in models}
    costs = console.costs(stages, project)
    seconds = {stages[stage]: cost["seconds"] for stage, cost in costs.items()}
    return benchmark_results.BenchmarkRun(
        commit=origin["git_commit"],
        changed=origin["git_dirty"] == "true",
        machine=machine(next(iter(entries.values()))),
        rows=tuple(benchmark_results.row(goal, found, seconds) for goal in goals),
        remark="",
    )


def _as_the_template(project: Path, name: str) -> dict[str, params.Model]:
    """The models of a project whose parameters are those of its template."""
    here, there = params.load(project / "params.yaml"), params.load(templates.find(name))
    # What they are held to has no part in how the numbers came about.
    trees = (tree.model_dump(mode="json", exclude={"goals"}) for tree in (here, there))
    mine, theirs = (dict(_leaves(tree)) for tree in trees)
    other = [key for key in mine | theirs if mine.get(key, MISSING) != theirs.get(key, MISSING)]
    if other:
        more = f" and {len(other) - 1} more differ" if other[1:] else " differs"
        raise UserError(
            f"{project / 'params.yaml'}: {other[0]}{more} from the template '{name}', whose "
            "numbers are published: make them the same and `dvc repro`, or make a project anew."
        )
    return here.models


def _leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a tree with its dotted key; models once, not once more by their stage."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        elif not path.split(".")[0].endswith("_models"):
            yield f"{path}{key}", value


def machine(entry: params.Model) -> benchmark_results.Machine:
    """This machine, and what TensorFlow trains such a model on here."""
    with console.quiet_imports():
        from pipelines.training import device

    described = device.describe(entry)
    return benchmark_results.Machine(
        cpu=provenance.processor(),
        cores=provenance.cores(),
        memory_gib=round(memory_gib(), 1),
        device=described["device"],
        tensorflow=described["tensorflow"],
    )


def _write(texts: dict[Path, str]) -> None:
    """Whole files or none: each is written beside its place first."""
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _beside(path).write_text(text, encoding="utf-8", newline="\n")
    for path in texts:
        _beside(path).replace(path)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")
