"""Two versions of dvc.lock are merged entry by entry."""

import itertools

import pytest

from pipelines.errors import UserError
from pipelines.lineage import dvc_project, lock_merge


def lock(**versions: str) -> str:
    """Return a dvc.lock with an entry for each stage; `_at_` stands for `@`."""
    entries = (
        f"  {name.replace('_at_', '@')}:\n    cmd: run\n    outs:\n    - path: {name}\n"
        f"      hash: md5\n      md5: '{version}'\n      size: 1\n"
        for name, version in versions.items()
    )
    return dvc_project.HEADER + "".join(entries) if versions else lock_merge.EMPTY


def version_of(text: str, name: str) -> str | None:
    """Return the version that the entry of a stage has; None without an entry."""
    if text == lock_merge.EMPTY:
        return None
    entry = dvc_project.parse_lock(text).get(name)
    return None if entry is None else next(iter(entry.outs.values()))


@pytest.mark.parametrize("versions", list(itertools.product(("1", "2", "3", None), repeat=3)))
def test_an_entry_that_one_side_changed_is_taken_from_it(versions: tuple[str | None, ...]) -> None:
    old, ours, theirs = versions
    texts = [
        lock(**({"check": "9"} | ({} if version is None else {"train_at_b": version})))
        for version in versions
    ]
    merged = lock_merge.merge(*texts)
    changes = [version for version in (ours, theirs) if version != old]
    expected = old if not changes else changes[0] if len(set(changes)) == 1 else None
    assert version_of(merged.text, "train@b") == expected
    assert version_of(merged.text, "check") == "9"
    assert merged.left_out == (("train@b",) if len(set(changes)) > 1 else ())


def test_two_branches_that_trained_different_models_have_both() -> None:
    base = lock(check="1", report="1")
    ours = lock(check="1", train_at_a="1", evaluate_at_a="1", report="2")
    theirs = lock(check="1", train_at_b="1", evaluate_at_b="1", report="3")
    merged = lock_merge.merge(base, ours, theirs)
    names = ["check", "train@b", "evaluate@b", "train@a", "evaluate@a"]
    assert list(dvc_project.parse_lock(merged.text)) == names
    assert merged.left_out == ("report",)


def test_a_merge_with_itself_or_without_an_ancestor_changes_no_byte() -> None:
    text = lock(check="1", train_at_b="2")
    for base in ("", lock(check="0"), text):
        assert lock_merge.merge(base, text, text) == lock_merge.MergedLock(text, ())
    assert lock_merge.merge("", lock(check="1"), lock(check="2")).text == lock_merge.EMPTY
    assert lock_merge.merge("", lock_merge.EMPTY, text).text == text


@pytest.mark.parametrize(
    "damaged",
    [
        "no lock",
        "# a comment\n" + lock(check="1"),
        lock(check="1").replace("    cmd: run\n", "<<<<<<< ours\n    cmd: run\n"),
        lock(check="1") + lock(check="1").removeprefix(dvc_project.HEADER),
        lock(check="1").replace("size: 1", "size: much"),
        lock(check="1").replace("size: 1", "size: .inf"),
        lock(check="1").removesuffix("\n"),  # an entry may follow on the same line
        lock(check="1") + "...\n",
        lock(check="1").replace("\n", "\r\n"),
        lock(check="1").replace("2.0", "3.0"),
        dvc_project.HEADER,
        " ",
    ],
)
def test_a_damaged_version_is_refused(damaged: str) -> None:
    sound = lock(check="1", report="1")
    sides = ("the common ancestor", "the current branch", "the other branch")
    for position, side in enumerate(sides):
        texts = [sound, sound, sound]
        texts[position] = damaged
        with pytest.raises(UserError, match=rf"dvc\.lock of {side} is damaged"):
            lock_merge.merge(*texts)


def test_only_the_ancestor_may_be_empty() -> None:
    """Else a file that a full disk has emptied would remove all entries."""
    sound = lock(check="1")
    for texts in ((sound, "", sound), (sound, sound, "")):
        with pytest.raises(UserError, match="is damaged, so Git merges the lines"):
            lock_merge.merge(*texts)
