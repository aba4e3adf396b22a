"""Segmentation of words into sub-words as a TensorFlow graph, as SentencePiece does it.

Shapes: N texts, W words of all texts, L characters of a word.
"""

from __future__ import annotations

from abc import abstractmethod

import tensorflow as tf

from pipelines.text import subwords
from pipelines.text.vocabulary import Vocabulary

UNKNOWN_PENALTY = 10.0  # of SentencePiece, below the least likely piece


class SegmenterGraph(tf.Module):
    """Sub-words of clean text.

    Args:
        vocabulary: its segmenter.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        assert vocabulary.segmenter is not None
        scores = vocabulary.segmenter.scores
        self.longest, self.worst = max(map(len, scores)), min(scores.values())
        self.score_of = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(scores)), tf.constant(list(scores.values()), tf.float32)
            ),
            float("-inf"),
        )

    def split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the pieces (N, None) of clean texts (N,); unknown neighbours are one piece."""
        words = tf.strings.split(texts, " ")
        characters = tf.strings.unicode_split(subwords.BLANK + words.flat_values, "UTF-8")
        pieces = self._merge_unknown(self._segment(characters.to_tensor("")))
        return words.with_flat_values(pieces).merge_dims(1, 2)

    @abstractmethod
    def _segment(self, characters: tf.Tensor) -> tf.RaggedTensor:
        """Return the pieces (W, None) of words (W, L), whose characters are followed by ""."""

    def _merge_unknown(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        rows, values = pieces.value_rowids(), pieces.flat_values
        unknown = tf.math.is_inf(self.score_of.lookup(values))
        after_unknown = tf.concat([unknown[:0], unknown[:-1]], 0)
        after_unknown = tf.concat([tf.zeros_like(unknown[:1]), after_unknown], 0)
        same_row = tf.concat([tf.zeros_like(unknown[:1]), rows[1:] == rows[:-1]], 0)
        keep = ~(unknown & after_unknown & same_row)
        return tf.RaggedTensor.from_value_rowids(
            tf.boolean_mask(values, keep), tf.boolean_mask(rows, keep), pieces.nrows()
        )


class BytePairGraph(SegmenterGraph):
    """Byte pairs (Sennrich et al. 2016): merge the best pair of each word until there is none."""

    def _segment(self, characters: tf.Tensor) -> tf.RaggedTensor:
        def best(symbols: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            """Return the place of the best pair of each word, and whether there is one."""
            right = symbols[:, 1:]
            scores = tf.where(
                right == "", float("-inf"), self.score_of.lookup(symbols[:, :-1] + right)
            )
            return tf.argmax(scores, axis=1, output_type=tf.int32), tf.reduce_any(
                scores > float("-inf"), axis=1
            )

        def merge(symbols: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            place, mergeable = best(symbols)
            index = tf.range(tf.shape(symbols)[1])
            following = tf.pad(symbols[:, 1:], [[0, 0], [0, 1]], constant_values="")
            merged = tf.where(index == place[:, None], symbols + following, symbols)
            merged = tf.where(index > place[:, None], following, merged)
            symbols = tf.where(mergeable[:, None], merged, symbols)
            return symbols, tf.reduce_any(best(symbols)[1])

        # Two columns at least, so that there is a pair.
        characters = tf.pad(characters, [[0, 0], [0, 1]], constant_values="")
        symbols, _ = tf.while_loop(
            lambda symbols, mergeable: mergeable, merge, (characters, tf.size(characters) > 0)
        )
        return tf.RaggedTensor.from_tensor(symbols, _lengths(symbols))


class UnigramGraph(SegmenterGraph):
    """Unigram sub-words (Kudo 2018): the most likely segmentation, by the algorithm of Viterbi."""

    def _segment(self, characters: tf.Tensor) -> tf.RaggedTensor:
        count, width = tf.unstack(tf.shape(characters))
        longest = self.longest
        # Pieces by the place of their last character, the longest first: (W, L, longest).
        pieces = [characters]
        for length in range(1, longest):
            begin = tf.pad(characters, [[0, 0], [length, 0]], constant_values="\0")[:, :width]
            pieces.insert(0, begin + pieces[0])
        stacked = tf.stack(pieces, axis=2)
        scores = self.score_of.lookup(stacked)
        alone = tf.maximum(scores[:, :, -1:], self.worst - UNKNOWN_PENALTY)
        scores = tf.concat([scores[:, :, :-1], alone], axis=2)

        def forward(
            end: tf.Tensor, totals: tf.Tensor, lengths: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            """Add the best score of each word up to a character; totals are those before it."""
            sums = totals + scores[:, end]
            best = tf.reduce_max(sums, axis=1, keepdims=True)
            lengths = lengths.write(end, longest - tf.argmax(sums, axis=1, output_type=tf.int32))
            return end + 1, tf.concat([totals[:, 1:], best], axis=1), lengths

        totals = tf.fill((count, longest), float("-inf"))
        totals = tf.concat([totals[:, 1:], tf.zeros((count, 1))], axis=1)
        _, _, lengths = tf.while_loop(
            lambda end, *_: end < width,
            forward,
            (0, totals, tf.TensorArray(tf.int32, width)),
        )
        lengths = tf.transpose(lengths.stack())  # (W, L), of the last piece up to a character

        def backward(
            end: tf.Tensor, last: tf.Tensor, chosen: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            """Mark the pieces' last characters, from the end of each word."""
            is_last = last == end
            chosen = chosen.write(end, is_last)
            return end - 1, tf.where(is_last, last - lengths[:, end], last), chosen

        final = tf.cast(_lengths(characters), tf.int32) - 1
        _, _, chosen = tf.while_loop(
            lambda end, *_: end >= 0,
            backward,
            (width - 1, final, tf.TensorArray(tf.bool, width)),
        )
        places = tf.where(tf.transpose(chosen.stack()))
        lengths = tf.gather_nd(lengths, places)
        values = tf.gather_nd(
            stacked, tf.concat([places, tf.cast(longest - lengths, tf.int64)[:, None]], 1)
        )
        return tf.RaggedTensor.from_value_rowids(values, places[:, 0], tf.cast(count, tf.int64))


def segmenter(vocabulary: Vocabulary) -> SegmenterGraph:
    """Return the graph of a vocabulary's segmenter."""
    kinds = {"bpe": BytePairGraph, "unigram": UnigramGraph}
    return kinds[vocabulary.kind](vocabulary)


def _lengths(symbols: tf.Tensor) -> tf.Tensor:
    """Return the number of symbols (W,) of words (W, L)."""
    return tf.reduce_sum(tf.cast(symbols != "", tf.int64), axis=1)
