"""Figures of the experiments on single recurrent layers, with texts written from their tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from pipelines.config import params
from pipelines.reporting import cell_outcomes, cell_plots
from pipelines.reporting.cell_outcomes import CHANCE, NO_MEMORY, Cure, Outcome
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource
from pipelines.reporting.wording import join

if TYPE_CHECKING:
    import pandas as pd

TASKS = {
    "adding": "The network reads a sequence of numbers, two of them marked, one in each half, and "
    "gives their sum after the last (Hochreiter and Schmidhuber, 1997; Le et al. 2015). The lag is "
    "the length of the sequence, so the first marked number lies between half a lag and a lag "
    "back. The error is the mean squared error as a fraction of that of the constant answer 1, "
    "the best without memory; remembering only the second number leaves half of it.",
    "copying": "The network reads {symbols} symbols of eight kinds and repeats them after a signal "
    "(Hochreiter and Schmidhuber, 1997; Arjovsky et al. 2016). The lag is the number of steps from "
    "the last symbol to the signal. Without memory, one symbol of eight is recalled by chance.",
    "recall": "The network reads a stream of random symbols of eight kinds and names a marked one "
    "when as many steps as the lag have passed. Without memory, one symbol of eight is recalled by "
    "chance. The state is carried through the whole stream; the gradient is cut after every k "
    "steps (truncated backpropagation through time).",
}
LONG = 400  # lag from which on the results of Bai et al. are comparable
TCN = {
    "adding": "Bai et al. (2018, table 1) report mean squared errors of 0.177 (RNN), 0.164 (LSTM), "
    "5.3e-5 (GRU) and 5.8e-5 (temporal convolutional network) for sequences of 600 numbers and "
    "networks of about 70,000 parameters; the constant answer 1 has 0.167.",
    "copying": "Bai et al. (2018, table 1) report losses of 0.0202 (RNN), 0.0204 (LSTM), 0.0197 "
    "(GRU) and 3.5e-5 nats per step (temporal convolutional network) for ten symbols, a lag of "
    "1,000 and networks of about 16,000 parameters; a network without memory has 0.0204.",
}
CURE_TITLES = {
    "activation": "ReLU in the place of tanh",
    "initialisation": "an orthogonal or identity matrix in the place of a random one",
    "gates": "gates, on top of an orthogonal matrix",
    "forget bias": "a larger forget bias",
}
COUNTED = {
    "better": "better",
    "worse": "worse",
    "overlap": "the seeds overlap",
    "both learn": "both cells learn",
    "neither learns": "neither learns",
}
ENTRIES = {"better": "lower error", "worse": "higher error", "overlap": "seeds overlap"}


def memory(
    cells: Mapping[str, params.CellConfig],
    name: str,
    entry: params.Memory,
    table: pd.DataFrame,
    source: TableSource,
) -> ExperimentFigure:
    """Make the figure of the errors by cell, and by lag or by length of truncated BPTT."""
    condition = "lag" if len(entry.bptt_steps) == 1 else "bptt_steps"
    # With several lengths of BPTT, the longest lag is drawn.
    rows = table if condition == "lag" else table[table["lag"] == entry.lags[-1]]
    outcomes = cell_outcomes.outcomes(rows, entry.threshold, condition)
    values = list(dict.fromkeys(value for _, value in outcomes))
    symbols = bool(table["recalled"].notna().any())
    titles = {value: _condition_title(condition, value) for value in values}
    explanation = [
        f"{TASKS[name].format(symbols=entry.symbols)} {_protocol(entry, symbols)}",
        outcome_text(outcomes, titles, symbols),
    ]
    comparisons: list[tuple[str, ...]] = []
    if condition == "bptt_steps":
        explanation[1] = f"At lag {entry.lags[-1]:,}. {explanation[1]}"
        explanation.append(truncation_text(outcomes, entry.lags[-1]))
    else:
        pairs = [cure for cure in cell_outcomes.cures(cells) if _measured(cure, outcomes)]
        comparisons = cure_rows(pairs, outcomes, values)
        if pairs:
            explanation.append(cure_text(pairs, outcomes, values))
    explanation.append(limits_text(rows, entry))
    if name in TCN and entry.lags[-1] >= LONG:
        explanation.append(TCN[name])
    title = f"Truncated backpropagation: {name}" if condition != "lag" else f"Memory: {name}"
    header = ("cure", "cell", "compared with", *titles.values()) if comparisons else ()
    picture = Picture(title, cell_plots.memory(outcomes, titles, symbols))
    return ExperimentFigure(title, tuple(explanation), picture, source, header, tuple(comparisons))


def _measured(cure: Cure, outcomes: Mapping[tuple[str, str], Outcome]) -> bool:
    return {cure.cell, cure.reference} <= {cell for cell, _ in outcomes}


def _condition_title(condition: str, value: str) -> str:
    if condition == "lag":
        return f"lag {int(value):,}"
    return "no truncation" if value == "full" else f"cut after {int(value):,}"


def _protocol(entry: params.Memory, symbols: bool) -> str:
    rates = join([f"{rate:g}" for rate in entry.learning_rates])
    limit = 1 - entry.threshold * (1 - CHANCE)
    learnt = (
        f"recalls more than {limit:.0%} of the symbols"
        if symbols
        else f"leaves less than {entry.threshold:.0%} of the error"
    )
    return (
        f"Each cell has {entry.units} units and is trained for {entry.steps:,} steps of "
        f"{entry.batch_size} new examples by Adam, with gradients clipped to a norm of "
        f"{entry.clip_norm:g}, at learning rates of {rates} from {entry.seeds} seeds. The rate "
        f"with the lowest mean loss on validation examples is taken; each dot is the result of a "
        f"seed on test examples. A seed has learnt the task if it {learnt} (dotted line); the "
        f"dashed line is a network without memory."
    )


def outcome_text(
    outcomes: Mapping[tuple[str, str], Outcome], titles: Mapping[str, str], symbols: bool
) -> str:
    """Describe under each condition which cells have learnt the task, with all their errors."""
    sentences = []
    for value, title in titles.items():
        column = {cell: part for (cell, other), part in outcomes.items() if other == value}
        groups = {
            "learnt with every seed": [c for c, part in column.items() if part.all_learnt],
            "learnt with some seeds": [
                c for c, part in column.items() if part.learnt and not part.all_learnt
            ],
            "better than without memory, but not learnt": [
                c for c, part in column.items() if not part.learnt and not part.without_memory
            ],
            "hardly or no better than without memory": [
                c for c, part in column.items() if not part.learnt and part.without_memory
            ],
        }
        parts = [
            f"{group}: {', '.join(f'{cell} {_levels(column[cell], symbols)}' for cell in members)}"
            for group, members in groups.items()
            if members
        ]
        sentences.append(f"{title[0].upper()}{title[1:]}: {'; '.join(parts)}.")
    unit = "symbols recalled" if symbols else "remaining error"
    return f"Median and range of the seeds, {unit}. " + " ".join(sentences)


def _levels(outcome: Outcome, symbols: bool) -> str:
    """Format the median, the lowest and the highest result of the seeds."""
    levels = [_level(error, symbols) for error in sorted(outcome.errors)]
    if symbols:
        levels.reverse()
    middle = _level(outcome.median, symbols)
    return f"{middle} ({levels[0]} to {levels[-1]})"


def _level(error: float, symbols: bool) -> str:
    if error == float("inf"):
        return "diverged"
    level = 1 - error * (1 - CHANCE) if symbols else error
    return f"{level:.1%}" if level < 0.1 and not symbols else f"{level:.0%}"


def cure_rows(
    pairs: Sequence[Cure], outcomes: Mapping[tuple[str, str], Outcome], values: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the table of the cures: cure, cell, reference, and a verdict for each condition."""
    return [
        (
            cure.name,
            cure.cell,
            cure.reference,
            *(ENTRIES.get(verdict, verdict) for verdict in _verdicts(cure, outcomes, values)),
        )
        for cure in sorted(pairs, key=lambda cure: list(CURE_TITLES).index(cure.name))
    ]


def _verdicts(
    cure: Cure, outcomes: Mapping[tuple[str, str], Outcome], values: Iterable[str]
) -> list[str]:
    return [
        cell_outcomes.compare(outcomes[cure.cell, value], outcomes[cure.reference, value])
        for value in values
    ]


def cure_text(
    pairs: Sequence[Cure], outcomes: Mapping[tuple[str, str], Outcome], values: Sequence[str]
) -> str:
    """Say for each cure in how many comparisons it helps, and in how many it does not."""
    sentences = [
        "The table compares cells that differ in one thing. One is better if all its seeds have "
        "a lower error than all seeds of the other."
    ]
    for name, title in CURE_TITLES.items():
        verdicts = [
            verdict
            for cure in pairs
            if cure.name == name
            for verdict in _verdicts(cure, outcomes, values)
        ]
        if verdicts:
            sentences.append(f"{name.capitalize()} ({title}): {_summary(verdicts)}.")
    return " ".join(sentences)


def _summary(verdicts: Sequence[str]) -> str:
    """Say whether a cure helps, and count its verdicts."""
    total = len(verdicts)
    counts = {verdict: verdicts.count(verdict) for verdict in COUNTED}
    better, worse = counts["better"], counts["worse"]
    if better and worse:
        effect = "it helps in some comparisons and hurts in others"
    elif better:
        effect = f"it helps in {'every comparison' if better == total else 'some comparisons'}"
        effect += "" if better == total else " and hurts in none"
    elif worse:
        effect = f"it hurts in {'every comparison' if worse == total else 'some comparisons'}"
        effect += "" if worse == total else " and helps in none"
    else:
        effect = "it makes no clear difference"
    parts = [
        f"{title} in {counts[verdict]}" for verdict, title in COUNTED.items() if counts[verdict]
    ]
    return f"{effect} (of {total}: {', '.join(parts)})"


def truncation_text(outcomes: Mapping[tuple[str, str], Outcome], lag: int) -> str:
    """Describe the truncation lengths with which each cell learns a dependency of `lag` steps."""
    lengths = list(dict.fromkeys(value for _, value in outcomes))
    sentences = []
    for cell in dict.fromkeys(cell for cell, _ in outcomes):
        learnt = [value for value in lengths if outcomes[cell, value].all_learnt]
        partly = [
            value
            for value in lengths
            if value not in learnt and not outcomes[cell, value].without_memory
        ]
        sentence = f"{cell} learns with every seed {_lengths(learnt)}"
        if partly:
            sentence += f", and is better than without memory {_lengths(partly)}"
        sentences.append(f"{sentence}.")
    short = [value for value in lengths if value != "full" and int(value) <= lag]
    passed = [
        (cell, value) for cell, value in outcomes if value in short and outcomes[cell, value].learnt
    ]
    if not short:
        return " ".join(sentences)
    if passed:
        names = join([f"{cell} ({value})" for cell, value in passed])
        end = (
            f"{names} learnt it although no gradient passes from the answer back over the {lag} "
            f"steps to the symbol: a state that keeps its inputs can be read without one."
        )
    else:
        end = (
            f"No cell learns it with a cut within the {lag} steps to the symbol, although the "
            f"state is carried on: no gradient passes from the answer back to the symbol."
        )
    return " ".join([*sentences, end])


def _lengths(values: Sequence[str]) -> str:
    if not values:
        return "at no length"
    names = ["without truncation" if value == "full" else f"with {value} steps" for value in values]
    return join(names)


def limits_text(table: pd.DataFrame, entry: params.Memory) -> str:
    """Name the cells whose best learning rate is at an end of the grid, and the results' limits."""
    text = (
        "A cell that fails here might learn the task with more steps, more units or other settings."
    )
    if len(entry.learning_rates) == 1:
        return text
    chosen = table[table["chosen"]]
    edges = []
    for rate, name in ((entry.learning_rates[0], "lowest"), (entry.learning_rates[-1], "highest")):
        members = dict.fromkeys(chosen["cell"][chosen["learning_rate"] == rate])
        if members:
            edges.append(f"the {name} ({rate:g}) at least once for {join(list(members))}")
    if edges:
        text += f" The chosen learning rate is {' and '.join(edges)}; a wider grid might do better."
    return text


def gradient_flow(
    name: str, entry: params.Memory, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    """Make the figure of gradient norms by the number of steps back."""
    failures = failed_cells(table)
    steps = entry.lags[-1] if name == "recall" else int(table["steps_back"].max())
    explanation = (
        f"The norm of the gradient of the last step's loss with respect to the state k steps "
        f"earlier, as a share of its norm at the last state (Bengio et al. 1994; Pascanu et al. "
        f"2013), for the networks of 'Memory: {name}' at lag {entry.lags[-1]:,} without "
        f"truncation; each line is the median of {entry.seeds} seeds. A line that falls straight "
        f"on this scale is a gradient that vanishes exponentially, and one that rises explodes.",
        flow_text(table, steps),
        f"{loss_text(table, failures)} A gradient that arrives is necessary, not sufficient: "
        f"{arrival_text(table, failures, steps)}",
    )
    title = f"Gradient flow: {name}"
    return ExperimentFigure(
        title, explanation, Picture(title, cell_plots.gradient_flow(table, failures)), source
    )


def _cell_losses(table: pd.DataFrame) -> dict[str, list[float]]:
    """Return the loss of each seed as a fraction of the loss without memory, by cell."""
    seeds = table[table["weights"] == "trained"].drop_duplicates(["cell", "seed"])
    losses = (seeds["test_loss"] / seeds["baseline"]).fillna(float("inf"))
    return {
        str(cell): list(map(float, part))
        for cell, part in losses.groupby(seeds["cell"], sort=False)
    }


def failed_cells(table: pd.DataFrame) -> list[str]:
    """Return the cells whose median loss is hardly lower than that of a network without memory."""
    return [cell for cell, losses in _cell_losses(table).items() if median(losses) >= NO_MEMORY]


def loss_text(table: pd.DataFrame, failures: Collection[str]) -> str:
    """List the loss of each cell, and say which are drawn in grey."""
    losses = {
        cell: "diverged" if (middle := median(part)) == float("inf") else f"{middle:.2g}"
        for cell, part in _cell_losses(table).items()
    }
    text = "Loss after training as a fraction of the loss without memory: "
    text += ", ".join(f"{cell} {loss}" for cell, loss in losses.items()) + "."
    if failures:
        return f"{text} Grey: {join(list(failures))}, with at least {NO_MEMORY:.0%} of it."
    return f"{text} No line is grey: every cell has less than {NO_MEMORY:.0%} of it."


def _shares(table: pd.DataFrame, weights: str, steps: int) -> dict[str, float]:
    """Return the share of the gradient that arrives a number of steps back, by cell."""
    rows = table[table["weights"] == weights]
    return {
        str(cell): float(cell_plots.relative_norms(part)[steps])
        for cell, part in rows.groupby("cell", sort=False)
    }


def flow_text(table: pd.DataFrame, steps: int) -> str:
    """Say for initial and trained weights in which cells the gradient vanishes or explodes."""
    sentences = []
    for weights, title in (("initial", "initial weights"), ("trained", "trained weights")):
        shares = _shares(table, weights, steps)
        groups = {
            "falls below a tenth for": [c for c, share in shares.items() if share < 0.1],
            "stays within a factor of ten for": [c for c, s in shares.items() if 0.1 <= s <= 10],
            "rises above tenfold for": [c for c, share in shares.items() if share > 10],
            "is not defined, because most seeds diverged, for": [
                c for c, share in shares.items() if share != share
            ],
        }
        parts = [
            f"{group} {join([f'{cell} ({_share(shares[cell])})' for cell in members])}"
            for group, members in groups.items()
            if members
        ]
        sentences.append(f"With {title}, the share {steps} steps back {'; it '.join(parts)}.")
    return " ".join(sentences)


def arrival_text(table: pd.DataFrame, failures: Collection[str], steps: int) -> str:
    """Compare where the gradient arrives with which cells are better than without memory."""
    shares = _shares(table, "trained", steps)
    arrived = [cell for cell in failures if shares[cell] >= 0.1]
    learnt = {cell: share for cell, share in shares.items() if cell not in failures}
    sentences = []
    if arrived:
        sentences.append(
            f"more than a tenth of it arrives in {join(arrived)}, too, but is not used"
        )
    elif failures:
        sentences.append("no grey cell has more than a tenth of it at the last of these steps")
    if learnt:
        cell, share = min(learnt.items(), key=lambda item: item[1])
        sentences.append(
            f"the smallest share of a cell that is not grey is {_share(share)} ({cell})"
        )
    return f"{'; '.join(sentences)}."


def _share(share: float) -> str:
    """Format a share; a norm below the range of float32 is 0."""
    if share != share:
        return "diverged"
    return f"{share:.2g}" if share >= 0.01 else f"{share:.0e}" if share else "0"
