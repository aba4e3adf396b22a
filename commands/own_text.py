"""`seqproof new --from` and `seqproof data add`: a corpus and models for a person's own files."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from commands import inputs, new, templates
from pipelines import console, files
from pipelines.config import params, params_file
from pipelines.config.params_file import Entry
from pipelines.data.readers.text_files import decode
from pipelines.errors import UserError, did_you_mean, suggest
from pipelines.paths import PARAMS, TEXTS
from pipelines.proposals.options import Options
from pipelines.proposals.proposal import Proposal, propose

STANDARD_INPUT = "-"
SUFFIXES = {"json_lines": ".jsonl", "parquet": ".parquet", "conll": ".conll"}
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
WIDTH = 70  # characters of a text in the table of the first rows
LARGE = 50_000_000  # bytes of a file that Git shall not keep
MANY = 8  # files of a corpus from which it has a folder of its own
QUESTION = "Enter accepts; or change a value, as in task=tagging, text=NAME, tokens=characters"


def create(
    folder: Path, sources: Sequence[str], name: str | None, options: Options, yes: bool
) -> None:
    """Create a project for own files.

    Args:
        folder: empty, or one that does not exist.
        sources: files, one folder, or `-` for standard input.
        name: of the corpus; None takes it from the files.
        options: values that replace proposals.
        yes: whether to ask nothing.

    Raises:
        UserError: the folder is in use, a file cannot be read, or Git fails; nothing is left behind
            then.
    """
    new.require_free(folder)
    with _files(sources, name) as paths:
        proposal = _decide(paths, name, options, yes or STANDARD_INPUT in sources)
        names = _target_names(proposal)

        def fill(project: Path) -> None:
            text = (templates.SOURCE / PARAMS).read_text(encoding="utf-8")
            text = _with_proposal(params_file.without_entries(text), proposal, names)
            (project / PARAMS).write_text(text, encoding="utf-8", newline="\n")
            params.load(project / PARAMS)
            _copy(names, project)
            title = f"Models of {proposal.name}: {', '.join(_titles(names))}."
            new.write_readme(project, proposal.name, title, "none")

        new.create(folder, fill, f"A project for {proposal.name}")
    console.echo(f"Created {folder} with the corpus {proposal.name}. Next:")
    new.echo_next_commands(folder)
    _echo_baseline(proposal)


def add(sources: Sequence[str], name: str, options: Options, yes: bool) -> None:
    """Add a corpus and models for own files to this project.

    Args:
        sources: files, one folder, or `-` for standard input.
        name: of the corpus.
        options: values that replace proposals.
        yes: whether to ask nothing.

    Raises:
        UserError: there is no project here, the name is in use, or a file cannot be read; nothing
            is changed then.
    """
    root = console.root()
    params.load(root / PARAMS)
    data = (root / PARAMS).read_bytes()
    text, line_end = decode(data, str(PARAMS)), "\r\n" if b"\r\n" in data else "\n"
    with _files(sources, name) as paths:
        proposal = _decide(paths, name, options, yes or STANDARD_INPUT in sources)
        names = _target_names(proposal, root)
        text = _with_proposal(text, proposal, names)
        copied: list[Path] = []
        try:
            copied += _copy(names, root)
            with files.atomic_write(root / PARAMS) as temporary:
                temporary.write_text(text, encoding="utf-8", newline=line_end)
                params.load(temporary)
        except BaseException:
            for path in copied:
                path.unlink(missing_ok=True)
            raise
    models = ", ".join(model.name for model in proposal.models)
    console.echo(f"Added the corpus {name} and the models {models} to {PARAMS}. Next:")
    console.echo("  seqproof run")
    _echo_baseline(proposal)


def _echo_baseline(proposal: Proposal) -> None:
    """Print the command that gives the first results."""
    for model in proposal.models:
        if model.family == "baseline":
            console.echo("Or the baseline alone, for first results:")
            console.echo(f"  seqproof run {model.name}")


@contextlib.contextmanager
def _files(sources: Sequence[str], name: str | None) -> Iterator[list[Path]]:
    """Yield the paths of files; standard input becomes a temporary one."""
    if not sources:
        raise UserError("There is no file: pass files, one folder, or - for standard input.")
    if name is not None and not NAME.fullmatch(name):
        raise UserError(
            f"The name '{name}' of the corpus must have lower-case letters, digits and single "
            "hyphens only, as in my-reviews."
        )
    if STANDARD_INPUT not in sources:
        yield [_existing(source) for source in sources]
        return
    if len(sources) > 1:
        raise UserError("Standard input (-) is one file: pass no others beside it.")
    with tempfile.TemporaryDirectory(prefix=new.TEMPORARY) as folder:
        path = Path(folder) / (name or "text")
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [path]


def _existing(source: str) -> Path:
    path = Path(source)
    if not source.strip() or not path.exists():
        others = path.parent.iterdir() if path.parent.is_dir() else ()
        hint = did_you_mean(path.name, (other.name for other in others))
        raise UserError(f"There is no file '{source}'{hint}: correct the path.")
    if not (path.is_file() or path.is_dir()):
        raise UserError(
            f"'{source}' is no file but a device or a pipe. Pass - and read it from standard input."
        )
    return path


def _decide(paths: Sequence[Path], name: str | None, options: Options, yes: bool) -> Proposal:
    """Show the proposal, and ask for changes if a person is there."""
    proposal = propose(paths, name, options)
    _show(proposal)
    while not yes and console.is_interactive():
        answer = console.ask(QUESTION)
        if not answer:
            break
        try:
            key, value = _change(answer)
            changed = options._replace(**{key: value}) if key != "name" else options
            chosen = value if key == "name" else name
            proposal = propose(paths, chosen, changed)
            options, name = changed, chosen
            _show(proposal)
        except UserError as error:
            console.echo(str(error))
    return proposal


def _change(answer: str) -> tuple[str, Any]:
    """Return key and value of an answer."""
    key, equals, value = (part.strip() for part in answer.partition("="))
    keys = ("name", *Options._fields)
    if not equals or not value or key not in keys:
        raise UserError(f"'{answer}' is no key=value{suggest(key, keys)}.")
    if key == "name" and not NAME.fullmatch(value):
        raise UserError(f"'{value}' is no name: use lower-case letters, digits and hyphens.")
    if key == "header":
        return key, value.lower() not in ("false", "no")
    return key, value


def _show(proposal: Proposal) -> None:
    """Print the first rows as the reader understands them, and the values with their reasons."""
    out = console.out()
    rows = [
        [f"{document}:{line}", *(_shortened(str(text)) for text in texts)]
        for document, line, *texts in proposal.statistics.head
    ]
    out.print(console.text_table("The first rows", ["place", *proposal.columns], rows))
    comments = proposal.comments()
    values = [
        [key, params_file.flow(value), comments.get(key, "")]
        for key, value in proposal.values.items()
    ]
    values += [
        [f"models.{model.family}.{model.name}", str(model.values["model"]), model.reason]
        for model in proposal.models
    ]
    title = f"Proposal for {proposal.name}: {comments['']}"
    out.print(console.text_table(title, ["key", "value", "reason"], values))
    bad = proposal.statistics.first_bad
    if bad is not None:
        count = proposal.statistics.bad_rows
        console.echo(f"{count:,} rows cannot be read, and are left out. {bad.sentence}")


def _shortened(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _target_names(proposal: Proposal, root: Path | None = None) -> dict[Path, Path]:
    """Return for each file its path in the project; a file in texts/ stays where it is."""
    layout = proposal.layout
    targets: dict[Path, Path] = {}
    for path in layout.files:
        name = inputs.utf8(path.name, "The name of a file")
        name = re.sub("[*?]", "_", name)  # wildcards of source.paths
        name += "" if path.suffix else SUFFIXES.get(layout.format, ".txt")
        if root is not None and path.resolve().is_relative_to((root / TEXTS).resolve()):
            target = path.resolve().relative_to(root.resolve())
        elif layout.folder is not None:
            inner = inputs.utf8(str(path.relative_to(layout.folder)), "The name of a file")
            target = TEXTS / proposal.name / inner
        else:
            target = (TEXTS / proposal.name if len(layout.files) > MANY else TEXTS) / name
        if target in targets.values():
            raise UserError(
                f"Two files are named {name}: rename one, because all are in one folder."
            )
        targets[path] = target
    return targets


def _source_paths(proposal: Proposal, names: Mapping[Path, Path]) -> list[str]:
    """Return `source.paths`: the files, or the folder of many."""
    layout, targets = proposal.layout, list(names.values())
    if layout.folder is not None:
        depth = len(layout.files[0].relative_to(layout.folder).parts)
        return [targets[0].parents[depth - 1].as_posix()]
    folders = {target.parent for target in targets}
    if len(targets) > MANY and folders == {TEXTS / proposal.name}:
        return [(TEXTS / proposal.name).as_posix()]
    return [target.as_posix() for target in targets]


def _titles(names: Mapping[Path, Path]) -> list[str]:
    titles = [target.name for target in names.values()]
    return titles if len(titles) <= MANY else [*titles[:MANY], "..."]


def _with_proposal(text: str, proposal: Proposal, names: Mapping[Path, Path]) -> str:
    """Return a params.yaml with the corpus and its models."""
    first, *others = proposal.values.items()
    source = {"kind": "files", "paths": _source_paths(proposal, names)}
    values = dict([first, ("source", source), *others])
    corpus = Entry(values, proposal.comments())
    text = params_file.add_entry(text, ("corpora", proposal.name), corpus)
    for model in proposal.models:
        entry = Entry(model.values, {"": model.reason})
        text = params_file.add_entry(text, ("models", model.family, model.name), entry)
    return text


def _copy(names: Mapping[Path, Path], root: Path) -> list[Path]:
    """Copy files into the project, and return those that were not there."""
    copied: list[Path] = []
    try:
        for path, name in names.items():
            target = root / name
            if target.exists() and target.samefile(path):
                continue
            if target.exists():
                if files.file_sha256(target) != files.file_sha256(path):
                    raise UserError(
                        f"{name} exists with other content. Rename your file, or remove that one."
                    )
                continue
            copied.append(target)
            with files.atomic_write(target) as temporary:
                shutil.copyfile(path, temporary)
        _ignore_large(copied, root)
    except BaseException:
        for target in copied:
            target.unlink(missing_ok=True)
        raise
    return copied


def _ignore_large(paths: Iterable[Path], root: Path) -> None:
    """Exclude large files from Git, which would keep them for ever."""
    large = [path for path in paths if path.stat().st_size > LARGE]
    if not large:
        return
    ignored = root / TEXTS / ".gitignore"
    lines = ignored.read_text(encoding="utf-8").split("\n") if ignored.is_file() else []
    lines = [line for line in lines if line]
    for path in large:
        name = path.relative_to(root / TEXTS).as_posix()
        if f"/{name}" not in lines:
            lines.append(f"/{name}")
        console.echo(f"{TEXTS}/{name} is too large for Git, which ignores it: keep a copy.")
    ignored.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
