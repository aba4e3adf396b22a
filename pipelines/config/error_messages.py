"""One sentence for a rule of `params.yaml` that is broken."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pipelines.config.corpora import Corpus
from pipelines.config.models import MODELS
from pipelines.config.types import ConfigModel

LONGEST = 80  # characters of a value that a sentence quotes


def error_message(error: ErrorDetails, tree: Mapping[str, Any], root: type[ConfigModel]) -> str:
    """One sentence for a broken rule.

    Args:
        error: what pydantic says.
        tree: what was read.
        root: the type of the whole tree.
    """
    path = [str(part) for part in _real_path(error["loc"], tree)]
    path += [str(error["loc"][-1])] if error["type"] == "missing" else []
    where = _dotted(path)
    key = path[-1] if path else ""
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return f"{where} is no known key{_about_key(key, error['loc'], root)}"
        case "missing":
            return f"{where} is missing"
        case "union_tag_invalid":
            tag, given = str(context["discriminator"]).strip("'"), str(context["tag"])
            known = [part.strip(" '") for part in str(context["expected_tags"]).split(",")]
            return f"{where}.{tag} is '{given}'{nearest(given, known)}"
        case "union_tag_not_found":
            return f"{where}.{str(context['discriminator']).strip(chr(39))} is missing"
        case "invalid_key":
            return f"{where}: the key {_written(error['input'])} must be text"
        case "literal_error":
            given = _written(error["input"])
            known = [
                part.strip("' ")
                for part in str(context["expected"]).replace(" or ", ", ").split(",")
            ]
            return f"{where} is '{given}'{nearest(given, known)}"
        case "value_error":
            problem = str(context["error"])
            return f"{where}: {problem}" if where else problem
        case "string_pattern_mismatch" if path and path[-1] == "[key]":
            return f"{_dotted(path[:-1])}: names are lower-case letters, digits and single hyphens"
        case _:
            return f"{where} is {_quoted(error['input'])}: it {_rule(error)}"


def _written(value: Any) -> str:
    """A value as YAML writes it, where Python writes another word."""
    words = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[: LONGEST - 3]}..."
    return _short(value)


def _short(value: Any) -> str:
    """As Python writes it, the middle left out where it is long: aliases can make it endless."""
    brief = reprlib.Repr()
    brief.maxlevel = 2
    brief.maxstring = brief.maxother = brief.maxlong = LONGEST
    said = brief.repr(value)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."


def _quoted(value: Any) -> str:
    return _short(value) if isinstance(value, str) else _written(value)


def _rule(error: ErrorDetails) -> str:
    """What a value must be, in our words where pydantic's speak of Python."""
    if error["type"].endswith("_type") and isinstance(error["input"], str) and _is_number(error):
        return "is text to YAML: write 4e-3 as 4.0e-3, 1e5 as 1.0e+5, and no quotes around a number"
    ours = {
        "tuple_type": "must be a list",
        "dict_type": "must be a map",
        "model_type": "must be a map",
        "model_attributes_type": "must be a map",
        "too_short": "must not be empty",
        "finite_number": "must be a finite number",
        "string_pattern_mismatch": f"must match {error.get('ctx', {}).get('pattern')}",
    }
    plain = error["msg"].replace("Input should be", "must be").replace("String should", "must")
    return ours.get(error["type"], plain)


def _is_number(error: ErrorDetails) -> bool:
    try:
        float(error["input"])
    except ValueError:
        return False
    return True


def _real_path(loc: tuple[int | str, ...], tree: Mapping[str, Any]) -> Iterator[int | str]:
    """The location without the tags that pydantic puts in for the kinds of a union."""
    node: Any = tree
    for part in loc:
        if isinstance(part, int) or (isinstance(node, Mapping) and part in node):
            node = node[part]
            yield part
        elif part == "[key]":
            yield part


def _dotted(path: list[str]) -> str:
    """Return a key as `-S` takes it."""
    return ".".join(path)


def _about_key(key: str, loc: tuple[int | str, ...], root: type[ConfigModel]) -> str:
    """What an unknown key may have meant: a neighbour, or a key of another kind of section."""
    section = _section_at(loc[:-1], root)
    if section and issubclass(section, MODELS) and _owners(key):
        return f" here: it belongs to {', '.join(_owners(key))}"
    known = _keys(section) if section else []
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f": did you mean '{near[0]}'?"
    return nearest(key, sorted(known) if section and issubclass(section, MODELS) else known)


def _owners(key: str) -> list[str]:
    """The kinds of models that have a key, or else the corpora."""
    kinds = [kind for kind in MODELS if key in kind.model_fields]
    named = [get_args(kind.model_fields["model"].annotation)[0] for kind in kinds]
    return named or (["a corpus"] if key in Corpus.model_fields else [])


def _keys(section: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_at(loc: tuple[int | str, ...], root: type[ConfigModel]) -> type[ConfigModel] | None:
    """Walk the types along a location, tags included, to the section that refused a key."""
    here: Any = root
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            by_key = {
                field.alias or name: field.annotation for name, field in here.model_fields.items()
            }
            here = by_key.get(str(part))
        elif get_origin(here) is dict:
            here = get_args(here)[1]
        elif get_origin(here) is tuple:
            here = get_args(here)[0]
        here = _narrow(here, part)
    return here if isinstance(here, type) and issubclass(here, ConfigModel) else None


def _narrow(here: Any, part: int | str) -> Any:
    if get_origin(here) is Annotated:
        here = get_args(here)[0]
    if get_origin(here) in (Union, UnionType):
        kinds = [kind for kind in get_args(here) if kind is not type(None)]
        for kind in kinds:
            fields = getattr(kind, "model_fields", {})
            tags = [get_args(field.annotation) for name, field in fields.items() if name in _TAGS]
            if any(part in tag for tag in tags):
                return kind
        return kinds[0] if len(kinds) == 1 else here
    return here


def nearest(given: str, known: Any) -> str:
    """A hint at the nearest of the known names, and all of them, if any."""
    names = [str(name) for name in known]
    if not names:
        return "; there is none"
    near = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"; {hint}known: {', '.join(names)}"


_TAGS = ("kind", "format", "model", "method")
