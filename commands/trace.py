"""`seqproof trace`: what a result comes from, and what comes from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pipelines import console, files
from pipelines.config import params
from pipelines.lineage import snapshots, targets
from pipelines.lineage import trace as traces
from pipelines.lineage.lockfiles import SHORT
from pipelines.lineage.stage_graph import within
from pipelines.lineage.trace import UNCHANGED, Trace, TracedFile, TracedStage

HEADS = {"upstream": "It comes from", "itself": "It is", "downstream": "From it comes"}


def trace(what: str, as_json: bool) -> None:
    """Print the whole chain of a thing, both ways, and what is missing of it.

    Args:
        what: a path, a model, a corpus, a stage, an MD5, a run or a commit.
        as_json: for programs.

    Raises:
        Refusal: nothing is called so.
    """
    root = console.root()
    params.load(root / "params.yaml")
    kept, lost = targets.runs_of(root)
    with snapshots.opened(root) as here:
        meant = targets.resolve(what, root, here, kept)
        found = traces.trace(meant, root, here, kept)
    missing = [*found.missing, *([lost] if lost else [])]
    if as_json:
        console.echo(files.dump_json(asdict(found) | {"missing": missing}).rstrip())
        return
    for line in _lines(found):
        console.echo(line)
    console.echo("Missing:" if missing else "Nothing is missing.")
    for line in missing:
        console.echo(f"  {line}")


def _lines(found: Trace) -> Iterator[str]:
    yield f"{found.what}"
    part = ""
    for link in found.links:
        if link.part != part:
            yield f"{HEADS[link.part]}:"
        part = link.part
        yield from (f"  {line}" for line in _link(link, found.path))


def _link(link: TracedStage, asked: str | None) -> Iterator[str]:
    yield link.stage
    if link.source:
        yield f"  from {_source(link.source)}"
    equal = [file for file in link.reads if file.here == UNCHANGED]
    if equal:
        yield f"  reads {len(equal)} files and folders of code and text, as in dvc.lock"
    for file in link.reads:
        if file.here != UNCHANGED:
            yield f"  reads {file.path}  {file.md5[:SHORT]}  {file.here}"
    if link.run:
        yield f"  {_run(link.run)}"
    for file in link.leaves:
        mark = "> " if asked and (within(asked, file.path) or within(file.path, asked)) else "  "
        yield f"{mark}{_file(file)}"


def _source(source: Mapping[str, Any]) -> str:
    """Where data is from, in one line."""
    kind = source.get("kind")
    if kind == "package":
        name = f"{source.get('name')} {source.get('version')}"
        return f"package {name}, sha256 {source.get('sha256')}"
    if kind == "url":
        downloads = source.get("downloads", [])
        return ", ".join(f"{one.get('url')}, sha256 {one.get('sha256')}" for one in downloads)
    if kind == "files":
        return f"files {', '.join(source.get('paths', []))}"
    return f"{source.get('generator')}, generated: {source.get('examples')} examples"


def _run(run: Mapping[str, str]) -> str:
    dirty = {"true": "with changes of its own", "false": "clean"}.get(run["dirty"], "no Git")
    sealed = {"yes": "sealed", "no": "not sealed"}.get(run["sealed"], f"sealed {run['sealed']}")
    commit = f"commit {run['commit'][:SHORT]}, {dirty}"
    where = f", in dvc.lock of {run['locks']}" if run["locks"] else ""
    named = f"{run['name']} in {run['experiment']}"
    return f"run {run['id'][:SHORT]} ({named}), {commit}, {sealed}{where}"


def _file(file: TracedFile) -> str:
    cached = {True: ", in the cache", False: ", not in the cache", None: ""}[file.cached]
    numbers = [f"{key.removeprefix('test_')} {value:.6g}" for key, value in file.numbers.items()]
    said = f": {', '.join(numbers)}" if numbers else ""
    return f"{file.path}  {file.md5[:SHORT] or 'not made'}  {file.here}{cached}{said}"
