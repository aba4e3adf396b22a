"""A small project, and how one of its stages meets a hostile input."""

from __future__ import annotations

import hashlib
import importlib
import io
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines import console
from tests.unit.stages.test_data_stages import OPINIONS, TREE

ROWS = "".join(f"it is so {word} {n},{word}\n" for n in range(20) for word in ("good", "bad"))
CSV = f"opinion,mood\n{ROWS}"
Content = bytes | str | Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """A hostile input.

    Attributes:
        message: regular expression of the sentence; it names place, problem and remedy.
        corpus: changes of the corpus `mood`, merged key by key.
        params: text or bytes in place of params.yaml, or a function of its text.
        files: files to write: their content, or a function that makes them.
        stages: to run; the last one stops.
        code: exit code.
    """

    message: str
    corpus: Mapping[str, Any] = field(default_factory=dict)
    params: bytes | Callable[[str], str] | None = None
    files: Mapping[str, Content] = field(default_factory=dict)
    stages: tuple[str, ...] = ("check", "fetch", "preprocess")
    code: int = 1


def merge(tree: Any, changes: Any) -> Any:
    """Return a tree with the changes of another one; None removes a key."""
    if not (isinstance(tree, Mapping) and isinstance(changes, Mapping)):
        return changes
    merged = {**tree, **{key: merge(tree.get(key), value) for key, value in changes.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def write_project(folder: Path, case: Case) -> None:
    """Write params.yaml and the files of a case."""
    (folder / "texts").mkdir()
    (folder / "texts" / "mood.csv").write_text(CSV, encoding="utf-8")
    corpora = {"mood": merge(OPINIONS, case.corpus)}
    text = yaml.safe_dump({**TREE, "corpora": corpora}, allow_unicode=True, sort_keys=False)
    if callable(case.params):
        text = case.params(text)
    content = case.params if isinstance(case.params, bytes) else text.encode()
    (folder / "params.yaml").write_bytes(content)
    write_files(folder, case.files)


def write_files(folder: Path, files: Mapping[str, Content]) -> None:
    """Write files: their content, or what a function makes."""
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(value):
            value(path)
        else:
            path.write_bytes(value.encode() if isinstance(value, str) else value)


def run_stage(stage: str) -> tuple[int, str]:
    """Run a stage in this process; return its exit code and what it wrote to standard error."""
    main = importlib.import_module(f"stages.{stage}").main
    arguments = [] if stage == "check" else ["mood"]
    original, sys.argv = sys.argv, [stage, *arguments]
    errors = io.StringIO()
    try:
        with redirect_stderr(errors), redirect_stdout(io.StringIO()):
            console.launch(stage, main)
        return 0, errors.getvalue()
    except SystemExit as end:
        return int(end.code or 0), errors.getvalue()
    finally:
        sys.argv = original


def snapshot(folder: Path) -> dict[str, str]:
    """Return the hashes of all files of a project, but the cost of each stage."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_fifo() and ".seqproof" not in path.parts
    }


def assert_one_sentence(case: Case, code: int, error: str) -> None:
    """Check exit code and message of a case: one line that names place, problem and remedy."""
    assert code == case.code, error
    assert re.fullmatch(rf"seqproof: .*{case.message}.*[.?]\n", error), error
    assert len(error) < 700
    assert "secret" not in error
