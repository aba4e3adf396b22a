"""Figures of chapter 4: Models of language, classes and translations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines import paths
from pipelines.evaluation.analysis import read_analysis
from pipelines.reporting import plots
from pipelines.tutorial.diagrams import BLUE, GREEN, INK, RED, arrow, canvas, label, node
from pipelines.tutorial.figure import TutorialFigure, report_figure

# The language models and the stages that evaluate them.
LANGUAGE_MODELS = {
    "shakespeare-markov": "evaluate_baseline",
    "shakespeare-rnn": "evaluate_lstm",
    "shakespeare-kneser-ney": "evaluate_baseline",
    "shakespeare-lstm": "evaluate_lstm",
}
CLASSIFIER, DATES, VERSES = "opinions-lstm", "dates-attention", "verses-attention"
SOURCE = ("in", "peace", ".")
TARGET = ("en", "paix", ".")
WEIGHTS = (0.15, 0.8, 0.05)  # of the attention diagram


def bits_per_character(root: Path) -> str:
    """Draw the bits per character of the language models as bars."""
    scores = {
        model: json.loads((root / paths.metrics(model)).read_text(encoding="utf-8"))
        for model in LANGUAGE_MODELS
    }
    bits = {model: score["test_bits_per_character"] for model, score in scores.items()}

    def draw(axes: Any) -> None:
        for place, (model, value) in enumerate(bits.items()):
            colour = plots.COLOURS[0] if "parameters" in scores[model] else plots.COLOURS[1]
            axes.barh(place, value, color=colour, height=0.6)
            axes.text(value + 0.03, place, f"{value:.2f}", va="center")
        axes.set_yticks(range(len(bits)), list(bits))
        axes.set_ylim(len(bits) - 0.5, -0.5)
        axes.set_xlim(0, 1.1 * max(bits.values()))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("bits per character on the test split; lower is better")

    return plots.svg(draw, (7.0, 2.6))


def confusion(root: Path) -> str:
    """Draw the confusion matrix of a classifier."""
    matrix = read_analysis(root / paths.analysis(CLASSIFIER)).confusion
    assert matrix is not None
    return plots.confusion_matrix(matrix.counts, matrix.labels, CLASSIFIER)


def _translator(axes: Any, attends: bool) -> None:
    """Draw an encoder-decoder that translates three words."""
    top = 5.8 if attends else 3.8
    canvas(axes, 13.4, top + 0.6)
    encoder = [1.2 + 1.9 * step for step in range(3)]
    decoder = [7.4 + 1.9 * step for step in range(3)]
    inputs = ("<s>", *TARGET[:-1])
    for place, x in enumerate([*encoder, *decoder]):
        decodes = place > 2
        arrow(axes, (x, 0.5), (x, 2.0))
        if place:
            previous = [*encoder, *decoder][place - 1]
            colour, width = (RED, 2.6) if place == 3 else (INK, 1.2)
            arrow(axes, (previous, 2.0), (x, 2.0), colour, width=width)
        node(axes, (x, 0.5), inputs[place - 3] if decodes else SOURCE[place])
        symbol = "s" if decodes else "h"
        node(axes, (x, 2.0), f"{symbol}{'₁₂₃'[place % 3]}", GREEN if decodes else BLUE)
    for x, word in zip(decoder, TARGET, strict=True):
        arrow(axes, (x, 2.0), (x, top))
        node(axes, (x, top), word)
    label(axes, (encoder[0] - 0.2, 2.75), "encoder", BLUE, 9)
    label(axes, (decoder[-1] + 0.9, 2.75), "decoder", GREEN, 9)
    if not attends:
        label(axes, (6.2, 2.75), "one vector", RED, 9)
        return
    step = decoder[1]
    for x, weight in zip(encoder, WEIGHTS, strict=True):
        arrow(axes, (x, 2.0), (4.9, 4.3), RED, width=0.6 + 4 * weight, gap=16)
        label(axes, (x + 0.36 * (4.9 - x) - 0.42, 3.0), f"{weight:g}", RED, 9)
    arrow(axes, (4.9, 4.3), (step, top), RED, gap=16)
    node(axes, (4.9, 4.3), "c₂", RED)


def encoder_decoder(root: Path) -> str:
    """Draw an encoder-decoder with one vector between its parts."""
    return plots.svg(lambda axes: _translator(axes, attends=False), (7.6, 2.6))


def attention(root: Path) -> str:
    """Draw an encoder-decoder that attends to all encoder states, at its second step."""
    return plots.svg(lambda axes: _translator(axes, attends=True), (7.6, 3.6))


def _map(model: str, root: Path) -> str:
    first = read_analysis(root / paths.analysis(model)).attention[0]
    return plots.attention_map(first.weights, first.source, first.target, model)


def attention_of_dates(root: Path) -> str:
    """Draw the attention map of the first test date."""
    return _map(DATES, root)


def attention_of_verses(root: Path) -> str:
    """Draw the attention map of the first test verse."""
    return _map(VERSES, root)


FIGURES: dict[str, TutorialFigure] = {
    "bits-per-character": TutorialFigure(
        "Bits per character of four language models of Shakespeare's plays; lower is better",
        bits_per_character,
        {f"{stage}@{model}": (paths.metrics(model),) for model, stage in LANGUAGE_MODELS.items()},
    ),
    "confusion": TutorialFigure(
        f"Test texts by their label and the label that {CLASSIFIER} predicts",
        confusion,
        {f"evaluate_lstm@{CLASSIFIER}": (paths.analysis(CLASSIFIER),)},
    ),
    "encoder-decoder": TutorialFigure(
        "An encoder reads three words; its last state is the only thing that the decoder, which "
        "writes three words, gets from it",
        encoder_decoder,
    ),
    "attention": TutorialFigure(
        "The same translator with attention: the second step of the decoder also gets the sum of "
        "all encoder states, weighted by 0.15, 0.8 and 0.05",
        attention,
    ),
    "attention-dates": TutorialFigure(
        f"Attention weights of {DATES} for the first date of the test split: a row for each "
        "character of the translation, a column for each of the source",
        attention_of_dates,
        {f"evaluate_seq2seq@{DATES}": (paths.analysis(DATES),)},
    ),
    "attention-verses": TutorialFigure(
        f"Attention weights of {VERSES} for the first verse of the test split: a row for each word "
        "of the translation, a column for each of the source",
        attention_of_verses,
        {f"evaluate_seq2seq@{VERSES}": (paths.analysis(VERSES),)},
    ),
    "source-length-dates": report_figure(
        "Exact match of dates-fixed and dates-attention by the length of the date",
        "source_length@dates",
        paths.experiment("source_length", "dates"),
    ),
    "source-length-verses": report_figure(
        "BLEU of verses-fixed and verses-attention by the length of the verse",
        "source_length@verses",
        paths.experiment("source_length", "verses"),
    ),
}
