"""Synthetic opinions whose label depends on word order alone.

Every sentence affirms one adjective and denies its opposite ("The food was good, not bad at
all."); its label is the polarity of the adjective that it affirms. Each split consists of pairs:
the second sentence exchanges the two adjectives, so it has the same words and the other label. A
model of word counts gives both the same label, so its accuracy is exactly one half.

The splits differ in their words: no noun of one split occurs in another, and no two adjectives are
combined in two splits. Every adjective occurs in training, because nothing else says which ones
are positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.config.params import ContrastsSource

NEGATIVE, POSITIVE = "negative", "positive"
# Fraction of the sentences, and of the combinations of two adjectives, of each split.
FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}
NOUNS: Mapping[str, Sequence[str]] = {
    "train": (
        *("food", "film", "book", "hotel", "room", "service", "phone", "camera", "song", "show"),
        *("story", "plot", "music", "game", "car", "house", "garden", "trip", "flight", "meal"),
        *("coffee", "bread", "soup", "wine", "beach", "city", "museum", "park", "concert", "class"),
        *("teacher", "doctor", "driver", "guide", "staff", "website", "screen", "battery", "chair"),
        *("jacket", "dress", "shirt", "weather", "view", "location", "price", "design", "sound"),
    ),
    "valid": ("cake", "salad", "novel", "album", "train", "cafe", "laptop", "lamp", "coat", "tour"),
    "test": ("pizza", "steak", "poem", "opera", "bus", "bar", "tablet", "sofa", "scarf", "cruise"),
}
ADJECTIVES: Mapping[str, Sequence[str]] = {
    POSITIVE: (
        *("good", "great", "excellent", "wonderful", "lovely", "brilliant", "amazing", "superb"),
        *("perfect", "fantastic"),
    ),
    NEGATIVE: (
        *("bad", "terrible", "awful", "horrible", "dreadful", "poor", "disappointing", "useless"),
        *("miserable", "pathetic"),
    ),
}
# Each contrast in both orders, so that neither the first nor the last adjective gives the label.
PATTERNS = (
    "The {noun} was {affirmed}, not {denied} at all.",
    "The {noun} was not {denied} at all, it was {affirmed}.",
    "The {noun} was {affirmed} and never {denied}.",
    "The {noun} was not {denied} but {affirmed}.",
    "The {noun} was {affirmed} rather than {denied}.",
    "Rather than {denied}, the {noun} was {affirmed}.",
    "The {noun} was {affirmed}, anything but {denied}.",
    "The {noun} was anything but {denied}, it was {affirmed}.",
    "The {noun} was {affirmed}, far from being {denied}.",
    "Far from being {denied}, the {noun} was {affirmed}.",
    "The {noun} was {affirmed}, although I expected it to be {denied}.",
    "I expected the {noun} to be {denied}, but it was {affirmed}.",
    "I find the {noun} {affirmed}, even if people call it {denied}.",
    "People call the {noun} {denied}, but I find it {affirmed}.",
    "In the end the {noun} was {affirmed}, even if it looked {denied} at first.",
    "The {noun} looked {denied} at first, but in the end it was {affirmed}.",
    "The {noun} is {affirmed} now, it used to be {denied}.",
    "The {noun} used to be {denied}, now it is {affirmed}.",
    # The words beside both adjectives are the same: only the end tells which one is affirmed.
    "Anna calls the {noun} {affirmed}, Ben calls it {denied}, and Anna is right.",
    "Anna calls the {noun} {denied}, Ben calls it {affirmed}, and Ben is right.",
    "One review calls the {noun} {affirmed}, another {denied}, and the first is right.",
    "One review calls the {noun} {denied}, another {affirmed}, and the second is right.",
    "The old {noun} was {affirmed}, the new one was {denied}, and we got the old one.",
    "The old {noun} was {denied}, the new one was {affirmed}, and we got the new one.",
)


def contrasts(source: ContrastsSource, seed: int) -> dict[str, list[tuple[str, str]]]:
    """Return the sentences of each split with their labels, both of a pair in succession.

    Pattern, noun and adjectives are sampled uniformly. All sentences are distinct; there are fewer
    than `examples` if the split has no more.
    """
    generator = np.random.default_rng(seed)
    return {
        split: _sample(split, round(source.examples * fraction / 2), generator)
        for split, fraction in FRACTIONS.items()
    }


def adjective_pairs(split: str) -> list[tuple[str, str]]:
    """Return the combinations of a positive and a negative adjective of a split.

    Each adjective is combined with the same number of others as every other one.
    """
    positive, negative = ADJECTIVES[POSITIVE], ADJECTIVES[NEGATIVE]
    combinations = {"train": range(2, len(negative)), "valid": range(1, 2), "test": range(1)}[split]
    return [
        (word, negative[(position + shift) % len(negative)])
        for shift in combinations
        for position, word in enumerate(positive)
    ]


def _sample(split: str, pairs: int, generator: np.random.Generator) -> list[tuple[str, str]]:
    nouns, adjectives = NOUNS[split], adjective_pairs(split)
    shape = (len(PATTERNS), len(nouns), len(adjectives))
    total = int(np.prod(shape))
    rows: list[tuple[str, str]] = []
    for choice in generator.choice(total, min(pairs, total), replace=False):
        pattern, noun, combination = np.unravel_index(choice, shape)
        good, bad = adjectives[combination]
        for affirmed, denied, label in ((good, bad, POSITIVE), (bad, good, NEGATIVE)):
            text = PATTERNS[pattern].format(noun=nouns[noun], affirmed=affirmed, denied=denied)
            rows.append((text, label))
    return rows
