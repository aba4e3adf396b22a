"""Level 0: every hash along a chain agrees with dvc.lock, dvc.yaml, params.yaml and DVC's cache.

All files are read again. Each finding is one sentence: what, where, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines import console
from pipelines.lineage import dvc_project, provenance
from pipelines.lineage.lockfiles import SHORT, truncated
from pipelines.tracking import runs
from pipelines.verification import mlflow_checks
from pipelines.verification.verify_targets import VerifyTarget

LONGEST = 40  # characters of a value that are quoted
TAKE_BACK = "dvc.lock was changed: take it back from Git, or `dvc repro -f`"


def level_0(subject: VerifyTarget) -> list[str]:
    """What does not agree; nothing if all does."""
    sizes = [sum(entry.sizes.values()) for entry in _entries(subject).values()]
    with console.progress(f"verify {subject.model}", sum(sizes) / 1e6, "MB") as bar:
        found: list[str] = []
        for stage in subject.stages:
            entry = subject.entries.get(stage)
            if entry is None:
                found.append(f"{stage} is not in dvc.lock: {subject.again(stage)} runs it.")
                continue
            found += _as_written(subject, stage, entry)
            found += _linked(subject, stage, entry)
            found += _outs(subject, stage, entry)
            bar.advance(sum(entry.sizes.values()) / 1e6, stage)
        found += _read(subject)
        found += mlflow_checks.findings(subject)
    return found


def _entries(subject: VerifyTarget) -> dict[str, dvc_project.LockedStage]:
    return {name: subject.entries[name] for name in subject.stages if name in subject.entries}


def _as_written(subject: VerifyTarget, stage: str, entry: dvc_project.LockedStage) -> Iterator[str]:
    """Command, files and parameters, as dvc.yaml and params.yaml have them."""
    now = subject.version.stages.get(stage)
    if now is None:
        yield f"dvc.yaml has no stage {stage}, and dvc.lock has: what it left is of another graph."
        return
    again = subject.again(stage)
    if now.command != entry.inputs.command:
        yield f"{stage} ran another command than dvc.yaml has: {again}."
    files = {"reads": set(entry.inputs.files) ^ set(now.files)}
    files |= {"leaves": set(entry.outs) ^ set(now.outs)}
    for what, paths in files.items():
        if paths:
            said = truncated(sorted(paths))
            yield f"{stage} {what} other files in dvc.yaml than in dvc.lock ({said}): {again}."
    then, there = runs.flatten(entry.inputs.params), runs.flatten(now.params)
    other = sorted(key for key in {*then, *there} if then.get(key) != there.get(key))
    if other:
        values = [f"{key}: {_value(there, key)}, {_value(then, key)}" for key in other]
        yield f"params.yaml has other values than {stage} read ({truncated(values)}): {again}."


def _linked(subject: VerifyTarget, stage: str, entry: dvc_project.LockedStage) -> Iterator[str]:
    """What the stage read is what other stages left."""
    for path, md5 in entry.inputs.files.items():
        for maker in subject.chain.makers(path):
            left = subject.entries.get(maker)
            if left is None or path not in left.outs:
                continue
            if left.outs[path] != md5:
                yield (
                    f"{stage} read {path} as {md5[:SHORT]}, and {maker} left it as "
                    f"{left.outs[path][:SHORT]}: {subject.again(stage)}."
                )
            elif _measure(left, path) != _measure(entry, path):
                yield f"dvc.lock has two sizes of {path}, by {maker} and by {stage}: {TAKE_BACK}."


def _measure(entry: dvc_project.LockedStage, path: str) -> tuple[int | None, int | None]:
    return entry.sizes.get(path), entry.counts.get(path)


def _outs(subject: VerifyTarget, stage: str, entry: dvc_project.LockedStage) -> Iterator[str]:
    """What the stage left, in its folder and in DVC's cache."""
    now = subject.version.stages.get(stage)
    for path, md5 in entry.outs.items():
        cached = now is None or now.outs.get(path, True)
        problems = list(_cached(subject, entry, path, md5)) if cached else []
        yield from problems
        # Of a commit, Git has what DVC's cache does not.
        if subject.version.commit is None or not cached:
            mend = f"{subject.again(stage)} makes it again"
            if cached and not problems:
                mend = f"`dvc checkout --force {path}` takes it back"
            yield from _same(subject, entry, path, md5, mend, f"what {stage} left")


def _same(
    subject: VerifyTarget, entry: dvc_project.LockedStage, path: str, md5: str, mend: str, what: str
) -> Iterator[str]:
    """A file or folder is what dvc.lock has."""
    found = subject.version.content(path)
    where = f"in {subject.place}" if subject.place else "here"
    if found is None:
        yield f"{path} is not {where}: {mend}."
    elif found.md5 != md5:
        inside = _inside(subject, path, md5)
        yield (
            f"{path} is not {what}{inside} ({found.md5[:SHORT]} {where}, {md5[:SHORT]} in "
            f"dvc.lock): {mend}."
        )
    elif (found.size, found.count) != _measure(entry, path):
        yield f"dvc.lock has another size of {path} than it has: {TAKE_BACK}."


def _inside(subject: VerifyTarget, path: str, md5: str) -> str:
    """Which files of a folder are other files now."""
    other = []
    members = subject.version.members(md5) if md5.endswith(".dir") else {}
    for name, wanted in members.items():
        found = subject.version.content(f"{path}/{name}")
        if found is None or found.md5 != wanted:
            other.append(name if found else f"{name} is missing")
    if other:
        return f": {truncated(other)}"
    return ": it holds another file, too" if members else ""


def _cached(
    subject: VerifyTarget, entry: dvc_project.LockedStage, path: str, md5: str
) -> Iterator[str]:
    """DVC's cache has an out, and each object there is what its name says."""
    members = subject.version.members(md5) if md5.endswith(".dir") else {}
    objects = {path: md5} | {f"{path}/{name}": one for name, one in members.items()}
    places = {name: subject.version.kept(one) for name, one in objects.items()}
    mend = f"`dvc commit -f {path}` puts it there, if the one in the project's folder is right"
    for name, place in places.items():
        if not place.is_file():
            yield f"DVC's cache does not have {name} ({objects[name][:SHORT]}): {mend}."
        elif provenance.file_hash(place) != objects[name].removesuffix(".dir"):
            stored = "/".join(place.parts[-2:])
            yield f"DVC's cache holds {name} damaged, as {stored}: delete it there; {mend}."
    if subject.version.commit is not None and all(place.is_file() for place in places.values()):
        sizes = [places[name].stat().st_size for name in places if name != path or not members]
        if _measure(entry, path) != (sum(sizes), len(members) or None):
            yield f"dvc.lock has another size of {path} than it has: {TAKE_BACK}."


def _read(subject: VerifyTarget) -> Iterator[str]:
    """What no stage makes (code, and text of one's own) is what the stages read."""
    readers: dict[tuple[str, str, tuple[int | None, int | None]], list[str]] = {}
    for stage, entry in _entries(subject).items():
        for path, md5 in entry.inputs.files.items():
            if not subject.chain.makers(path):
                readers.setdefault((path, md5, _measure(entry, path)), []).append(stage)
    for (path, md5, _), stages in readers.items():
        mend = f"take it back from Git, or {subject.again(subject.stages[-1])}"
        entry, what = subject.entries[stages[0]], f"what {truncated(stages)} read"
        yield from _same(subject, entry, path, md5, mend, what)


def _value(values: Mapping[str, Any], key: str) -> str:
    said = str(values.get(key, "nothing"))
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."
