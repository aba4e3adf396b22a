"""Requests and responses: their JSON schema, and one sentence about an invalid request."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

EXAMPLE = '{"inputs": ["a text", "another text"]}'
ESCAPED = len(r"\ud83d\ude00")  # bytes of the longest character in JSON
FRAME = 4096  # bytes of blanks and of what is around the texts


@dataclass(frozen=True)
class Limits:
    """Limits of a request.

    Attributes:
        texts: number of texts.
        characters: length of a text.
    """

    texts: int
    characters: int

    @property
    def body(self) -> int:
        """Bytes of a whole request: no valid request has more, even if all is escaped."""
        return self.texts * (ESCAPED * self.characters + len('"", ')) + FRAME


class Predictions(BaseModel):
    """Answers to the texts of a request, in their order."""

    predictions: list[str] = Field(
        description="a label, a translation, a continuation, or words with their tags"
    )
    probabilities: list[dict[str, float]] | None = Field(
        None, description="the probability of each label, if the model is a classifier"
    )
    model: str = Field(description="name of the model that answered")
    version: str | None = Field(None, description="its version in MLflow's registry")


class Version(BaseModel):
    """Versions of the server and of its model."""

    seqproof: str
    mlflow: str
    model: str = Field(description="name of the model that answers now")
    version: str | None = Field(None, description="its version in MLflow's registry")


class Error(BaseModel):
    """Error in MLflow's format."""

    error_code: str = Field(description="BAD_REQUEST, for instance")
    message: str = Field(description="what is wrong, in one sentence")


def request_type(limits: Limits) -> type[BaseModel]:
    """Return the schema of a request: `inputs`, a list of texts that are not blank."""
    not_blank = {"pattern": r"\S"}
    text = Annotated[
        str, Field(min_length=1, max_length=limits.characters, json_schema_extra=not_blank)
    ]
    texts = Annotated[
        list[text],
        Field(min_length=1, max_length=limits.texts, description="texts that are not blank"),
    ]
    config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"example": {"inputs": ["a text", "another text"]}},
    )
    return create_model("Texts", __config__=config, inputs=(texts, ...))


def describe(error: ValidationError, limits: Limits) -> str:
    """Describe the first problem of a request.

    Args:
        error: from pydantic.
        limits: the limits of its schema.
    """
    problem = error.errors(include_url=False, include_input=False)[0]
    location: tuple[Any, ...] = problem["loc"]
    text = f"Text {location[1] + 1}" if len(location) > 1 else ""
    match problem["type"]:
        case "json_invalid":
            return f"The request is not valid JSON: {problem['ctx']['error']}."
        case "extra_forbidden":
            key = reprlib.repr(location[0])
            return f"{key} is not a valid key. Send {EXAMPLE}."
        case "string_type":
            return f"{text} is not a string."
        case "string_too_short":
            return f"{text} is empty. Give at least one word."
        case "string_too_long":
            limit = f"{limits.characters:,}"
            return f"{text} has more than {limit} characters. Split it."
        case "too_long":
            number = f"{problem['ctx']['actual_length']:,} texts"
            return f"The request has {number}; send at most {limits.texts:,} at a time."
        case "too_short":
            return f"The request has no text. Send {EXAMPLE}."
        case "missing":
            return f"'inputs' is missing. Send {EXAMPLE}."
        case "list_type":
            return f"'inputs' is not a list of texts. Send {EXAMPLE}."
        case _:
            return f"The request is not a JSON object. Send {EXAMPLE}."
