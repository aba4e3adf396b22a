"""Options of `seqproof new --from` and `seqproof data add`, which replace proposals."""

from __future__ import annotations

from typing import Annotated

from pipelines.console import Option

Task = Annotated[
    str | None,
    Option(metavar="NAME", help="language_modelling, classification, tagging or translation"),
]
Text = Annotated[str | None, Option(metavar="COLUMN", help="column of the texts")]
Label = Annotated[str | None, Option(metavar="COLUMN", help="column of the labels or tags")]
Source = Annotated[str | None, Option(metavar="COLUMN", help="column of the sources")]
Target = Annotated[str | None, Option(metavar="COLUMN", help="column of the targets")]
Tokens = Annotated[
    str | None, Option(metavar="KIND", help="characters, words, spaces, bpe or unigram")
]
Split = Annotated[
    str | None, Option(metavar="METHOD", help="contiguous, shuffled, stratified or given")
]
Separator = Annotated[
    str | None, Option(metavar="CHARACTER", help="separator of a table, for example ;")
]
Quoting = Annotated[str | None, Option(metavar="KIND", help="standard, or none if quotes are text")]
Header = Annotated[
    bool | None,
    Option("--header/--no-header", help="whether the first row of a table has names"),
]
Encoding = Annotated[str | None, Option(metavar="NAME", help="for example cp1252")]
Yes = Annotated[bool, Option("--yes", help="accept all proposals without a question")]
