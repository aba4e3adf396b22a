"""Figures of the experiments on trained models: word order, source length.

All that a paragraph says about the plot above it is computed from the plotted numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.config import params
from pipelines.reporting import experiment_plots
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource
from pipelines.reporting.model_differences import differing_keys
from pipelines.reporting.wording import join

if TYPE_CHECKING:
    import pandas as pd

MAX_PAIRS = 6  # rows in the table of pairs
# Kinds of pairs, as `pipelines.experiments.word_order` writes them, and their titles.
KINDS = {
    "natural": "natural pairs",
    "shifted": "shifted texts",
    "test": "test pairs",
    "exchanged": "exchanged words",
}
LONGEST_PUBLISHED = 60  # words, in figure 2 of Bahdanau et al. (2015)


# Word order --------------------------------------------------------------------------------------


def word_order(
    name: str, entry: params.WordOrder, table: pd.DataFrame, source: TableSource
) -> ExperimentFigure:
    """Make the figure of a corpus: classifiers on texts with the same words in another order."""
    parts = {
        title: part
        for kind, title in KINDS.items()
        if not (part := table[table["pairs"] == kind]).empty
    }
    right, apart = {}, {}
    for title, part in parts.items():
        different = part["before"] != part["after"]
        apart[title] = _means(different, part)
        if part["exchanged_label"].notna().all():
            both = (part["before"] == part["label"], part["after"] == part["exchanged_label"])
            right[title] = _means((both[0].astype(float) + both[1]) / 2, part)
    classifiers = list(table["classifier"].unique())
    measures = {"texts with the right answer": right, "pairs with different answers": apart}
    title = f"Word order: {name}"
    explanation = (
        f"Both texts of a pair hold the same words in a different order. {entry.bag_of_words} "
        f"counts words, so it gives both the same answer, and at most half of its answers are "
        f"right where the labels of a pair differ. {entry.positions} knows each word at each "
        f"position, as a feature of its own. A Markov model of each label ({entry.order}-grams) "
        f"sees neighbouring words, and {entry.recurrent} reads the whole text in order.",
        *(
            _describe_pairs(
                kind, parts[kind_title], right.get(kind_title), apart[kind_title], entry
            )
            for kind, kind_title in KINDS.items()
            if kind_title in parts
        ),
        _describe_example(table, entry),
        "The table shows the first natural pair and the shortest other pairs, first those that got "
        "different answers.",
    )
    return ExperimentFigure(
        title,
        explanation,
        Picture(title, experiment_plots.word_order(measures, title)),
        source,
        header=("text", "exchanged", *classifiers),
        rows=_example_pairs(table, classifiers),
    )


def _means(values: pd.Series[Any], part: pd.DataFrame) -> dict[str, float]:
    """Return the mean of each classifier, in the order of the table."""
    return {
        str(name): float(mean)
        for name, mean in values.groupby(part["classifier"], sort=False).mean().items()
    }


def _describe_pairs(
    kind: str,
    part: pd.DataFrame,
    right: Mapping[str, float] | None,
    apart: Mapping[str, float],
    entry: params.WordOrder,
) -> str:
    """Return a paragraph on one kind of pairs."""
    count = len(part) // len(apart)
    pairs = f"{count:,} pair{'s' if count > 1 else ''}"
    opening = {
        "natural": f"Natural pairs: {pairs} of sentences with opposite labels, written by hand "
        f"({entry.minimal_pairs}).",
        "test": f"Test pairs: {pairs} of test texts with different labels, of which one is the "
        f"other with two words exchanged.",
        "shifted": f"Shifted texts: {count:,} test texts, once followed and once preceded by "
        f"{_shift_words(entry)}. Both have the same right answer.",
        "exchanged": f"Exchanged words: in {count:,} test texts, the strongest words for two "
        f"labels are exchanged. Many of the results make no sense, so they have no right answer: "
        f"they show only how often a model reacts to word order.",
    }[kind]
    sentences = [opening]
    if right is not None:
        sentences.append(f"Right answers: {_list(right)}.")
    sentences.append(f"Pairs with different answers: {_list(apart)}.")
    if kind == "shifted":
        sentences.append(_describe_shift(part, entry))
    elif right is not None:
        texts = 2 * count
        sentences.append(
            f"{entry.recurrent} is right for {round(right[entry.recurrent] * texts):,} of "
            f"{texts:,} texts, and no model of word counts for more than {count:,}."
        )
    elif apart[entry.recurrent] < max(apart.values()):
        best = max(apart, key=lambda classifier: apart[classifier])
        sentences.append(
            f"{entry.recurrent} reads the whole text, and yet reacts less often than {best}."
        )
    return " ".join(sentences)


def _shift_words(entry: params.WordOrder) -> str:
    return "other words" if entry.shift is None else f'"{entry.shift.words}"'


def _describe_shift(part: pd.DataFrame, entry: params.WordOrder) -> str:
    """Say what a shift does to the answers of the position-fixed and of the recurrent model."""
    changes = []
    for name in (entry.positions, entry.recurrent):
        answers = part[part["classifier"] == name]
        last, first = ((answers[side] == answers["label"]).mean() for side in ("before", "after"))
        if last == first:
            changes.append(f"{name} stays at {last:.0%}")
        else:
            verb = "rises" if first > last else "falls"
            changes.append(f"{name} {verb} from {last:.0%} to {first:.0%}")
    return f"Right answers when the words come first instead of last: {', '.join(changes)}."


def _list(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())


def _describe_example(table: pd.DataFrame, entry: params.WordOrder) -> str:
    """Return a paragraph on the answers to the first natural pair."""
    natural = table[table["pairs"] == "natural"]
    first = natural[natural["text"] == natural["text"].iloc[0]].drop_duplicates("classifier")
    answers = []
    for row in first.itertuples():
        if row.before == row.after:
            answer = f"calls both {row.before}"
        else:
            answer = f"calls the first {row.before} and the second {row.after}"
        if (row.before, row.after) == (row.label, row.exchanged_label):
            answer += ", both rightly"
        elif row.before == row.label or row.after == row.exchanged_label:
            answer += ", of which one is right"
        else:
            answer += ", both wrongly"
        answers.append(f"{row.classifier} {answer}")
    text, exchanged = first["text"].iloc[0], first["exchanged"].iloc[0]
    return f'Of "{text}" and "{exchanged}", ' + "; ".join(answers) + "."


def _example_pairs(table: pd.DataFrame, classifiers: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return the first pair and the shortest others, with the answers to both texts.

    Pairs that got different answers come before the others.
    """
    answers = table["before"] + " → " + table["after"]
    columns = [list(answers[table["classifier"] == classifier]) for classifier in classifiers]
    texts = table[table["classifier"] == classifiers[0]][["text", "exchanged"]]
    example, *pairs = zip(texts["text"], texts["exchanged"], *columns, strict=True)
    changed = set(table["text"][table["before"] != table["after"]])
    pairs = sorted(pairs, key=lambda row: (row[0] not in changed, len(row[0]), row))
    return (example, *pairs[: MAX_PAIRS - 1])


# Source length -----------------------------------------------------------------------------------


def source_length(
    config: params.Params,
    name: str,
    entry: params.SourceLength,
    table: pd.DataFrame,
    source: TableSource,
) -> ExperimentFigure:
    """Make the figure of a corpus: scores of two translators by the length of the source."""
    metric = str(table["measure"].iloc[0])
    form = ".2f" if metric == "exact match" else ".1f"
    unit = "characters" if config.corpora[name].tokens == "characters" else "words"
    parts = {str(model): part for model, part in table.groupby("model", sort=False)}
    examples = _range(table["examples"].min(), table["examples"].max())
    explanation = (
        f"{metric[0].upper()}{metric[1:]} on the test split by source length, with {examples} "
        f"sentences in each group (Bahdanau et al. 2015, figure 2). Both models translate the "
        f"same sentences. {entry.fixed} stores the source in one vector, and {entry.attention} "
        f"looks at each part of the source when it needs it. "
        f"{_differences(config, entry.fixed, entry.attention)}",
        f"From the shortest sources to the longest, "
        f"{'; '.join(_trend(model, part, form, unit) for model, part in parts.items())}. "
        f"{_lead(parts[entry.fixed], parts[entry.attention], entry, form)} "
        f"{_reach(int(table['longest'].max()), unit)}",
    )
    title = f"Attention against a fixed vector: {name}"
    picture = Picture(title, experiment_plots.source_length(table, title))
    return ExperimentFigure(title, explanation, picture, source)


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _trend(model: str, part: pd.DataFrame, form: str, unit: str) -> str:
    """Say how the score of a model changes from the first bucket to the last."""
    scores = [f"{score:{form}}" for score in part["score"]]
    first, last = (float(scores[place]) for place in (0, -1))
    if first == last:
        change = f"{model} begins and ends at {scores[0]}"
    else:
        change = f"{model} {'rises' if last > first else 'falls'} from {scores[0]} to {scores[-1]}"
    extremes = []
    values = [float(score) for score in scores]
    for adjective, value in (("highest", max(values)), ("lowest", min(values))):
        if value not in (first, last):
            place = values.index(value)
            lengths = _range(int(part["shortest"].iloc[place]), int(part["longest"].iloc[place]))
            extremes.append(f"{adjective} at {lengths} {unit} ({scores[place]})")
    return f"{change}, {' and '.join(extremes)}" if extremes else change


def _lead(
    fixed: pd.DataFrame, attention: pd.DataFrame, entry: params.SourceLength, form: str
) -> str:
    """Say how the difference between the two models changes with the length."""
    leads = (attention["score"].to_numpy() - fixed["score"].to_numpy())[[0, -1]]
    first, last = (f"{lead:+{form}}" for lead in leads)
    if first == last:
        change = f"stays at {first}"
    else:
        change = f"{'grows' if float(last) > float(first) else 'shrinks'} from {first} to {last}"
    return f"The lead of {entry.attention} over {entry.fixed} {change}."


def _reach(longest: int, unit: str) -> str:
    """Say how the lengths compare with the published figure."""
    if unit == "characters":
        return (
            f"Lengths are in characters, up to {longest:,}: the figure says nothing about long "
            f"sentences."
        )
    if longest < LONGEST_PUBLISHED:
        return (
            f"The longest source has {longest:,} words, and the figure of Bahdanau et al. goes up "
            f"to {LONGEST_PUBLISHED}: this one cannot show what happens to longer sentences."
        )
    return f"The longest source has {longest:,} words."


def _differences(config: params.Params, first: str, second: str) -> str:
    """Name all keys of params.yaml in which two models differ."""
    keys = differing_keys(config.models[first], config.models[second])
    if len(keys) == 1:
        return f"In params.yaml they differ in '{next(iter(keys))}' only."
    listed = [f"'{key}' ({value}, {other})" for key, (value, other) in keys.items()]
    return (
        f"In params.yaml they differ in {join(listed)}, so the figure does not show the effect of "
        f"attention alone."
    )
