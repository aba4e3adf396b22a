"""What every section of `params.yaml` is made of: the words and numbers that a value may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["language_modelling", "classification", "translation"]
Tokens = Literal["characters", "words", "spaces", "bpe", "unigram"]
SUB_WORDS: tuple[Tokens, ...] = ("bpe", "unigram")
Cell = Literal["rnn", "irnn", "gru", "lstm"]
Score = Literal["none", "additive", "dot", "general", "scaled", "coverage"]
Smoothing = Literal["witten_bell", "kneser_ney"]
Pooling = Literal["last", "mean", "max", "attention"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[Seed, ...], Field(strict=False, min_length=2, max_length=16)]
Count = Annotated[int, Field(ge=1, le=10**9)]
IntAtLeast2 = Annotated[int, Field(ge=2, le=10**9)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Width = Annotated[int, Field(ge=1, le=65536)]  # of a layer; beyond it a typing mistake
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


class ConfigModel(BaseModel):
    """A map of `params.yaml`: frozen, every key known, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
