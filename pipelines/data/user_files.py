"""Files of the user below `texts/`, which `source.paths` names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pipelines.errors import UserError, did_you_mean

TEXTS = "texts"  # the folder that `check` depends on in dvc.yaml
_WILDCARDS = "*?"


def find_files(paths: Iterable[str], root: Path) -> dict[str, Path]:
    """Return the files that paths name, by their path in the folder of raw files.

    A path names a file; or with `*` and `?` all files that match, where `**` stands for any number
    of folders; or a folder, whose files keep their subfolders. Names that begin with a dot are left
    out of the last two.

    Args:
        paths: relative to the root.
        root: of the project.

    Raises:
        UserError: a path names nothing, or something outside `texts/`, or two files have one name.
    """
    files: dict[str, Path] = {}
    for path in paths:
        try:
            matches = list(_matches(path, root))
        except (OSError, RuntimeError, ValueError) as error:  # a long name, a circle of links, NUL
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"'{path[:200]}' cannot be read: {reason}.") from None
        for name, file in matches:
            if name in files:
                raise UserError(
                    f"'paths' has two files '{name}': all files of a corpus are in one folder. "
                    "Rename one, or set the folder above them to keep its subfolders."
                )
            files[name] = file
    return files


def sort_files(files: Iterable[Path], folder: Path, order: Sequence[str]) -> list[Path]:
    """Return raw files in an order of names or patterns, and by their path where it has none.

    Args:
        files: in the folder.
        folder: of the raw files.
        order: names of files, in which `*` and `?` are wildcards.
    """
    patterns = [name.replace("[", "[[]") for name in order]

    def position(file: Path) -> tuple[int, str]:
        name = file.relative_to(folder).as_posix()
        places = (place for place, pattern in enumerate(patterns) if fnmatchcase(name, pattern))
        return next(places, -1), name

    return sorted(files, key=position)


def _matches(path: str, root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names and files of one path."""
    texts = root / TEXTS
    if set(_WILDCARDS) & set(path):
        files = sorted(_glob(path, root))
        if not files:
            raise UserError(
                f"No file matches '{path}'{_hint(path, texts)}: correct 'paths', or put the files "
                "there."
            )
        yield from ((file.name, _inside(file, root)) for file in files)
        return
    file = _inside(root / path, root)
    if file.is_dir():
        files = [inner for inner in sorted(file.rglob("*")) if _is_visible_file(inner, file)]
        if not files:
            raise UserError(f"The folder '{path}' has no files: correct 'paths'.")
        for inner in files:
            yield inner.relative_to(file).as_posix(), _inside(inner, root)
    elif file.is_file():
        yield file.name, file
    elif file.is_symlink():
        raise UserError(
            f"'{path}' is a symbolic link to '{file.readlink()}', which does not exist: copy "
            f"the file to {TEXTS}/."
        )
    else:
        raise UserError(
            f"There is no file '{path}'{_hint(path, texts)}: correct 'paths', or put the file "
            "there."
        )


def _glob(pattern: str, root: Path) -> Iterator[Path]:
    """Yield the visible files that match a pattern below `texts/`."""
    parts = PurePosixPath(pattern).parts
    fixed = next(place for place, part in enumerate(parts) if set(_WILDCARDS) & set(part))
    folder = _inside(root.joinpath(*parts[:fixed]), root)
    rest = [part.replace("[", "[[]") for part in parts[fixed:]]
    if rest[-1] == "**":
        rest.append("*")  # Python 3.13 changed what a final ** matches
    try:
        for file in folder.glob("/".join(rest)):
            if _is_visible_file(file, folder):
                yield file
    except ValueError:
        raise UserError(
            f"'{pattern}' is not a valid pattern: ** must be a whole part of the path, as in "
            f"'{TEXTS}/**/*.txt'."
        ) from None


def _is_visible_file(file: Path, folder: Path) -> bool:
    parts = file.relative_to(folder).parts
    return file.is_file() and not any(part.startswith(".") for part in parts)


def _inside(file: Path, root: Path) -> Path:
    """Return the path of a file, if it is below `texts/`.

    Raises:
        UserError: it is not, or is a link to a file that is not.
    """
    texts = (root / TEXTS).resolve()
    plain = Path(os.path.normpath(root.resolve() / file))
    if file.resolve().is_relative_to(texts):
        return file
    name = os.path.relpath(file, root) if file.is_relative_to(root) else str(file)
    where = f"outside {TEXTS}/, where DVC does not notice changes"
    if plain.is_relative_to(root.resolve() / TEXTS):
        raise UserError(
            f"'{name}' is a symbolic link to '{file.resolve()}', which is {where}. Copy "
            f"the file to {TEXTS}/."
        )
    raise UserError(f"'{name}' is {where}. Move it to {TEXTS}/, and set '{TEXTS}/{plain.name}'.")


def _hint(path: str, texts: Path) -> str:
    """Return the end of a message: a similar file."""
    files = (file for file in texts.rglob("*") if file.is_file())
    return did_you_mean(path, [file.relative_to(texts.parent).as_posix() for file in files])
