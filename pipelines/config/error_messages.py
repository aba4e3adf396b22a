"""Error messages of `params.yaml`, in the terms of the file instead of pydantic's."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from pipelines.config.corpora import Corpus
from pipelines.config.models import MODELS
from pipelines.errors import close_match, suggest
from pipelines.types import ConfigModel

MAX_LENGTH = 80  # characters of a quoted value
TAGS = ("kind", "generator", "format", "model", "method")  # keys that select a class of a union


def error_message(error: ErrorDetails, tree: Mapping[str, Any], root: type[ConfigModel]) -> str:
    """Return one sentence about an invalid value, without its full stop.

    Args:
        error: from pydantic.
        tree: the parsed file.
        root: the class of the whole tree.
    """
    path = [str(part) for part in _path_in_file(error["loc"], tree)]
    path += [str(error["loc"][-1])] if error["type"] == "missing" else []
    location = ".".join(path)
    key = path[-1] if path else ""
    context = error.get("ctx", {})
    if key == "[key]":
        return _key_message(".".join(path[:-1]), error)
    match error["type"]:
        case "extra_forbidden":
            return f"{location} is not a valid key{_suggest_key(key, error['loc'], root)}"
        case "missing":
            return f"{location} is missing"
        case "union_tag_invalid":
            tag, value = str(context["discriminator"]).strip("'"), str(context["tag"])
            choices = [part.strip(" '") for part in str(context["expected_tags"]).split(",")]
            return f"{location}.{tag} is '{value}'{suggest(value, choices)}"
        case "union_tag_not_found":
            return f"{location}.{str(context['discriminator']).strip(chr(39))} is missing"
        case "invalid_key":
            return f"{location}: the key {as_yaml(error['input'])} must be text"
        case "literal_error":
            value = as_yaml(error["input"])
            return f"{location} is '{value}'{suggest(value, _choices(error))}"
        case "value_error":
            problem = str(context["error"])
            return f"{location}: {problem}" if location else problem
        case _:
            return f"{location} is {_quote(error['input'])}: it {_rule(error)}"


def first_problem(error: ValidationError) -> str:
    """Return place and message of the first error of a JSON file, shortened.

    Args:
        error: from pydantic.
    """
    details = error.errors()[0]
    place = ".".join(map(str, details["loc"]))
    message = details["msg"].removeprefix("Value error, ")
    text = f"{place}: {message}" if place else message
    return text if len(text) <= 2 * MAX_LENGTH else f"{text[: 2 * MAX_LENGTH - 3]}..."


def _key_message(location: str, error: ErrorDetails) -> str:
    """Return a sentence about an invalid key of a map, the last part of the location."""
    location = location if location.isprintable() else repr(location)
    match error["type"]:
        case "literal_error":
            hint = suggest(str(error["input"]), _choices(error))
            return f"{location} is not a valid key{hint}"
        case "string_pattern_mismatch":
            return f"{location}: names consist of lower-case letters, digits and single hyphens"
        case "string_too_long":
            most = error["ctx"]["max_length"]
            return f"{_shorten(location)}: the name has more than {most} characters"
        case _:
            return f"{location}: a name must be text: put it in quotes"


def _choices(error: ErrorDetails) -> list[str]:
    """Return the values that an error of a literal expects."""
    expected = str(error["ctx"]["expected"]).replace(" or ", ", ")
    return [part.strip("' ") for part in expected.split(",")]


def as_yaml(value: Any) -> str:
    """Return a value as YAML writes it, shortened."""
    constants = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return constants[value]
    if isinstance(value, str):
        return value if len(value) <= MAX_LENGTH else f"{value[: MAX_LENGTH - 3]}..."
    return _shorten(value)


def _shorten(value: Any) -> str:
    """Return a short representation of a value, which YAML aliases can make endless."""
    formatter = _YamlRepr()
    formatter.maxlevel = 2
    formatter.maxstring = formatter.maxother = formatter.maxlong = MAX_LENGTH
    text = formatter.repr(value)
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 3]}..."


class _YamlRepr(reprlib.Repr):
    """Short representations with the constants of YAML."""

    def repr1(self, value: Any, level: int) -> str:
        """Return a value, or a part of one."""
        if value is None or isinstance(value, bool):
            return as_yaml(value)
        return super().repr1(value, level)


def _quote(value: Any) -> str:
    return _shorten(value) if isinstance(value, str) else as_yaml(value)


def _rule(error: ErrorDetails) -> str:
    """Return what a value must be; pydantic's own messages speak of Python."""
    if error["type"].endswith("_type") and isinstance(error["input"], str) and _is_number(error):
        return "is text to YAML: write 4e-3 as 4.0e-3, 1e5 as 1.0e+5, and no quotes around a number"
    least = error.get("ctx", {}).get("min_length", 1)
    words = isinstance(error["input"], bool)  # to YAML, so are yes, no, on and off
    rules = {
        "tuple_type": "must be a list",
        "dict_type": "must be a map",
        "model_type": "must be a map",
        "model_attributes_type": "must be a map",
        "too_short": "must not be empty" if least == 1 else f"must have at least {least} values",
        "too_long": f"must have at most {error.get('ctx', {}).get('max_length')} values",
        "finite_number": "must be a finite number",
        "int_type": "must be an integer",
        "float_type": "must be a number",
        "bool_type": "must be true or false",
        "string_type": f"must be text: put {'the word' if words else 'it'} in quotes",
        "string_pattern_mismatch": f"must match {error.get('ctx', {}).get('pattern')}",
    }
    message = error["msg"].replace("Input should be", "must be").replace("String should", "must")
    return rules.get(error["type"], message)


def _is_number(error: ErrorDetails) -> bool:
    try:
        float(error["input"])
    except ValueError:
        return False
    return True


def _path_in_file(loc: tuple[int | str, ...], tree: Mapping[str, Any]) -> Iterator[int | str]:
    """Yield the parts of a location that are in the file: pydantic adds the tags of unions."""
    node: Any = tree
    for part in loc:
        if isinstance(part, int) or (isinstance(node, Mapping) and part in node):
            node = node[part]
            yield part
        elif part == "[key]":
            yield part


def _suggest_key(key: str, loc: tuple[int | str, ...], root: type[ConfigModel]) -> str:
    """Return a hint at the key that is meant: a similar one, or one of another section."""
    section = _section_at(loc[:-1], root)
    is_model = section is not None and issubclass(section, MODELS)
    owners = _owners(key) if is_model else []
    if owners:
        return f" of this kind of model: it belongs to {', '.join(owners)}"
    keys = _keys(section) if section else []
    similar = close_match(key, keys, cutoff=0.6)
    if similar:
        return f"; did you mean '{similar}'?"
    return suggest(key, sorted(keys) if is_model else keys)


def _owners(key: str) -> list[str]:
    """Return the kinds of models that have a key, or else `a corpus` if corpora have it."""
    kinds = [kind for kind in MODELS if key in kind.model_fields]
    names = [get_args(kind.model_fields["model"].annotation)[0] for kind in kinds]
    return names or (["a corpus"] if key in Corpus.model_fields else [])


def _keys(section: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_at(loc: tuple[int | str, ...], root: type[ConfigModel]) -> type[ConfigModel] | None:
    """Return the class of the section at a location, tags of unions included."""
    kind: Any = root
    for part in loc:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            annotations = {
                field.alias or name: field.annotation for name, field in kind.model_fields.items()
            }
            kind = annotations.get(str(part))
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        kind = _resolve_union(kind, part)
    return kind if isinstance(kind, type) and issubclass(kind, ConfigModel) else None


def _resolve_union(kind: Any, part: int | str) -> Any:
    """Return the class of a union that a tag selects, or the type as it is."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        choices = [choice for choice in get_args(kind) if choice is not type(None)]
        for choice in choices:
            fields = getattr(choice, "model_fields", {})
            tags = [get_args(field.annotation) for name, field in fields.items() if name in TAGS]
            if any(part in tag for tag in tags):
                return choice
            if Tag(str(part)) in getattr(choice, "__metadata__", ()):
                return get_args(choice)[0]
        return choices[0] if len(choices) == 1 else kind
    return kind
