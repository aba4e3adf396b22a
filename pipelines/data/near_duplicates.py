"""Groups of texts that are nearly the same: MinHash with locality-sensitive hashing.

Broder (1997); the permutations and the choice of the bands are datasketch's. Its own bulk function
takes text by text; here one NumPy operation takes a whole batch, with the same minima.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from datasketch import MinHash, MinHashLSH
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SHINGLE = 5  # characters, in any script
PERMUTATIONS = 128
SEED = 1
# A false negative is a leak between the splits; a false positive only keeps two texts together.
WEIGHTS = (0.1, 0.9)
CHUNK = 2**19  # characters that are hashed at a time
FRAME = 16  # characters that a text counts for besides its own, which bounds the texts of a chunk
START = "\x01"  # before each text, so that an empty text has a shingle
PADDING = "\0" * (SHINGLE - 1)  # after each text, so that no shingle reaches into the next

Hashes = npt.NDArray[np.uint32]
Keys = npt.NDArray[np.uint64]  # (rows, bands)
Codes = npt.NDArray[np.intp]  # (rows,)


class _Bands(NamedTuple):
    """Permutations h -> factor * h + offset modulo 2^32, in bands of equal size."""

    factors: Hashes
    offsets: Hashes
    number: int
    size: int


def band_keys(texts: Sequence[str], threshold: float) -> Keys:
    """Return the keys of each text, one for each band of its MinHash.

    Texts that share the key of a band are probably near-duplicates. The keys of a text depend on
    nothing but the text, its case apart, and the threshold.

    Args:
        texts: a batch of any size.
        threshold: Jaccard similarity of the sets of five characters in a row, from which on two
            texts are near-duplicates.

    Returns:
        Unsigned integers of 64 bits, (rows, bands).
    """
    bands = _bands(threshold)
    keys = np.empty((len(texts), bands.number), np.uint64)
    for first, last in _chunks(texts):
        keys[first:last] = _keys([_folded(text) for text in texts[first:last]], bands)
    return keys


def groups(keys: Keys) -> Codes:
    """Return the group of each row: rows that share the key of a band, directly or through others.

    Args:
        keys: of `band_keys`, (rows, bands).

    Returns:
        Numbers of the groups in order of first appearance, (rows,).
    """
    rows = len(keys)
    codes = np.arange(rows, dtype=np.intp)
    for band in range(keys.shape[1]):
        column = np.ascontiguousarray(keys[:, band])
        order = np.argsort(column, kind="stable")
        equal = column[order[1:]] == column[order[:-1]]
        left, right = codes[order[:-1][equal]], codes[order[1:][equal]]
        edges = (np.ones(len(left), np.bool_), (left, right))
        _, labels = connected_components(coo_array(edges, shape=(rows, rows)), directed=False)
        codes = labels[codes]
    return pd.factorize(codes)[0]


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first row of each chunk, and the row after its last."""
    first = size = 0
    for row, text in enumerate(texts):
        size += len(text) + FRAME
        if size > CHUNK:
            yield first, row + 1
            first, size = row + 1, 0
    if first < len(texts):
        yield first, len(texts)


def _folded(text: str) -> str:
    return START + text.lower().replace("\0", " ") + PADDING


def _keys(texts: list[str], bands: _Bands) -> Keys:
    """Return the keys of texts with start and padding, (texts, bands)."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    hashes = _shingle_hashes(codes)[codes[: len(codes) - len(PADDING)] != 0]
    lengths = np.array([len(text) - len(PADDING) for text in texts])
    starts = np.cumsum(lengths) - lengths
    minima = np.empty((bands.number * bands.size, len(texts)), np.uint32)
    for permutation, (factor, offset) in enumerate(zip(bands.factors, bands.offsets, strict=True)):
        minima[permutation] = np.minimum.reduceat(hashes * factor + offset, starts)
    return _mixed(minima.reshape(bands.number, bands.size, len(texts))).T


def _shingle_hashes(codes: npt.NDArray[np.uint32]) -> Hashes:
    """Return the hash of the shingle that begins at each character."""
    count = len(codes) - len(PADDING)
    windows = np.stack([codes[place : place + count] for place in range(SHINGLE)])
    upper_half: Hashes = (_mixed(windows[None])[0] >> np.uint64(32)).astype(np.uint32)
    return upper_half


def _mixed(parts: npt.NDArray[np.unsignedinteger]) -> Keys:
    """Return a hash of all parts, (groups, parts, items) -> (groups, items)."""
    key = np.zeros((len(parts), parts.shape[2]), np.uint64)
    for part in range(parts.shape[1]):
        key = key * np.uint64(0x9E3779B97F4A7C15) + parts[:, part]
    # Every bit of the sum changes half of the bits of its hash.
    return pd.util.hash_array(key.reshape(-1), categorize=False).reshape(key.shape)


@cache
def _bands(threshold: float) -> _Bands:
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, weights=WEIGHTS)
    factors, offsets = MinHash(PERMUTATIONS, SEED, scheme="affine32").permutations
    used = index.b * index.r
    return _Bands(factors[:used], offsets[:used], index.b, index.r)
