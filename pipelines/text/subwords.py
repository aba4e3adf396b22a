"""Sub-words, by SentencePiece (Kudo and Richardson, 2018), which only this module imports.

A piece at the beginning of a word starts with U+2581, which stands for the blank before the word;
normalised text never contains that character.
"""

from __future__ import annotations

import io
import math
import random
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
CACHE_SIZE = 1 << 15  # words whose segmentations are cached while sampling

Pieces = tuple[str, ...]
Random = Callable[[], float]  # the next number of a generator, 0 <= number < 1
Segment = Callable[[str], Pieces]  # from a word after U+2581 to its pieces


@dataclass(frozen=True)
class Segmenter:
    """Trained SentencePiece model.

    Attributes:
        model: serialized model.
    """

    model: bytes

    @cached_property
    def _processor(self) -> Any:
        return sentencepiece.SentencePieceProcessor(model_proto=self.model)

    @cached_property
    def scores(self) -> dict[str, float]:
        """Scores of all pieces, characters included, without the special tokens.

        Under `unigram` the score of a piece is its log probability in nats, under `bpe` the
        negative rank of its merge.

        Raises:
            ValueError: the model is damaged.
        """
        try:
            ids = list(range(self._processor.get_piece_size()))[len(SPECIALS) :]
        except RuntimeError:
            raise ValueError("the segmenter is damaged") from None
        pieces, scores = self._processor.id_to_piece(ids), self._processor.get_score(ids)
        return dict(zip(pieces, scores, strict=True))

    def split(self, text: str) -> list[str]:
        """Return the most likely pieces of normalised text; unseen characters are pieces too."""
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return pieces

    def split_many(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the pieces of each normalised text."""
        pieces: list[list[str]] = self._processor.encode(list(texts), out_type=str, num_threads=1)
        return pieces


def train(
    sentences: Iterable[tuple[str, int]], kind: Tokens, size: int, characters: Iterable[str]
) -> Segmenter:
    """Learn `size` pieces, or fewer if the text is small.

    Byte pairs (Sennrich et al. 2016), or a unigram language model (Kudo 2018), over words. One
    thread, no normalisation, all characters: equal texts give equal bytes, and every training text
    can be decoded again.

    Args:
        sentences: texts, and how often each occurs. Byte pairs need distinct words only: the
            library counts them first.
        kind: `bpe` or `unigram`.
        size: maximum number of pieces.
        characters: all characters of the text; the blank does not count.

    Raises:
        UserError: the texts have more different characters than `size`, or are empty.
    """
    signs = sorted({*characters} - {" "})
    if len(signs) + 1 > size:  # the blank is a piece too
        raise UserError(
            f"'vocabulary.max_size' is {size:,}, but the training text has {len(signs) + 1:,} "
            "different characters, each of which is a piece: raise it."
        )
    if not signs:
        raise UserError("The training split has no text to learn sub-words from.")
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_lines(sentences, signs),
        input_format="tsv",
        model_writer=written,
        model_type=kind,
        vocab_size=size + len(SPECIALS),
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        max_sentence_length=10**7,  # bytes; the library silently skips longer rows
        num_threads=1,
        minloglevel=2,
        pad_id=0,  # with these four ids, none of SPECIALS becomes a piece
        unk_id=1,
        bos_id=2,
        eos_id=3,
    )
    return Segmenter(written.getvalue())


def _lines(sentences: Iterable[tuple[str, int]], characters: Iterable[str]) -> Iterator[str]:
    """Yield the lines that SentencePiece reads: text, tab, number.

    The library skips special tokens in the text, and would not count their characters. Characters
    that no sentence has come last, so that they become pieces, too.
    """
    missing = set(characters)
    for text, count in sentences:
        if text:
            missing.difference_update(text)
            yield f"{_SPECIAL.sub(lambda match: ' '.join(match[0]), text)}\t{count}"
    for character in sorted(missing):
        yield f"{character}\t1"


def join(pieces: Iterable[str]) -> str:
    """Return the text of pieces."""
    return "".join(pieces).replace(BLANK, " ").removeprefix(" ")


# Sub-word regularization ------------------------------------------------------------------------
# Not by SentencePiece: version 0.2.3 samples differently in every process, whatever the seed.


def sample_segmentations(
    texts: Iterable[str], kind: Tokens, scores: Mapping[str, float], strength: float, seed: int
) -> Iterator[list[str]]:
    """Yield randomly sampled pieces of each normalised text, a pure function of the arguments.

    Args:
        texts: normalised texts.
        kind: `bpe` or `unigram`.
        scores: scores of all pieces, from `Segmenter.scores`.
        strength: under `bpe` the dropout probability p of merges (Provilkov et al. 2020, who use
            0.1); under `unigram` the exponent alpha of Kudo (2018): the closer to 0, the more
            uniform.
        seed: seed of the sampling.
    """
    uniform = random.Random(seed).random
    segment = {"bpe": _bpe_dropout, "unigram": _unigram_sampling}[kind](scores, strength, uniform)
    for text in texts:
        yield [piece for word in text.split() for piece in segment(BLANK + word)]


def _bpe_dropout(scores: Mapping[str, float], dropout: float, uniform: Random) -> Segment:
    """Return BPE with dropout: each possible merge is skipped with a probability at every step.

    The number of best merges before the first skipped one has a geometric distribution: one random
    number serves for all of them.
    """

    @lru_cache(CACHE_SIZE)
    def merges(pieces: Pieces) -> list[int]:
        """Return the indices at which two neighbours may be merged, the best first."""
        pairs = [first + second for first, second in pairwise(pieces)]
        possible = [index for index, pair in enumerate(pairs) if pair in scores]
        return sorted(possible, key=lambda index: -scores[pairs[index]])

    @lru_cache(CACHE_SIZE)
    def path(pieces: Pieces) -> list[Pieces]:
        """Return the pieces after 0, 1, 2, ... best merges, until there are no more."""
        states = [pieces]
        while possible := merges(states[-1]):
            states.append(_merge(states[-1], possible[0]))
        return states

    def segment(word: str) -> Pieces:
        pieces: Pieces = tuple(word)
        while True:
            best = path(pieces)
            merged = int(math.log(1 - uniform()) / math.log(1 - dropout))
            if merged >= len(best) - 1:
                return best[-1]
            pieces = best[merged]
            index = next((index for index in merges(pieces)[1:] if uniform() >= dropout), None)
            if index is None:
                return pieces
            pieces = _merge(pieces, index)

    return segment


def _merge(pieces: Pieces, index: int) -> Pieces:
    return (*pieces[:index], pieces[index] + pieces[index + 1], *pieces[index + 2 :])


def _unigram_sampling(scores: Mapping[str, float], alpha: float, uniform: Random) -> Segment:
    """Return sampling of segmentations in proportion to their probability to the power of alpha.

    Forward filtering, backward sampling (Kudo 2018, section 3.3): the last piece of a word is
    sampled first, then the last piece of the characters before it.
    """
    longest = max(map(len, scores))

    @lru_cache(CACHE_SIZE)
    def lattice(word: str) -> list[tuple[list[int], list[float]]]:
        """Return for each end the starts of a last piece, and their cumulative weights."""
        total = [0.0]  # log of the summed weights of all segmentations of the first characters
        choices: list[tuple[list[int], list[float]]] = [([], [])]
        for end in range(1, len(word) + 1):
            logs = {
                begin: total[begin] + alpha * score
                for begin in range(max(0, end - longest), end)
                if (score := scores.get(word[begin:end])) is not None
            } or {end - 1: total[-1]}  # an unseen character is a piece
            most = max(logs.values())
            summed = list(accumulate(math.exp(log - most) for log in logs.values()))
            total.append(most + math.log(summed[-1]))
            choices.append((list(logs), summed))
        return choices

    def segment(word: str) -> Pieces:
        choices, end = lattice(word), len(word)
        backwards = []
        while end:
            begins, summed = choices[end]
            begin = begins[bisect(summed, uniform() * summed[-1], hi=len(summed) - 1)]
            backwards.append(word[begin:end])
            end = begin
        return tuple(backwards[::-1])

    return segment
