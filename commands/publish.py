"""`seqproof publish`: write the results of projects next to the published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from commands import templates
from pipelines import console, files, paths
from pipelines.config import params
from pipelines.diagnostics.machine import memory_gib
from pipelines.errors import UserError
from pipelines.evaluation import metrics as registry
from pipelines.lineage import dvc_project, environment
from pipelines.lineage.stages import leaves
from pipelines.reporting import benchmark_page, benchmark_results

CODE = ("pipelines", "stages")  # folders of code among the dependencies of a stage
MISSING = object()  # differs from every value, even None


def publish(projects: list[Path], data: Path, page: Path) -> None:
    """Replace the results of these projects' templates, and write all results as JSON and Markdown.

    Without projects, only the remarks on the results are read again, and the code that the models
    were trained with is compared with that of this clone.

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
    changed = _changed_code(results)
    results = {
        name: run.model_copy(
            update={"remark": templates.remark(name), "changed_code": changed[name]}
        )
        for name, run in results.items()
    }
    text = benchmark_page.render(results, templates.titles())
    _write({data: benchmark_results.as_json(results), page: text})
    for name in published:
        console.echo(f"Published {name} in {page}.")


def _read_origin(project: Path) -> dict[str, str]:
    """Read the template and the commit that `seqproof new` recorded in a project."""
    path = project / ".seqproof" / "origin.json"
    try:
        origin = files.read_json(path, dict[str, Any])
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
    # Results of earlier code are marked on the page.
    outdated = dvc_project.outdated(list(evaluations.values()), project, earlier_code=CODE)
    if outdated:
        raise UserError(f"{project}: {outdated[0]} is not up to date. Run `seqproof run` there.")
    stages = {paths.training_stage(config, model): model for model in models}
    costs = console.costs(stages, project)
    lock = project / paths.DVC_LOCK
    locked = dvc_project.parse_lock(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    seconds = {stages[stage]: cost["seconds"] for stage, cost in costs.items()}
    return benchmark_results.BenchmarkRun(
        commit=origin["git_commit"],
        changed=origin["git_dirty"] == "true",
        machine=describe_machine(next(iter(config.models.values()))),
        rows=tuple(benchmark_results.row(goal, config, metrics, seconds) for goal in goals),
        code={
            path: md5
            for stage in sorted(stages.keys() & locked.keys())
            for path, md5 in sorted(locked[stage].deps.items())
            if path.split("/")[0] in CODE
        },
        changed_code=(),
        remark="",
    )


def _changed_code(results: Mapping[str, benchmark_results.BenchmarkRun]) -> dict[str, Any]:
    """Return the code of each result that this clone has in another version, or no longer has."""
    recorded = sorted({path for run in results.values() for path in run.code})
    if not recorded:
        return dict.fromkeys(results, ())
    with dvc_project.open_project(templates.SOURCE) as repo:
        files = {path: str(templates.SOURCE / path) for path in recorded}
        hashes = {path: dvc_project.file_hash(repo, file) for path, file in files.items()}
    current = {path: content.md5 if content else None for path, content in hashes.items()}
    return {
        name: tuple(path for path, md5 in sorted(run.code.items()) if current[path] != md5)
        for name, run in results.items()
    }


def _load_unchanged(project: Path, template: str) -> params.Params:
    """Require the params of a project to be those of its template, and return these.

    Goals have no influence on the results: those of the template are used.
    """
    config = params.load(project / paths.PARAMS, with_goals=False)
    expected = params.load(templates.find(template))
    registry.check_goals(expected)
    own, original = (
        dict(leaves(tree.model_dump(mode="json", exclude={"goals"}, by_alias=True)))
        for tree in (config, expected)
    )
    changed = [key for key in own | original if own.get(key, MISSING) != original.get(key, MISSING)]
    if changed:
        more = f" and {len(changed) - 1} more differ" if changed[1:] else " differs"
        raise UserError(
            f"{project / paths.PARAMS}: {changed[0]}{more} from the template '{template}'. "
            "Restore the template's values and run `seqproof run`, or create a new project."
        )
    return expected


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
