"""Pieces of words, learnt from text: the only door to SentencePiece (Kudo and Richardson, 2018).

A piece that begins a word begins with U+2581, which stands for the blank before it; prepared text
never holds that sign itself.
"""

from __future__ import annotations

import io
import math
import random
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import Any

import sentencepiece

from pipelines.config.params import Tokens
from pipelines.errors import UserError

BLANK = "\u2581"
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")  # never learnt as pieces
_SPECIAL = re.compile("|".join(SPECIALS))
CACHED = 1 << 15  # words that are kept in pieces while texts are resampled

Pieces = tuple[str, ...]
Draw = Callable[[], float]  # the next number of a generator, 0 <= number < 1
Cut = Callable[[str], Pieces]  # a word, U+2581 before it -> its pieces


@dataclass(frozen=True)
class Segmenter:
    """A trained model of sub-words, as the bytes that SentencePiece reads."""

    model: bytes

    @cached_property
    def _processor(self) -> Any:
        return sentencepiece.SentencePieceProcessor(model_proto=self.model)

    @cached_property
    def scores(self) -> dict[str, float]:
        """All that it knows, characters among them, without the special tokens.

        Under `unigram` the score of a piece is its log probability in nats, under `bpe` minus the
        rank of the merge that makes it.

        Raises:
            ValueError: the bytes are no such model.
        """
        try:
            every = list(range(self._processor.get_piece_size()))[len(SPECIALS) :]
        except RuntimeError:
            raise ValueError("its segmenter is damaged") from None
        pieces, scores = self._processor.id_to_piece(every), self._processor.get_score(every)
        return dict(zip(pieces, scores, strict=True))

    def split(self, text: str) -> list[str]:
        """The likeliest pieces of prepared text; characters never seen are pieces of their own."""
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return pieces


def train(texts: Iterable[str], kind: Tokens, size: int) -> Segmenter:
    """Learn `size` pieces, or fewer where a small text has no more.

    Byte pairs (Sennrich et al. 2016), or a unigram language model (Kudo 2018), over words. One
    thread, no normalisation of its own, all characters: the same texts give the same bytes, and
    whatever it has seen it can write again.

    Raises:
        Refusal: the text has more characters than `size`, or no text at all.
    """
    # The library passes over the special tokens it is told of, and over their characters with them.
    texts = [_SPECIAL.sub(lambda spelt: " ".join(spelt[0]), text) for text in texts if text]
    # The blank is a piece of its own too.
    characters = len(set("".join(texts)) - {" "}) + 1
    if characters > size:
        raise UserError(
            f"'vocabulary.max_size' is {size:,}, and the training text has {characters:,} "
            "different characters, each of which is a piece: raise it."
        )
    if not texts:
        raise UserError("There is no training text to learn sub-words from.")
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        model_type=kind,
        vocab_size=size + len(SPECIALS),
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        max_sentence_length=10**7,  # bytes; longer rows would be left out in silence
        num_threads=1,
        minloglevel=2,
        pad_id=0,  # with these four on, none of SPECIALS becomes a piece
        unk_id=1,
        bos_id=2,
        eos_id=3,
    )
    return Segmenter(written.getvalue())


def join(pieces: Iterable[str]) -> str:
    """The text of pieces."""
    return "".join(pieces).replace(BLANK, " ").removeprefix(" ")


# Sub-word regularisation ------------------------------------------------------------------------
# Ours, because SentencePiece 0.2.3 draws something else in every process, whatever its seed.


def resampled(
    texts: Iterable[str], kind: Tokens, scores: Mapping[str, float], share: float, seed: int
) -> list[list[str]]:
    """Other pieces of each prepared text than the likeliest: a pure function of the arguments.

    Args:
        texts: prepared.
        kind: `bpe` or `unigram`.
        scores: of all pieces, as `Segmenter.scores` gives them.
        share: under `bpe` the share p of merges left out (Provilkov et al. 2020; 0.1 there); under
            `unigram` the exponent alpha of Kudo (2018): the nearer to 0, the more even.
        seed: of the draw.
    """
    draw = random.Random(seed).random
    cut = {"bpe": _with_dropout, "unigram": _sampled}[kind](scores, share, draw)
    return [[piece for word in text.split() for piece in cut(BLANK + word)] for text in texts]


def _with_dropout(scores: Mapping[str, float], share: float, draw: Draw) -> Cut:
    """Byte pairs, each possible merge left out with probability `share` at every step.

    How many best merges come before the first that is left out follows a geometric distribution:
    one number is drawn for all of them.
    """

    @lru_cache(CACHED)
    def merges(pieces: Pieces) -> list[int]:
        """Where two neighbours may be merged, the best first."""
        joined = [first + second for first, second in pairwise(pieces)]
        known = [at for at, piece in enumerate(joined) if piece in scores]
        return sorted(known, key=lambda at: -scores[joined[at]])

    @lru_cache(CACHED)
    def path(pieces: Pieces) -> list[Pieces]:
        """The pieces after 0, 1, 2, ... best merges, until there are none to merge."""
        states = [pieces]
        while possible := merges(states[-1]):
            states.append(_merged(states[-1], possible[0]))
        return states

    def cut(word: str) -> Pieces:
        pieces: Pieces = tuple(word)
        while True:
            best = path(pieces)
            done = int(math.log(1 - draw()) / math.log(1 - share))
            if done >= len(best) - 1:
                return best[-1]
            pieces = best[done]
            at = next((at for at in merges(pieces)[1:] if draw() >= share), None)
            if at is None:
                return pieces
            pieces = _merged(pieces, at)

    return cut


def _merged(pieces: Pieces, at: int) -> Pieces:
    return (*pieces[:at], pieces[at] + pieces[at + 1], *pieces[at + 2 :])


def _sampled(scores: Mapping[str, float], share: float, draw: Draw) -> Cut:
    """Each way to cut a word with its probability to the power of `share`, made to sum to 1.

    Forward filtering, backward sampling (Kudo 2018, section 3.3): of the ways to cut the first
    characters of the word the last piece is drawn, then the last of those before it.
    """
    longest = max(map(len, scores))

    @lru_cache(CACHED)
    def lattice(word: str) -> list[tuple[list[int], list[float]]]:
        """At each end: where a last piece may begin, and the summed weights of these choices."""
        total = [0.0]  # log of the summed weights of all ways to cut the first characters
        choices: list[tuple[list[int], list[float]]] = [([], [])]
        for end in range(1, len(word) + 1):
            logs = {
                begin: total[begin] + share * score
                for begin in range(max(0, end - longest), end)
                if (score := scores.get(word[begin:end])) is not None
            } or {end - 1: total[-1]}  # a character that training never saw stands alone
            most = max(logs.values())
            summed = list(accumulate(math.exp(log - most) for log in logs.values()))
            total.append(most + math.log(summed[-1]))
            choices.append((list(logs), summed))
        return choices

    def cut(word: str) -> Pieces:
        choices, end = lattice(word), len(word)
        backwards = []
        while end:
            begins, summed = choices[end]
            begin = begins[bisect(summed, draw() * summed[-1], hi=len(summed) - 1)]
            backwards.append(word[begin:end])
            end = begin
        return tuple(backwards[::-1])

    return cut
