"""Cleaning, tokenization and lookup of text as a TensorFlow graph, without Python.

It does what `normalization`, `tokenizers` and `Vocabulary` do, by TensorFlow's operations on
strings. Shapes: N texts, C characters of all texts, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipelines.config import params
from pipelines.export import characters, subword_graph
from pipelines.export.characters import NormalForm
from pipelines.text import subwords
from pipelines.text.subwords import SPECIALS
from pipelines.text.vocabulary import PAD, UNK, Vocabulary

INVISIBLE = (
    r"[\x00-\x08\x0e-\x1b\x7f-\x{84}\x{86}-\x{9f}\x{ad}\x{61c}\x{200b}\x{200e}\x{200f}"
    r"\x{202a}-\x{202e}\x{2060}\x{2066}-\x{2069}\x{feff}]"
)
LINE_ENDS = r"\r\n?|[\v\f\x{85}\x{2028}\x{2029}]"
APOSTROPHES = r"[\x{2019}\x{2018}\x{2bc}`\x{b4}\x{1fef}\x{1ffd}]"
ELISION = "\u2060"  # an apostrophe at the end of an elision, until the words are cut


class TextGraph(tf.Module):
    """Texts to ids, as `Predictor.prepare` and `Vocabulary.encode` do it.

    Args:
        vocabulary: the vocabulary.
        cleaning: how text is prepared.
    """

    def __init__(self, vocabulary: Vocabulary, cleaning: params.Cleaning) -> None:
        super().__init__()
        self.kind, self.cleaning = vocabulary.kind, cleaning
        form = characters.normal_form(cleaning.unicode)
        self._suspects = f"(?s).*[{form.suspects}].*"
        self.normal_form = NormalFormGraph(form)
        tokens = list(vocabulary.tokens[len(SPECIALS) :])
        ids = list(range(len(SPECIALS), len(vocabulary)))
        self.id_of = table(tokens, ids, UNK)
        self._split: Callable[[tf.Tensor], tf.RaggedTensor] = self._split_text
        if vocabulary.segmenter is not None:
            self.segmenter = subword_graph.segmenter(vocabulary)
            self._split = self.segmenter.split

    def clean(self, texts: tf.Tensor) -> tf.Tensor:
        """Normalise texts (N,), as `normalize_many` does."""
        space = f"[{characters.character_class('space')}]"
        texts = tf.strings.regex_replace(texts, INVISIBLE, "")
        texts = self._normalize(texts)
        if self.cleaning.lowercase:
            texts = tf.strings.regex_replace(texts, "\u0130|I\u0307", "i")
            texts = self._normalize(tf.strings.lower(texts, encoding="utf-8"))
        if self.kind == "characters":
            texts = tf.strings.regex_replace(texts, LINE_ENDS, "\n")
            texts = tf.strings.regex_replace(
                texts, f"[{characters.character_class('blank')}]+", " "
            )
            return tf.strings.regex_replace(texts, "^ | $", "")
        if self.kind == "words":
            texts = self._normalize(_cut_words(texts, space))
        elif self.kind in params.SUB_WORDS:
            texts = tf.strings.regex_replace(texts, subwords.BLANK, "_")
        return tf.strings.regex_replace(
            tf.strings.regex_replace(texts, f"{space}+", " "), "^ | $", ""
        )

    def split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the tokens (N, None) of clean texts (N,)."""
        return self._split(texts)

    def encode(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        """Return the ids (N, T) of tokens, padded at the right; a text without tokens is `<unk>`.

        No row may be all padding.
        """
        ids = tokens.with_flat_values(self.id_of.lookup(tokens.flat_values))
        padded = tf.cast(ids.to_tensor(PAD), tf.int32)
        padded = tf.pad(padded, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(padded)[1])]])
        blank = tf.reduce_all(padded == PAD, axis=1, keepdims=True)
        first = tf.concat(
            [tf.ones((1,), tf.bool), tf.zeros((tf.shape(padded)[1] - 1,), tf.bool)], 0
        )
        return tf.where(blank & first, UNK, padded)

    def _split_text(self, texts: tf.Tensor) -> tf.RaggedTensor:
        if self.kind == "characters":
            return tf.strings.unicode_split(texts, "UTF-8")
        return tf.strings.split(texts, " ")

    def _normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """Return texts in the corpus's form of Unicode; most are in it already."""
        return tf.cond(
            tf.reduce_any(tf.strings.regex_full_match(texts, self._suspects)),
            lambda: self.normal_form(texts),
            lambda: texts,
        )


def _cut_words(texts: tf.Tensor, space: str) -> tf.Tensor:
    """Separate the words of texts (N,) by blanks, as `tokenizers.words` does."""
    mark, word = (characters.character_class(name) for name in ("mark", "word"))
    for _ in range(2):  # matches share characters
        texts = tf.strings.regex_replace(texts, f"([^{space[1:-1]}]){space}+([{mark}])", r"\1\2")
    texts = tf.strings.regex_replace(texts, APOSTROPHES, "'")
    for _ in range(2):
        texts = tf.strings.regex_replace(texts, f"([{word}{mark}])'([{word}])", rf"\1{ELISION} \2")
    texts = tf.strings.regex_replace(texts, f"{space}+", " ")
    texts = _insert_line_ends(texts)
    texts = tf.strings.regex_replace(texts, "\n ?", " ")
    return tf.strings.regex_replace(texts, ELISION, "'")


def _insert_line_ends(texts: tf.Tensor) -> tf.Tensor:
    """Insert a line end after each word (UAX 29) of texts (N,).

    The rules look at the classes of the characters: their regular expressions are small.
    """
    words = characters.word_classes()
    codes = tf.strings.unicode_decode(texts, "UTF-8")
    ranges = tf.searchsorted(tf.constant(words.starts), codes.flat_values, side="right") - 1
    classes = tf.gather(tf.strings.unicode_decode(words.classes, "UTF-8"), ranges)
    cut = tf.strings.unicode_encode(codes.with_flat_values(classes), "UTF-8")
    cut = tf.strings.regex_replace(cut, characters.WORD, "\\0\n")
    for pattern, rewrite in characters.JOINS:
        cut = tf.strings.regex_replace(cut, pattern, rewrite)
    with_ends = tf.strings.unicode_decode(cut, "UTF-8")
    is_end = with_ends.flat_values == ord("\n")
    places = tf.cumsum(tf.cast(~is_end, tf.int32)) - 1  # of the character or of the one before
    letters = tf.gather(codes.flat_values, tf.maximum(places, 0))
    letters = tf.where(is_end, ord("\n"), letters)
    return tf.strings.unicode_encode(with_ends.with_flat_values(letters), "UTF-8")


class NormalFormGraph(tf.Module):
    """A normal form of Unicode (UAX 15): decomposition, order of marks, composition.

    Args:
        form: its tables.
    """

    def __init__(self, form: NormalForm) -> None:
        super().__init__()
        self.composes = bool(form.compositions)
        self.row_of = table(list(form.decompositions), range(len(form.decompositions)), -1)
        width = max(map(len, form.decompositions.values()))
        self.decompositions = tf.constant(
            [[*codes, *[-1] * (width - len(codes))] for codes in form.decompositions.values()]
        )
        self.class_of = table(list(form.classes), list(form.classes.values()), 0)
        pairs = [first << 21 | second for first, second in form.compositions] or [-1]
        self.composed = table(pairs, list(form.compositions.values()) or [-1], -1)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Return texts (N,) in this form."""
        ragged = tf.strings.unicode_decode(texts, "UTF-8")
        codes, rows = self._decompose(tf.cast(ragged.flat_values, tf.int64), ragged.value_rowids())
        classes = self.class_of.lookup(codes)
        segments = tf.cumsum(tf.cast((classes == 0) | _is_first(rows), tf.int64))
        order = tf.argsort(segments * 256 + classes, stable=True)
        codes, classes = tf.gather(codes, order), tf.gather(classes, order)
        if self.composes:
            codes, rows = self._compose(codes, rows, classes)
        ragged = tf.RaggedTensor.from_value_rowids(
            tf.cast(codes, tf.int32), rows, tf.cast(tf.size(texts), tf.int64), validate=False
        )
        return tf.strings.unicode_encode(ragged, "UTF-8")

    def _decompose(self, codes: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the decomposed characters and their texts, (C,) each."""
        places = self.row_of.lookup(codes)
        parts = tf.cast(tf.gather(self.decompositions, tf.maximum(places, 0)), tf.int64)
        width = self.decompositions.shape[1]
        alone = tf.pad(codes[:, None], [[0, 0], [0, width - 1]], constant_values=-1)
        parts = tf.where(places[:, None] >= 0, parts, alone)
        rows = tf.repeat(rows[:, None], width, axis=1)
        return tf.boolean_mask(parts, parts >= 0), tf.boolean_mask(rows, parts >= 0)

    def _compose(
        self, codes: tf.Tensor, rows: tf.Tensor, classes: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Compose each starter with the next character that it can be composed with, repeatedly."""

        def step(
            _: tf.Tensor, codes: tf.Tensor, rows: tf.Tensor, classes: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            index = tf.range(tf.size(codes))
            begins = (classes == 0) | _is_first(rows)
            starts = tf.boolean_mask(index, begins)
            segment = tf.cumsum(tf.cast(begins, tf.int32)) - 1
            head = tf.gather(starts, tf.maximum(segment - tf.cast(begins, tf.int32), 0))
            before = tf.concat([classes[:1], classes[:-1]], axis=0)
            possible = (head < index) & (tf.gather(rows, head) == rows)
            possible &= tf.gather(classes, head) == 0
            possible &= (head == index - 1) | (before < classes)  # not blocked
            composed = self.composed.lookup(tf.gather(codes, head) * (1 << 21) + codes)
            possible &= composed >= 0
            possible &= ~tf.gather(possible, head)  # its head may vanish
            places = tf.boolean_mask(index, possible)
            first = tf.math.unsorted_segment_min(
                places, tf.boolean_mask(head, possible), tf.size(codes)
            )
            used = possible & (tf.gather(first, head) == index)
            codes = tf.tensor_scatter_nd_update(
                codes, tf.boolean_mask(head, used)[:, None], tf.boolean_mask(composed, used)
            )
            remaining = (tf.boolean_mask(values, ~used) for values in (codes, rows, classes))
            return tf.reduce_any(used), *remaining

        shape = tf.TensorShape([None])
        _, codes, rows, _ = tf.while_loop(
            lambda changed, *_: changed,
            step,
            (tf.size(codes) > 0, codes, rows, classes),
            shape_invariants=(tf.TensorShape([]), shape, shape, shape),
        )
        return codes, rows


def table(keys: Any, values: Any, default: int) -> tf.lookup.StaticHashTable:
    """Return a table from strings or 64-bit numbers to 64-bit numbers."""
    keys = tf.constant(list(keys)) if isinstance(keys[0], str) else tf.constant(keys, tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(list(values), tf.int64))
    return tf.lookup.StaticHashTable(initializer, default)


def _is_first(rows: tf.Tensor) -> tf.Tensor:
    """Return of each character (C,) whether it is the first of its text."""
    return tf.concat([tf.ones_like(rows[:1], tf.bool), rows[1:] != rows[:-1]], axis=0)
