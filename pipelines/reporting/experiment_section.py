"""The chapter of the laboratory: each picture with the table it is of, and what to see in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import experiment_plots as figures
from pipelines.reporting.embedded_svg import Picture

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 6  # pairs of texts


@dataclass(frozen=True)
class Origin:
    """The table that a picture is drawn from: the stage that wrote it, its path and its MD5, both
    as dvc.lock has them."""

    stage: str
    path: str
    md5: str


@dataclass(frozen=True)
class ExperimentFigure:
    """A picture, what to see in it, a paragraph each, and a table below it if there is one."""

    title: str
    see: tuple[str, ...]
    picture: Picture
    origin: Origin
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


Draw = Callable[[str, Any, "pd.DataFrame", Origin], ExperimentFigure]


def experiment_figures(tree: params.Params, folder: Path) -> list[ExperimentFigure]:
    """All exhibits whose stages ran.

    Args:
        tree: says which there are.
        folder: of `<stage>/<name>.csv`.

    Raises:
        Refusal: a table is damaged.
    """
    laboratory = tree.experiments
    stages: Mapping[str, tuple[Mapping[Any, Any], tuple[str, ...], Draw]] = {
        "gradient_flow": (laboratory.gradient_flow, tables.GRADIENTS, _gradient_flow),
        "long_memory": (laboratory.long_memory, tables.MEMORY, _long_memory),
        "word_order": (laboratory.word_order, tables.ORDER, _word_order),
        "source_length": (laboratory.source_length, tables.LENGTHS, _source_length),
    }
    return [
        draw(name, entry, tables.read(file, columns), _origin(stage, name, file))
        for stage, (entries, columns, draw) in stages.items()
        for name, entry in entries.items()
        if (file := folder / stage / f"{name}.csv").is_file()
    ]


def _origin(stage: str, name: str, file: Path) -> Origin:
    md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    return Origin(f"{stage}@{name}", "/".join(file.parts[-3:]), md5)


def _gradient_flow(
    name: str, entry: params.GradientFlow, table: pd.DataFrame, origin: Origin
) -> ExperimentFigure:
    farthest = int(table["lag"].max())
    diverged = table[(table["when"] != "start") & table["loss"].isna()]
    lost = " and ".join(f"{cell} ({when})" for cell, when in _unique(diverged, "cell", "when"))
    see = (
        f"How much of the gradient of the last step's loss comes back to the state k steps earlier "
        f"(Bengio et al. 1994; Pascanu et al. 2013), on the task '{name}' with {entry.units} "
        f"units, as a share of what arrives at the last state itself. A line that falls straight "
        f"on this scale vanishes exponentially: what lies so far back teaches the network nothing. "
        f"One that rises explodes.",
        "What to see, the three cures. Activation and initialisation: a ReLU network from the "
        "identity hands back what it gets, step by step, where tanh takes its slope of every "
        "step. Gated cells: an untrained gate lets through about half (a forget bias of 0, and a "
        "GRU) or three quarters (a forget bias of 1) of the gradient, so at the start they may "
        "keep even less than tanh; but they can learn to stay open. Clipping bounds a gradient "
        "that explodes, and brings none back that vanished.",
        f"What is left after {farthest} steps, at the start and trained with clipping: "
        + "; ".join(_left(table, cell, farthest) for cell in table["cell"].unique())
        + "."
        + (f" Diverged, and not drawn: {lost}." if lost else ""),
    )
    title = f"Gradient flow: {name}"
    return ExperimentFigure(title, see, Picture(title, figures.gradient_flow(table)), origin)


def _left(table: pd.DataFrame, cell: str, lag: int) -> str:
    shares = []
    for when in ("start", "clipped"):
        curve = table[(table["cell"] == cell) & (table["when"] == when)]
        shares.append(figures.relative(curve)[lag])
    # What a float32 cannot hold any more is 0.
    return f"{cell} {' and '.join(f'{share:.0e}' if share else '0' for share in shares)}"


def _unique(table: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(table[list(columns)].drop_duplicates().itertuples(index=False, name=None))


def _long_memory(
    name: str, entry: params.LongMemory, table: pd.DataFrame, origin: Origin
) -> ExperimentFigure:
    what = {
        "adding": "Two of many numbers are marked, and the last step asks for their sum: always "
        "answering 1 errs by 0.167, squared and on average",
        "copying": "Ten symbols are read, and many steps later written again: a network without "
        "memory pays 10 ln 8 / (lag + 20) nats a step",
    }[name]
    fails = "; ".join(_fails(table, cell) for cell in table["cell"].unique())
    see = (
        f"{what} (Hochreiter and Schmidhuber, 1997; Le et al. 2015). Every cell has {entry.units} "
        f"units and at most {entry.steps:,} steps of {entry.batch_size} new examples each.",
        f"What to see: a field says after how many steps the loss fell below "
        f"{entry.threshold:.0%} of that of no memory, or else how much of it was left at the end. "
        f"A cell that failed at two lags in a row tried none that is longer. "
        f"The first lag at which each fails: {fails}. "
        f"With more steps each would come farther: what the picture compares is how soon a cell "
        f"finds what lies so far back.",
    )
    title = f"Long memory: {name}"
    return ExperimentFigure(title, see, Picture(title, figures.long_memory(table, name)), origin)


def _fails(table: pd.DataFrame, cell: str) -> str:
    failed = table[(table["cell"] == cell) & ~table["learnt"]]
    return f"{cell} {'none' if failed.empty else format(failed['lag'].min(), ',')}"


def _word_order(
    name: str, entry: params.WordOrder, table: pd.DataFrame, origin: Origin
) -> ExperimentFigure:
    tested = table[table["label"].notna()]  # the sentence of params.yaml has none
    names = list(table["classifier"].unique())
    pairs = len(tested) // len(names)
    rows = {who: tested[tested["classifier"] == who] for who in names}
    apart = [(who, float((part["before"] != part["after"]).mean())) for who, part in rows.items()]
    moved = ", ".join(f"{who} {part['moved'].mean():.3f}" for who, part in rows.items())
    right = ", ".join(
        f"{who} {(part['before'] == part['label']).mean():.0%}" for who, part in rows.items()
    )
    first, second = entry.opposites
    see = (
        f"Of {pairs:,} test texts the word that speaks most for '{first}' and the one that speaks "
        f"most for '{second}' changed places: each pair holds the same words in another order.",
        f"What to see: {entry.bag_of_words} counts words and answers both texts of a pair the "
        f"same, whatever it has learnt. A Markov model of each label ({entry.order}-grams) sees "
        f"neighbours, and {entry.recurrent} reads the whole text in its order. Not every exchange "
        f"changes what a text means, so no model ought to reach 100%. Probability that moved to "
        f"other labels, on average: {moved}. Right before the exchange: {right}. "
        f"Below stand the pair of params.yaml and the shortest that a model told apart.",
    )
    title = f"Word order: {name}"
    drawn = Picture(title, figures.told_apart(apart, title))
    return ExperimentFigure(
        title, see, drawn, origin, ("text", "exchanged", *names), _pairs(table, names)
    )


def _pairs(table: pd.DataFrame, names: list[str]) -> tuple[tuple[str, ...], ...]:
    """The pair of params.yaml and the shortest others, those that a model told apart first, with
    what each said of both texts."""
    said = table.assign(said=table["before"] + " → " + table["after"])
    by_pair = [list(said[said["classifier"] == name]["said"]) for name in names]
    texts = table[table["classifier"] == names[0]][["text", "exchanged"]]
    given, *others = zip(texts["text"], texts["exchanged"], *by_pair, strict=True)
    apart = set(table["text"][table["before"] != table["after"]])
    others = sorted(others, key=lambda row: (row[0] not in apart, len(row[0]), row))
    return (given, *others[: SHOWN - 1])


def _source_length(
    name: str, entry: params.SourceLength, table: pd.DataFrame, origin: Origin
) -> ExperimentFigure:
    measure = str(table["measure"].iloc[0])
    form = ".2f" if measure == "exact match" else ".1f"
    ends = []
    for model, part in table.groupby("model", sort=False):
        first, last = part.iloc[0], part.iloc[-1]
        ends.append(f"{model} from {first['score']:{form}} to {last['score']:{form}}")
    examples = f"{table['examples'].min():,} to {table['examples'].max():,}"
    see = (
        f"{measure[0].upper()}{measure[1:]} of the test split in buckets of sources of like "
        f"length, {examples} in each, both models on the same ones, by what evaluate had them "
        "write (Bahdanau et al. 2015, figure 2).",
        f"What to see: how far each line falls as sources grow. {entry.fixed} must put the whole "
        f"source into one vector; {entry.attention} looks each part up when it needs it. From the "
        f"shortest to the longest bucket: {', '.join(ends)}.",
    )
    title = f"Attention against the fixed vector: {name}"
    return ExperimentFigure(title, see, Picture(title, figures.source_length(table, title)), origin)
