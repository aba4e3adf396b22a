"""YAML files as trees of values that know their lines.

The only module that reads YAML. A file from anywhere costs bounded time and memory: its size, and
the number of values after aliases (`*name`) are replaced, are limited.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from pipelines.errors import UserError

MAX_BYTES = 2**20
MAX_VALUES = 200_000
UNUSABLE = re.compile("[\0\ud800-\udfff]")  # in a file name, or in UTF-8


@dataclass(frozen=True)
class YamlTree:
    """Contents of a YAML file.

    Attributes:
        value: the file's map.
        node: the same as nodes of PyYAML, which have line numbers.
    """

    value: dict[Any, Any]
    node: yaml.MappingNode

    def line_of(self, location: str) -> int | None:
        """Return the line of a value, or of its nearest parent in the file.

        Args:
            location: keys and indices with dots between them, as in `corpora.verses.source`; a
                key may hold dots itself.
        """
        line: int | None = None
        node: yaml.Node = self.node
        rest = f"{location}."
        while matches := [child for child in _children(node) if rest.startswith(f"{child[0]}.")]:
            part, line, node = max(matches, key=lambda child: len(child[0]))
            rest = rest.removeprefix(f"{part}.")
        return line


def parse(text: str, name: str) -> YamlTree:
    """Parse a YAML file.

    Args:
        text: its text.
        name: its name in error messages.

    Raises:
        UserError: the file is no map in YAML, or unreasonably large; the message names the line.
    """
    loader = _Loader("")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{name} must be a map of keys to values.")
        _check_size(node, {})
        return YamlTree(loader.construct_document(node), node)
    except RecursionError:
        raise UserError(f"{name} is not valid YAML: it is nested too deeply.") from None
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        # Besides YAML's own errors: invalid dates or tags.
        place, problem = _describe(error, text, loader.scalar)
        raise UserError(f"{name}{place} is not valid YAML: {problem}.") from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """YAML loader that refuses what would be read silently in another way than it was meant.

    Attributes:
        scalar: the scalar that is being constructed.
    """

    scalar: yaml.ScalarNode | None = None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse repeated keys, of which the last would win."""
        keys: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{key.value}' is repeated", problem_mark=key.start_mark
                )
            keys.add(str(key.value))
        return super().construct_mapping(node, deep=deep)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Refuse characters that no file name and no UTF-8 file can have."""
        self.scalar = node if isinstance(node, yaml.ScalarNode) else None
        character = UNUSABLE.search(self.scalar.value) if self.scalar else None
        if character:
            name = "NUL (\\0)" if character[0] == "\0" else "half of a surrogate pair"
            raise yaml.MarkedYAMLError(
                problem=f"its text has the character {name}. Remove it",
                problem_mark=node.start_mark,
            )
        return super().construct_scalar(node)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Refuse 020 and 1:30, which YAML 1.1 reads as 16 and 90, and DVC, with YAML 1.2, not."""
        if re.fullmatch(r"[-+]?0[0-9_]+|.*:.*", node.value):
            raise yaml.MarkedYAMLError(
                problem=f"'{node.value}' is an ambiguous number: write it without leading zeros "
                "and colons",
                problem_mark=node.start_mark,
            )
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _children(node: yaml.Node) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield key or index, line and node of each child."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield str(index), value.start_mark.line + 1, value


def _check_size(node: yaml.Node, sizes: dict[int, float]) -> float:
    """Return the number of values of a node after its aliases are replaced.

    Args:
        node: the node.
        sizes: those of the nodes that were counted before, by identity.

    Raises:
        yaml.MarkedYAMLError: a node has too many, or contains itself.
    """
    if id(node) not in sizes:
        sizes[id(node)] = math.inf  # for an alias inside the node
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        sizes[id(node)] = 1 + sum(_check_size(part, sizes) for part in parts)
    if sizes[id(node)] > MAX_VALUES:
        raise yaml.MarkedYAMLError(
            problem=f"with its aliases (*name) replaced, this has more than {MAX_VALUES:,} values. "
            "Remove aliases",
            problem_mark=node.start_mark,
        )
    return sizes[id(node)]


def _describe(error: Exception, text: str, scalar: yaml.ScalarNode | None) -> tuple[str, str]:
    """Return the place of an error, as a suffix of the file's name, and the problem."""
    conflict = re.search(r"^(<{7}|={7}|>{7})( |$)", text, flags=re.MULTILINE)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        problem = "it has a conflict of a Git merge. Keep one side, and delete Git's three lines"
        return f":{line}", problem
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f":{line}", f"it has the character {error.character:#04x}. Remove it"
    if isinstance(error, yaml.MarkedYAMLError):
        mark, problem = error.problem_mark, " ".join(str(error.problem).split())
        if "'\\t'" in problem:
            problem = "a tab cannot indent a line. Use spaces"
        elif error.context and error.context_mark:
            problem += f" ({error.context} from line {error.context_mark.line + 1}). Check"
            problem += " indentation, brackets and quotes"
        return f":{mark.line + 1}" if mark else "", problem
    problem = " ".join(str(error).split())
    if scalar is None:
        return "", problem
    kind = scalar.tag.rpartition(":")[2]
    kind = {"timestamp": "date", "int": "integer", "float": "number"}.get(kind, kind)
    value = reprlib.repr(scalar.value)
    return f":{scalar.start_mark.line + 1}", f"{value} is no valid {kind}. Put text in quotes"
