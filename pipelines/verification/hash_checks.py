"""Level 0: compare every hash with dvc.lock, dvc.yaml, params.yaml and DVC's cache.

All files are read again. Each finding is one sentence: what differs, where, and how to fix it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines import console
from pipelines.lineage import hashing
from pipelines.lineage.lockfiles import SHORT, truncated
from pipelines.lineage.stages import LockedStage, flatten
from pipelines.verification import mlflow_checks
from pipelines.verification.verify_targets import VerifyTarget

MAX_LENGTH = 40  # characters of a value in a message
RESTORE_LOCK = "dvc.lock was edited. Restore it from Git, or run `dvc repro -f`"


def check_hashes(target: VerifyTarget) -> list[str]:
    """Return all differences; empty if everything agrees."""
    total = sum(sum(entry.sizes.values()) for entry in _entries(target).values())
    with console.progress(f"verify {target.model}", total / 1e6, "MB", lines=False) as bar:
        findings: list[str] = []
        for stage in target.stages:
            entry = target.entries.get(stage)
            if entry is None:
                findings.append(
                    f"{stage} is missing from dvc.lock. Run {target.repro_command(stage)}."
                )
                continue
            findings += _check_definition(target, stage, entry)
            findings += _check_connections(target, stage, entry)
            findings += _check_outs(target, stage, entry)
            bar.advance(sum(entry.sizes.values()) / 1e6, stage)
        findings += _check_sources(target)
        findings += mlflow_checks.check_runs(target)
    return findings


def _entries(target: VerifyTarget) -> dict[str, LockedStage]:
    return {name: target.entries[name] for name in target.stages if name in target.entries}


def _check_definition(target: VerifyTarget, stage: str, entry: LockedStage) -> Iterator[str]:
    """Compare command, files and parameters with dvc.yaml and params.yaml."""
    definition = target.snapshot.stages.get(stage)
    if definition is None:
        yield (
            f"dvc.lock has {stage}, and dvc.yaml does not. Restore dvc.yaml from Git, or delete "
            "the stage from dvc.lock."
        )
        return
    repro = f"Run {target.repro_command(stage)}"
    if definition.command != entry.inputs.command:
        yield f"{stage} has different commands in dvc.yaml and dvc.lock. {repro}."
    changes = {"deps": set(entry.deps) ^ set(definition.deps)}
    changes |= {"outs": set(entry.outs) ^ set(definition.outs)}
    for key, paths in changes.items():
        if paths:
            names = truncated(sorted(paths))
            yield f"{stage} has different {key} in dvc.yaml and dvc.lock ({names}). {repro}."
    locked, current = flatten(entry.inputs.params), flatten(definition.params)
    keys = sorted(key for key in {*locked, *current} if locked.get(key) != current.get(key))
    if keys:
        values = [f"{key}: {_value(current, key)}, {_value(locked, key)}" for key in keys]
        yield (
            f"{stage} has different params in params.yaml and dvc.lock ({truncated(values)}). "
            f"{repro}."
        )


def _check_connections(target: VerifyTarget, stage: str, entry: LockedStage) -> Iterator[str]:
    """Compare dependencies of a stage with the outs of the stages that wrote them."""
    for path, md5 in entry.deps.items():
        for producer in target.graph.producers(path):
            written = target.entries.get(producer)
            if written is None or path not in written.outs:
                continue
            if written.outs[path] != md5:
                yield (
                    f"{stage} read {path} as {md5[:SHORT]}, but {producer} wrote "
                    f"{written.outs[path][:SHORT]}. Run {target.repro_command(stage)}."
                )
            elif _size(written, path) != _size(entry, path):
                yield (
                    f"dvc.lock has two sizes of {path}, in {producer} and in {stage}: "
                    f"{RESTORE_LOCK}."
                )


def _size(entry: LockedStage, path: str) -> tuple[int | None, int | None]:
    """Return bytes and number of files."""
    return entry.sizes.get(path), entry.counts.get(path)


def _check_outs(target: VerifyTarget, stage: str, entry: LockedStage) -> Iterator[str]:
    """Compare the outs of a stage in the workspace and in DVC's cache with dvc.lock."""
    definition = target.snapshot.stages.get(stage)
    for path, md5 in entry.outs.items():
        cacheable = definition is None or definition.outs.get(path, True)
        problems = list(_check_cache(target, entry, path, md5)) if cacheable else []
        yield from problems
        # A commit has only the files that DVC's cache does not store.
        if target.snapshot.commit is None or not cacheable:
            fix = f"Run {target.repro_command(stage)}"
            if cacheable and not problems:
                fix = f"Run `dvc checkout --force {path}`"
            yield from _check_file(target, entry, path, md5, fix, f"{stage} wrote it")


def _check_file(
    target: VerifyTarget, entry: LockedStage, path: str, md5: str, fix: str, event: str
) -> Iterator[str]:
    """Compare a file or folder with dvc.lock."""
    content = target.snapshot.file_hash(path)
    location = target.location or "the workspace"
    if content is None:
        yield f"{path} is missing from {location}. {fix}."
    elif content.md5 != md5:
        members = _modified_members(target, path, md5)
        yield (
            f"{path} was modified after {event}{members} ({content.md5[:SHORT]} in {location}, "
            f"{md5[:SHORT]} in dvc.lock). {fix}."
        )
    elif (content.size, content.count) != _size(entry, path):
        yield f"dvc.lock has a wrong size of {path}: {RESTORE_LOCK}."


def _modified_members(target: VerifyTarget, path: str, md5: str) -> str:
    """Name the modified files of a folder."""
    names = []
    members = target.snapshot.members(md5) if md5.endswith(".dir") else {}
    for name, expected in members.items():
        content = target.snapshot.file_hash(f"{path}/{name}")
        if content is None or content.md5 != expected:
            names.append(name if content else f"{name} is missing")
    if names:
        return f": {truncated(names)}"
    return ": it has an additional file" if members else ""


def _check_cache(target: VerifyTarget, entry: LockedStage, path: str, md5: str) -> Iterator[str]:
    """Check that DVC's cache has an out, and that the content of each object has its hash."""
    members = target.snapshot.members(md5) if md5.endswith(".dir") else {}
    objects = {path: md5} | {f"{path}/{name}": member for name, member in members.items()}
    files = {name: target.snapshot.cache_path(hash_) for name, hash_ in objects.items()}
    fix = f"if the workspace has the right content, run `dvc commit -f {path}`"
    for name, file in files.items():
        if not file.is_file():
            yield f"DVC's cache is missing {name} ({objects[name][:SHORT]}): {fix}."
        elif hashing.file_md5(file) != objects[name].removesuffix(".dir"):
            stored = "/".join(file.parts[-2:])
            yield f"DVC's cache has a damaged {name}, as {stored}. Delete it there; {fix}."
    if target.snapshot.commit is not None and all(file.is_file() for file in files.values()):
        sizes = [files[name].stat().st_size for name in files if name != path or not members]
        if _size(entry, path) != (sum(sizes), len(members) or None):
            yield f"dvc.lock has a wrong size of {path}: {RESTORE_LOCK}."


def _check_sources(target: VerifyTarget) -> Iterator[str]:
    """Compare files that no stage writes (code, the user's texts) with dvc.lock."""
    readers: dict[tuple[str, str, tuple[int | None, int | None]], list[str]] = {}
    for stage, entry in _entries(target).items():
        for path, md5 in entry.deps.items():
            if not target.graph.producers(path):
                readers.setdefault((path, md5, _size(entry, path)), []).append(stage)
    for (path, md5, _), stages in readers.items():
        fix = f"Restore it from Git, or run {target.repro_command(target.stages[-1])}"
        event = f"{truncated(stages)} read it"
        yield from _check_file(target, target.entries[stages[0]], path, md5, fix, event)


def _value(values: Mapping[str, Any], key: str) -> str:
    text = str(values.get(key, "nothing"))
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 3]}..."
