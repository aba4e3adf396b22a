"""Figures of chapter 2: Sequences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines import paths
from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import experiment_plots
from pipelines.reporting.plots import GRID, line_style, svg
from pipelines.training.history import read_history
from pipelines.tutorial import sequence_diagrams
from pipelines.tutorial.figure import TutorialFigure, report_figure

if TYPE_CHECKING:
    import pandas as pd

CORPUS = "contrasts"
TABLE = paths.experiment("word_order", CORPUS)
NGRAMS, RECURRENT = "shakespeare-kneser-ney", "shakespeare-lstm"
ORDERS = range(2, 9)  # of the n-grams


def shifted_texts(root: Path) -> str:
    """Plot the right answers to test texts, and to test texts with words after and before them."""
    table = tables.read(root / TABLE, tables.WORD_ORDER)
    words = params.load(root / paths.PARAMS).experiments.word_order[CORPUS].shift
    shift = "other words" if words is None else f'"{words.words}"'
    test, shifted = (table[table["pairs"] == kind] for kind in ("test", "shifted"))
    both = (test["before"] == test["label"], test["after"] == test["exchanged_label"])
    shares = {
        "test texts": _shares(both[0] / 2 + both[1] / 2, test),
        f"with {shift} last": _shares(shifted["before"] == shifted["label"], shifted),
        f"with {shift} first": _shares(shifted["after"] == shifted["label"], shifted),
    }
    return experiment_plots.word_order({"right answers": shares}, "Words that move")


def _shares(right: pd.Series[Any], part: pd.DataFrame) -> dict[str, float]:
    """Return the share of right answers of each classifier, in the order of the table."""
    means = right.groupby(part["classifier"], sort=False).mean()
    return {str(name): float(mean) for name, mean in means.items()}


def ngram_orders(root: Path) -> str:
    """Plot the validation loss of n-grams by their length, and that of a recurrent network."""
    ngrams, recurrent = (
        read_history(root / paths.history(name)).iloc[-1] for name in (NGRAMS, RECURRENT)
    )

    def draw(axes: Any) -> None:
        losses = [ngrams[f"order_{order}_valid_loss"] / np.log(2) for order in ORDERS]
        (colour, marker), network = line_style(0), line_style(1)[0]
        axes.plot(ORDERS, losses, color=colour, marker=marker, label="n-grams (Kneser-Ney)")
        limit = recurrent["valid_loss"] / np.log(2)
        axes.axhline(limit, color=network, linestyle="--", label=RECURRENT)
        axes.set(xlabel="n: length of the n-grams in characters", ylabel="bits per character")
        axes.set_ylim(2, 4)
        axes.set_xticks(list(ORDERS))
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_title("Markov models of Shakespeare, on validation text", pad=12)
        axes.legend(frameon=False)

    return svg(draw, (7.2, 4.0))


FIGURES: dict[str, TutorialFigure] = {
    "word-order": report_figure(
        "Share of right answers of a bag of words, position-fixed features, 3-grams and an LSTM to "
        "pairs of texts with the same words, and share of the pairs with different answers",
        f"word_order@{CORPUS}",
        TABLE,
    ),
    "shifted-texts": TutorialFigure(
        "Share of right answers of four classifiers to test texts, and to test texts with two more "
        "words at the end or at the beginning",
        shifted_texts,
        {f"word_order@{CORPUS}": (TABLE,)},
    ),
    "ngram-orders": TutorialFigure(
        "Bits per character of n-grams of two to eight characters, and of an LSTM",
        ngram_orders,
        {
            f"train_baseline@{NGRAMS}": (paths.history(NGRAMS),),
            f"train_lstm@{RECURRENT}": (paths.history(RECURRENT),),
        },
    ),
    "unfolded-network": TutorialFigure(
        "A recurrent network as a loop, and unfolded over three steps with the same W and U",
        sequence_diagrams.unfolded,
    ),
    "sequence-tasks": TutorialFigure(
        "A recurrent network as a language model, as a classifier and as encoder and decoder",
        sequence_diagrams.tasks,
    ),
}
