"""Writing of `params.yaml`: new entries and values among lines that stay as they are.

The only module that writes YAML.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, SequenceNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pipelines.config import sweeps, yaml_tree
from pipelines.config.experiments import Experiments
from pipelines.config.models import FAMILIES
from pipelines.errors import UserError

WIDTH = 120  # of a comment
# Plain text in YAML 1.1, which this project reads, and in 1.2, which DVC reads.
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*")
WORDS = re.compile(r"(y|n|yes|no|on|off|true|false|null)", flags=re.IGNORECASE)
HEADER = """\
# All parameters of the pipeline. Change a value and `dvc repro` reruns only what depends on it.
# docs/params.md of seqproof lists all keys.
"""
CORPORA = """\
# Where each text comes from, and how it is read, cleaned, split and checked.
corpora: {}
"""
MODELS = """\
# Models, grouped by the stage that trains them. Optional keys that are left out are off.
models:
"""
SECTIONS = ("corpora", "models", "experiments", "goals", "sweeps")


class Entry(NamedTuple):
    """Entry of `params.yaml` that gets lines of its own.

    Attributes:
        values: of its keys.
        comments: for some of the keys; that of the key "" stands beside the name of the entry.
    """

    values: Mapping[str, Any]
    comments: Mapping[str, str]


def without_entries(text: str) -> str:
    """Return a `params.yaml` without corpora, models, experiments, goals and sweeps.

    Args:
        text: of a valid `params.yaml`.
    """
    lines = _lines(text)
    starts = [_with_comments(lines, _line(text, key.start_mark)) for key, _ in _root(text).value]
    ends = [*starts[1:], len(lines)]
    names = [key.value for key, _ in _root(text).value]
    spans = [
        "".join(lines[start:end])
        for name, start, end in zip(names, starts, ends, strict=True)
        if name not in SECTIONS
    ]
    first = next(number for number, line in enumerate(lines) if not line.startswith(("#", "\n")))
    if names[0] not in SECTIONS:  # its comments are the header of the file
        spans[0] = "".join(lines[first : ends[0]])
    families = "\n".join(f"  {family}: {{}} # by {stage}\n" for family, stage in FAMILIES.items())
    experiments = ", ".join(f"{key}: {{}}" for key in Experiments.model_fields)
    end = f"experiments: {{{experiments}}}\n\ngoals: [] # targets and published numbers\n"
    return "\n".join([HEADER, "".join(spans).strip("\n") + "\n", CORPORA, MODELS + families, end])


def add_entry(text: str, path: Sequence[str], entry: Entry) -> str:
    """Return a `params.yaml` with one entry more; all other lines stay as they are.

    Args:
        text: of a valid `params.yaml`.
        path: keys that lead to the entry, for instance `("models", "lstm", "diary-lstm")`.
        entry: the values and comments.

    Raises:
        UserError: the entry exists, or its section is written within braces.
    """
    *section, name = path
    node: Any = _root(text)
    for key in section:
        node = next(value for other, value in node.value if other.value == key)
    if any(key.value == name for key, _ in node.value):
        raise UserError(f"params.yaml has an entry {'.'.join(path)}. Choose another name.")
    indent = "  " * len(section)
    if node.value and not node.flow_style:  # as the entries beside it
        indent = " " * node.value[0][0].start_mark.column
    lines = _lines(text)
    if node.flow_style:
        if node.value:
            raise UserError(
                f"params.yaml has {'.'.join(section)} within braces. Write its entries on lines of "
                "their own."
            )
        place = _line(text, node.start_mark) + 1
        lines = _lines(text[: node.start_mark.index].rstrip() + text[node.end_mark.index :])
        block = _render(name, entry, indent)
    else:
        place = _end(lines, _line(text, node.end_mark), len(indent))
        block = "\n" + _render(name, entry, indent)
    return "".join([*lines[:place], block, *lines[place:]])


def set_values(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return a `params.yaml` with other values in one entry; comments and other lines stay.

    Args:
        text: of a valid `params.yaml`.
        path: keys that lead to the entry, for instance `("models", "lstm", "diary-lstm")`.
        values: by key of the entry, that of a section with a dot (`optimizer.learning_rate`); None
            removes the key.

    Raises:
        UserError: the entry shares values with others by anchors of YAML.
    """
    before = yaml_tree.parse(text, "params.yaml").value
    expected = sweeps.changed(before, {".".join((*path, key)): x for key, x in values.items()})
    for key, value in values.items():
        text = _set_value(text, [*path, *key.split(".")], value)
    if yaml_tree.parse(text, "params.yaml").value != _plain(expected):
        raise UserError(
            f"params.yaml: {'.'.join(path)} shares values with other entries by an anchor (&) or "
            "merge key (<<). Write them out in this entry."
        )
    return text


def _plain(value: Any) -> Any:
    """Return a value with lists in place of tuples, as YAML reads it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _set_value(text: str, path: Sequence[str], value: Any) -> str:
    node: Any = _root(text)
    for depth, name in enumerate(path):
        position = next((n for n, (key, _) in enumerate(node.value) if key.value == name), None)
        if position is None:
            if value is None:
                return text
            for part in reversed(path[depth + 1 :]):
                value = {part: value}
            return _insert(text, node, name, value)
        key, child = node.value[position]
        if depth == len(path) - 1:
            return (
                _remove(text, node, position)
                if value is None
                else _replace(text, key, child, value)
            )
        if not isinstance(child, MappingNode):
            return text
        node = child
    return text


def _replace(text: str, key: Any, node: Any, value: Any) -> str:
    colon = text.index(":", key.end_mark.index) + 1
    return f"{text[:colon]} {flow(value)}{text[_last_mark(node) :]}"


def _insert(text: str, section: Any, name: str, value: Any) -> str:
    """Add a key at the end of a section."""
    item = f"{flow(name)}: {flow(value)}"
    if section.flow_style:
        end = section.end_mark.index - 1
        if section.value:
            end, item = _last_mark(section.value[-1][1]), f", {item}"
        return text[:end] + item + text[end:]
    lines = _lines(text)
    place = text.count("\n", 0, _last_mark(section)) + 1
    lines.insert(place, f"{' ' * section.value[0][0].start_mark.column}{item}\n")
    return "".join(lines)


def _remove(text: str, section: Any, position: int) -> str:
    key, value = section.value[position]
    start, end = key.start_mark.index, _last_mark(value)
    if not section.flow_style:
        lines = _lines(text)
        first, last = (text.count("\n", 0, index) for index in (start, end))
        return "".join([*lines[:first], *lines[last + 1 :]])
    if position > 0:
        start = _last_mark(section.value[position - 1][1])
    elif len(section.value) > 1:
        end = section.value[1][0].start_mark.index
    return text[:start] + text[end:]


def _last_mark(node: Any) -> int:
    """Return the end of a value, without the blank lines and comments after a block."""
    while isinstance(node, MappingNode | SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, MappingNode) else last
    index: int = node.end_mark.index
    return index


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.removesuffix("\n").split("\n")]


def _line(text: str, mark: Any) -> int:
    """Return the number of a line; a mark of YAML counts rare characters as ends of lines, too."""
    return text.count("\n", 0, mark.index)


def _root(text: str) -> Any:
    node = YAML().compose(text)
    if not isinstance(node, MappingNode):
        raise UserError("params.yaml must be a map of keys to values.")
    return node


def _end(lines: Sequence[str], end: int, column: int) -> int:
    """Return the line after the last of a block, without comments on what follows."""
    while end and _is_comment(lines[end - 1], column):
        end -= 1
    return end


def _is_comment(line: str, column: int) -> bool:
    """Return True for a blank line, or a comment on an outer level than the column."""
    stripped = line.lstrip(" ")
    is_outer = stripped.startswith("#") and len(line) - len(stripped) < column
    return not stripped.strip() or is_outer


def _with_comments(lines: Sequence[str], start: int) -> int:
    """Return the first line of the comments right before a line."""
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return start


def _render(name: str, entry: Entry, indent: str) -> str:
    remark = _one_line(entry.comments.get("", ""))
    lines = [f"{indent}{flow(name)}:{f' # {remark}' if remark else ''}"]
    for key, value in entry.values.items():
        lines += _comment(entry.comments.get(key, ""), f"{indent}  ")
        lines.append(f"{indent}  {key}: {flow(value)}")
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str) -> Iterable[str]:
    prefix = f"{indent}# "
    return textwrap.wrap(_one_line(text), WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def _one_line(text: str) -> str:
    """Return the text of a comment, which quotes names of columns, on one line of YAML."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


class _Representer(RoundTripRepresenter):
    """Writer of numbers that are numbers in YAML 1.1, too, where 1e-05 is text."""

    def represent_float(self, data: float) -> Any:
        """Write a decimal point in front of an exponent."""
        node = super().represent_float(data)
        node.value = re.sub(r"^(-?[0-9]+)e", r"\1.0e", node.value)
        return node


_Representer.add_representer(float, _Representer.represent_float)


def flow(value: Any) -> str:
    """Return a value in one line of YAML, the same for YAML 1.1 and 1.2."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.default_flow_style = True
    yaml.width = 10**9
    written = io.StringIO()
    yaml.dump({"key": _quoted(value)}, written)
    return written.getvalue().strip().removeprefix("{key: ").removesuffix("}")


def _quoted(value: Any) -> Any:
    """Return the same value, whose strings have quotes where a reader might see another type."""
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) and not WORDS.fullmatch(value)
        return value if plain else DoubleQuotedScalarString(value)
    if isinstance(value, Mapping):
        return {_quoted(key): _quoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(item) for item in value]
    return value
