"""Merge of the dvc.lock of two branches, entry by entry, as Git asks a merge driver for it.

Git compares lines: of two branches that have trained different models, it finds a conflict in the
entries that stand beside each other. Here the entry of a stage is a unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.lineage.stages import LockedStage

ATTRIBUTE = "dvc-lock"  # name of the driver in .gitattributes
# Git runs it in the root of the working tree, and writes what it prints to the user. Without
# seqproof, or with a damaged file, the result is that of Git's own merge of lines.
DRIVER = (
    'PATH=".venv/bin:$PATH" seqproof merge-lock %O %A %B || '
    "git merge-file --marker-size=%L -L ours -L base -L theirs %A %O %B"
)
EMPTY = "schema: '2.0'\nstages: {}\n"
END_OF_DOCUMENT = "\n..."  # of YAML: entries after it would be lost


@dataclass(frozen=True)
class MergedLock:
    """Result of a merge.

    Attributes:
        text: the merged dvc.lock.
        left_out: names of the stages whose entries both sides have changed.
    """

    text: str
    left_out: tuple[str, ...]


def merge(base: str, ours: str, theirs: str) -> MergedLock:
    """Merge two versions of a dvc.lock.

    An entry that one side has changed, added or removed is taken from it. One that both have
    changed is left out, unless the changes are equal: DVC then looks into its run cache for the
    merged inputs.

    Args:
        base: the text of the common ancestor; empty if it had none.
        ours: the text of the current branch.
        theirs: the text of the other branch.

    Raises:
        UserError: one of the texts is no dvc.lock as DVC writes it.
    """
    old, current, other = (
        _entries(text, side)
        for text, side in (
            (base or EMPTY, "the common ancestor"),
            (ours, "the current branch"),
            (theirs, "the other branch"),
        )
    )
    merged: dict[str, str] = {}
    left_out: list[str] = []
    for name in _order(list(current), list(other)):
        entry = current.get(name)
        if entry != other.get(name):
            if entry == old.get(name):
                entry = other.get(name)
            elif other.get(name) != old.get(name):
                left_out.append(name)
                continue
        if entry is not None:
            merged[name] = entry
    text = dvc_project.HEADER + "".join(merged.values()) if merged else EMPTY
    return MergedLock(text, tuple(left_out))


def _order(ours: list[str], theirs: list[str]) -> list[str]:
    """Return the names of both sides: each name of theirs only follows the one before it there."""
    names = list(ours)
    position = 0
    for name in theirs:
        if name not in names:
            names.insert(position, name)
        position = names.index(name) + 1
    return names


def _entries(text: str, side: str) -> Mapping[str, str]:
    """Return the text of each stage's entry by its name.

    Args:
        text: a dvc.lock.
        side: whose it is, for the message.

    Raises:
        UserError: DVC has not written the text, or not to its end.
    """
    if text == EMPTY:
        return {}
    names: Mapping[str, LockedStage] = {}
    with suppress(UserError):
        names = dvc_project.parse_lock(text)  # refuses damaged texts that can be split
    blocks = dvc_project.split_lock(text) or []
    is_whole = text.endswith("\n") and END_OF_DOCUMENT not in text
    if not blocks or len(blocks) != len(names) or not is_whole:
        raise UserError(
            f"dvc.lock of {side} is damaged, so Git merges the lines. If it finds a conflict, take "
            "one version as it is (`git checkout --ours dvc.lock`), and run `seqproof run`."
        )
    return dict(zip(names, blocks, strict=True))
