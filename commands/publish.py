"""`seqproof publish`: write the results of projects next to the published numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import templates
from pipelines import console, paths
from pipelines.config import params
from pipelines.diagnostics.machine import memory_gib
from pipelines.errors import UserError
from pipelines.evaluation import metrics as registry
from pipelines.lineage import dvc_project, environment
from pipelines.reporting import benchmark_page, benchmark_results

MISSING = object()  # differs from every value, even None


def publish(projects: list[Path], data: Path, page: Path) -> None:
    """Replace the results of these projects' templates, and write all results as JSON and Markdown.

    Without projects, only the remarks on the results are read again.

    Args:
        projects: folders created by `seqproof new`, whose models were trained on this machine.
        data: the JSON file of all results.
        page: the Markdown file of all results.

    Raises:
        UserError: a project is incomplete; nothing is written.
    """
    results = benchmark_results.read(data)
    published: list[str] = []
    for project in projects:
        origin = _read_origin(project)
        name = origin["template"]
        if name in published:
            raise UserError(f"Two projects use the template '{name}'. Publish only one of them.")
        results[name] = _collect(project, origin)
        published.append(name)
    results = {
        name: run.model_copy(update={"remark": templates.remark(name)})
        for name, run in results.items()
    }
    _write({data: benchmark_results.as_json(results), page: benchmark_page.render(results)})
    for name in published:
        console.echo(f"Published {name} in {page}.")


def _read_origin(project: Path) -> dict[str, str]:
    """Read the template and the commit that `seqproof new` recorded in a project."""
    path = project / ".seqproof" / "origin.json"
    try:
        origin = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(origin[key]) for key in ("template", "git_commit", "git_dirty")}
    except FileNotFoundError:
        raise UserError(f"{path} is missing. Create the project with `seqproof new`.") from None
    except (ValueError, TypeError, KeyError):
        raise UserError(
            f"{path} is damaged. Create the project again with `seqproof new`."
        ) from None


def _collect(project: Path, origin: dict[str, str]) -> benchmark_results.BenchmarkRun:
    """Collect the results of a project."""
    template = origin["template"]
    config = _load_unchanged(project, template)
    goals = templates.goals(template)
    models = list(dict.fromkeys(model for goal in goals for model in goal.models))
    evaluations = {model: paths.evaluation_stage(config, model) for model in models}
    metrics = {
        model: benchmark_results.read_metrics(project / paths.metrics(model), stage)
        for model, stage in evaluations.items()
    }
    outdated = dvc_project.outdated(list(evaluations.values()), project)
    if outdated:
        raise UserError(f"{project}: {outdated[0]} is not up to date. Run `dvc repro` there.")
    stages = {paths.training_stage(config, model): model for model in models}
    costs = console.costs(stages, project)
    seconds = {stages[stage]: cost["seconds"] for stage, cost in costs.items()}
    return benchmark_results.BenchmarkRun(
        commit=origin["git_commit"],
        changed=origin["git_dirty"] == "true",
        machine=describe_machine(next(iter(config.models.values()))),
        rows=tuple(benchmark_results.row(goal, metrics, seconds) for goal in goals),
        remark="",
    )


def _load_unchanged(project: Path, template: str) -> params.Params:
    """Load the params of a project, and require that they are those of its template."""
    config = params.load(project / paths.PARAMS)
    registry.check_goals(config)
    expected = params.load(templates.find(template))
    # Goals have no influence on the results.
    own, original = (
        dict(_leaves(tree.model_dump(mode="json", exclude={"goals"}, by_alias=True)))
        for tree in (config, expected)
    )
    changed = [key for key in own | original if own.get(key, MISSING) != original.get(key, MISSING)]
    if changed:
        more = f" and {len(changed) - 1} more differ" if changed[1:] else " differs"
        raise UserError(
            f"{project / paths.PARAMS}: {changed[0]}{more} from the template '{template}'. "
            "Restore the template's values and run `dvc repro`, or create a new project."
        )
    return config


def _leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a tree with its dotted key."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def describe_machine(model: params.Model) -> benchmark_results.Machine:
    """Describe this machine and the device on which TensorFlow trains a model."""
    with console.quiet_imports():
        from pipelines.training import device

    description = device.describe(model)
    return benchmark_results.Machine(
        cpu=environment.processor(),
        cores=environment.cores(),
        memory_gib=round(memory_gib(), 1),
        device=description["device"],
        tensorflow=description["tensorflow"],
    )


def _write(texts: dict[Path, str]) -> None:
    """Write all files or none: each is written to a temporary file first."""
    temporary = {path: path.with_name(f".{path.name}.new") for path in texts}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary[path].write_text(text, encoding="utf-8", newline="\n")
    for path in texts:
        temporary[path].replace(path)
