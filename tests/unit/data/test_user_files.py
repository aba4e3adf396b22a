"""What `source.paths` names: files, patterns and folders below texts/."""

import os
import sys
from pathlib import Path

import pytest

from pipelines.data import user_files
from pipelines.errors import UserError

NAMES = ("b.txt", "a.txt", "c.csv", "deep/d.txt", "deep/.hidden.txt", "good/1.txt", "bad/1.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in NAMES:
        file = tmp_path / "texts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, encoding="utf-8")
    (tmp_path / "outside.txt").write_text("x", encoding="utf-8")
    return tmp_path


def contents(*paths: str, root: Path) -> dict[str, str]:
    files = user_files.find_files(paths, root)
    return {name: file.read_text(encoding="utf-8") for name, file in files.items()}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("texts/b.txt", {"b.txt": "b.txt"}),
        ("texts/*.txt", {"a.txt": "a.txt", "b.txt": "b.txt"}),
        ("texts/?.csv", {"c.csv": "c.csv"}),
        ("texts/*/d.txt", {"d.txt": "deep/d.txt"}),
        ("texts/**/d*", {"d.txt": "deep/d.txt"}),
        ("texts/deep/**", {"d.txt": "deep/d.txt"}),
        ("texts/good", {"1.txt": "good/1.txt"}),
        (
            "texts",
            {name: name for name in sorted(NAMES) if "hidden" not in name},
        ),
    ],
)
def test_paths_are_files_patterns_or_folders(path: str, names: dict[str, str], root: Path) -> None:
    files = contents(path, root=root)
    assert files == names
    assert list(files) == list(names)


def test_brackets_are_no_wildcards(root: Path) -> None:
    (root / "texts" / "e[1].txt").write_text("e", encoding="utf-8")
    assert contents("texts/e[1].txt", root=root) == {"e[1].txt": "e"}
    assert contents("texts/e[1].*", root=root) == {"e[1].txt": "e"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("texts/x.txt", r"There is no file 'texts/x\.txt' \(did you mean 'texts/[ab]\.txt'\?\)"),
        ("texts/*.tsv", r"No file matches 'texts/\*\.tsv'.*correct 'paths'"),
        (
            "texts/a**/*.txt",
            r"No file matches 'texts/a\*\*/\*\.txt'"
            if sys.version_info >= (3, 13)  # where ** in a name is *
            else r"'texts/a\*\*/\*\.txt' is not a valid pattern",
        ),
        ("texts/*/1.txt", r"has two files '1\.txt'.*keep its subfolders"),
        ("outside.txt", r"'outside\.txt' is outside texts/.*set 'texts/outside\.txt'"),
        ("*.txt", "is outside texts/"),
        ("texts/../*.txt", "is outside texts/"),
        ("/etc/*", "is outside texts/"),
        ("texts/link", r"'texts/link' is a symbolic link to '.*outside\.txt'.*Copy the file"),
        ("texts/l*k", r"'texts/link' is a symbolic link to '.*outside\.txt'.*Copy the file"),
        ("texts/lost", r"'texts/lost' is a symbolic link to 'nowhere', which does not exist"),
        ("texts/circle", "'texts/circle' (is a symbolic link|cannot be read)"),
        ("texts/empty", "The folder 'texts/empty' has no files"),
        ("texts/a\0b", "cannot be read"),
        (f"texts/{'a' * 300}", "cannot be read: File name too long"),
        ("texts/pipe", "There is no file 'texts/pipe'"),
    ],
)
def test_other_paths_are_refused(path: str, message: str, root: Path) -> None:
    texts = root / "texts"
    (texts / "link").symlink_to(root / "outside.txt")
    (texts / "lost").symlink_to("nowhere")
    (texts / "circle").symlink_to("circle")
    (texts / "empty").mkdir()
    os.mkfifo(texts / "pipe")
    with pytest.raises(UserError, match=message) as error:
        user_files.find_files([path], root)
    assert "\n" not in str(error.value)


def test_raw_files_follow_the_names_and_patterns(root: Path) -> None:
    texts = root / "texts"
    files = [texts / name for name in ("a.txt", "c.csv", "b.txt", "deep/d.txt")]
    order = user_files.sort_files(files, texts, ["c.csv", "*.txt"])
    assert [file.name for file in order] == ["c.csv", "a.txt", "b.txt", "d.txt"]
