"""`seqproof trace`: show what a result depends on, and what depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pipelines import console
from pipelines.config import params
from pipelines.lineage import snapshots, targets
from pipelines.lineage import trace as lineage
from pipelines.lineage.lockfiles import SHORT
from pipelines.lineage.stage_graph import within
from pipelines.lineage.trace import (
    DOWNSTREAM,
    TARGET,
    UNCHANGED,
    UPSTREAM,
    Trace,
    TracedFile,
    TracedStage,
)
from pipelines.tracking import run_store

HEADINGS = {UPSTREAM: "Upstream", TARGET: "Target", DOWNSTREAM: "Downstream"}


def trace(name: str, as_json: bool) -> None:
    """Print all stages that a target depends on and that depend on it, and what is missing.

    Args:
        name: a path, model, corpus, stage, MD5, run or commit.
        as_json: print JSON instead of text.

    Raises:
        UserError: there is no such target.
    """
    root = console.root()
    params.load(root / "params.yaml")
    runs, error = run_store.try_open_store(root)
    with snapshots.open_snapshot(root) as workspace:
        target = targets.resolve(name, root, workspace, runs)
        result = lineage.trace(target, root, workspace, runs)
    problems = [*result.problems, *([error] if error else [])]
    if as_json:
        console.print_json(asdict(result) | {"problems": problems})
        return
    for line in _lines(result):
        console.echo(line)
    console.echo("Problems:" if problems else "No problems.")
    for line in problems:
        console.echo(f"  {line}")


def _lines(result: Trace) -> Iterator[str]:
    yield result.target
    part = ""
    for stage in result.stages:
        if stage.part != part:
            yield f"{HEADINGS[stage.part]}:"
        part = stage.part
        yield from (f"  {line}" for line in _stage_lines(stage, result.path))


def _stage_lines(stage: TracedStage, target_path: str | None) -> Iterator[str]:
    yield stage.stage
    if stage.source:
        yield f"  source: {_source(stage.source)}"
    unchanged = [file for file in stage.deps if file.state == UNCHANGED]
    if unchanged:
        yield f"  reads {len(unchanged)} files and folders of code and text, {UNCHANGED}"
    for file in stage.deps:
        if file.state != UNCHANGED:
            yield f"  reads {file.path}  {file.md5[:SHORT]}  {file.state}"
    if stage.run:
        yield f"  {_run(stage.run)}"
    for file in stage.outs:
        selected = target_path and (
            within(target_path, file.path) or within(file.path, target_path)
        )
        yield f"{'> ' if selected else '  '}{_file(file)}"


def _source(source: Mapping[str, Any]) -> str:
    """Describe the source of a corpus in one line."""
    kind = source.get("kind")
    if kind == "package":
        name = f"{source.get('name')} {source.get('version')}"
        return f"package {name}, sha256 {source.get('sha256')}"
    if kind == "url":
        downloads = source.get("downloads", [])
        return ", ".join(f"{file.get('url')}, sha256 {file.get('sha256')}" for file in downloads)
    if kind == "files":
        return f"files {', '.join(source.get('paths', []))}"
    return f"{source.get('generator')}, generated: {source.get('examples')} examples"


def _run(run: Mapping[str, str]) -> str:
    dirty = {"true": "with uncommitted changes", "false": "clean"}.get(run["dirty"], "no Git")
    sealed = {"yes": "sealed", "no": "not sealed"}.get(run["sealed"], f"sealed {run['sealed']}")
    commit = f"commit {run['commit'][:SHORT]}, {dirty}"
    locks = f", in dvc.lock of {run['locks']}" if run["locks"] else ""
    name = f"{run['name']} in {run['experiment']}"
    return f"run {run['id'][:SHORT]} ({name}), {commit}, {sealed}{locks}"


def _file(file: TracedFile) -> str:
    if not file.md5:
        return f"{file.path}  never written"
    cached = {True: ", cached", False: ", not cached", None: ""}[file.cached]
    metrics = [f"{key.removeprefix('test_')} {value:.6g}" for key, value in file.metrics.items()]
    numbers = f": {', '.join(metrics)}" if metrics else ""
    return f"{file.path}  {file.md5[:SHORT]}  {file.state}{cached}{numbers}"
