"""Comparison of new text with the training text of a model: `seqproof predict --check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines import console, paths
from pipelines.config import params

if TYPE_CHECKING:
    from pipelines.data.profile import Drift
    from pipelines.text.vocabulary import Vocabularies

FRAME = "new text"  # name of the rows in messages


def check(
    name: str,
    corpus: params.Corpus,
    vocabularies: Vocabularies,
    texts: Sequence[str],
    labels: Mapping[str, int],
    test_labels: Mapping[str, int],
) -> None:
    """Print what has moved to standard error, so that standard output has predictions only.

    Args:
        name: of the corpus.
        corpus: its configuration, whose rule `drift` limits the distances.
        vocabularies: of the model.
        texts: new texts, normalised like the corpus.
        labels: number of texts by predicted label; empty for other tasks.
        test_labels: the same of the test split, with which they are compared: no model predicts the
            labels as often as they occur. Empty before `evaluate`: then with those of training.

    Raises:
        UserError: a distance is above the rule, and its level is `error`.
    """
    import pandas as pd

    from pipelines.config import task_schemas
    from pipelines.data import profile
    from pipelines.text import tokenizers, vocabulary

    trained = profile.read(paths.profile(name))
    if test_labels:
        trained["labels"] = dict(test_labels)
    column = task_schemas.get(corpus.task).text_columns[0]
    rows = pd.DataFrame({"document": FRAME, "line": range(1, len(texts) + 1), column: texts})
    new = profile.Profile(corpus)
    lengths = [len(tokenizers.split(text, corpus.tokens)) for text in texts]
    new.add(rows.assign(**{f"tokens {column}": lengths}))
    rate = vocabulary.unknown_rate(vocabularies.columns[column], texts)
    tree: dict[str, Any] = new.to_json({column: rate}) | {"labels": dict(labels)}
    drifts = profile.compare(trained, tree)
    places = {"labels": "the test split"} if test_labels else {}
    _print(drifts, name, len(texts), corpus, places)
    if corpus.checks.drift is None:
        return
    with console.quiet_imports():
        from pipelines.data import expectations
        from pipelines.data.expectations_rules import FrameStatistics

    distances = {drift.measure: 0.0 if drift.is_chance else drift.distance for drift in drifts}
    expectations.Checker(corpus).finish(FRAME, FrameStatistics(distances=distances))


def _print(
    drifts: Sequence[Drift],
    name: str,
    texts: int,
    corpus: params.Corpus,
    places: Mapping[str, str],
) -> None:
    """Print a line for each measure; `places` says with what some of them are compared."""
    rule = corpus.checks.drift
    limit = f", at most {rule.max:g} [{rule.level}]" if rule else ""
    lines = [f"{texts:,} new texts and the training text of {name}: distances from 0 to 1{limit}"]
    width = max(len(drift.measure) for drift in drifts)
    for drift in drifts:
        moved = rule is not None and drift.distance > rule.max and not drift.is_chance
        verdict = "moved" if moved else "by chance" if drift.is_chance else ""
        lines.append(
            f"  {drift.measure:<{width}}  {drift.distance:.3f}  {verdict:<9}  "
            f"{drift.new}, in {places.get(drift.measure, 'training')} {drift.train}"
        )
    for line in lines:
        console.echo(line, error=True)
