"""Raw text -> prepared text, for the corpus and for what a person types alike."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

from pipelines.config.params import COLUMNS, SUB_WORDS, Cleaning, Corpus, GivenSplit, Tokens
from pipelines.text import subwords, tokenizers

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
# Control characters, the byte order mark, and zero-width signs that split words unseen.
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff]")


def prepare(text: str, cleaning: Cleaning, tokens: Tokens) -> str:
    """Prepared text: NFC, single blanks, lowercase if asked for, words between single spaces.

    Under `characters` line ends stay, also the last one: they are what a language model learns.
    Under `spaces` and of sub-words the text stays as it is between its blanks.
    """
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    text = unicodedata.normalize("NFC", text.lower() if cleaning.lowercase else text)
    if tokens == "characters":
        return _BLANKS.sub(" ", text).strip(" ")
    if tokens == "words":
        return tokenizers.words(text)
    if tokens in SUB_WORDS:
        text = text.replace(subwords.BLANK, "_")
    return " ".join(text.split())


def clean(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Prepared rows, without the empty, the over-long and (if asked for) the repeated ones.

    Where the split is given, only training rows go: a benchmark's test rows are all of them.

    Args:
        frame: raw rows, as `corpus.read` gives them.
        corpus: its `cleaning` and `tokens` say what is done.

    Returns:
        A new frame with the same columns; `document` and `line` still say where a row is from.
    """
    frame = frame.copy()
    for column in text_columns(corpus):
        frame[column] = [prepare(text, corpus.cleaning, corpus.tokens) for text in frame[column]]
    if isinstance(corpus.split, GivenSplit):
        training = frame["document"].isin(corpus.split.train)
        kept = pd.concat([_kept(frame[training], corpus), frame[~training]])
    else:
        kept = _kept(frame, corpus)
    return kept.reset_index(drop=True)


def _kept(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    columns = text_columns(corpus)
    kept = pd.Series(True, index=frame.index)
    for column in columns:
        kept &= frame[column].str.strip() != ""
        kept &= lengths(frame[column], corpus.tokens) <= corpus.cleaning.max_length
    frame = frame[kept]
    if corpus.cleaning.drop_repeated:
        frame = frame[_first_seen(frame[columns])]
    return frame


def text_columns(corpus: Corpus) -> list[str]:
    """The columns that hold tokens: all of the task's but the label."""
    return [column for column in COLUMNS[corpus.task] if column != "label"]


def lengths(texts: pd.Series[str], tokens: Tokens) -> pd.Series[int]:
    """Number of tokens of each prepared text; of sub-words, which come later, that of words."""
    return texts.map(lambda text: len(tokenizers.split(text, tokens))).astype("int64")


def _first_seen(texts: pd.DataFrame) -> list[bool]:
    """True for rows none of whose texts stands, in the same column, in an earlier kept row."""
    seen: list[set[str]] = [set() for _ in texts.columns]
    kept = []
    for row in texts.itertuples(index=False):
        fresh = all(text not in known for text, known in zip(row, seen, strict=True))
        kept.append(fresh)
        if fresh:
            for text, known in zip(row, seen, strict=True):
                known.add(text)
    return kept
