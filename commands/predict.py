"""`seqproof predict`: apply a trained model to text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from commands import drift, inputs, prompt
from pipelines import console, paths
from pipelines.config import params

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor

Answer = dict[str, Any]  # `answer` and, of a classifier, `probabilities` by label


def predict(name: str, texts: list[str] | None, check: bool = False, as_json: bool = False) -> None:
    """Print the model's prediction for each text, and an empty line for a blank text.

    It is a translation, a continuation, or the tag of each word. A classifier prints a table: the
    predicted label and the probability of each label.

    Args:
        name: a model of params.yaml.
        texts: texts as typed, which the table shows, too; the model reads them cleaned like its
            corpus. None for a prompt.
        check: compare the texts with the training text, too.
        as_json: print JSON instead of text.

    Raises:
        UserError: the texts differ from the training text by more than the rule `drift` allows.
    """
    inputs.require_texts(texts, {"--check": check, "--json": as_json})
    config = params.load(paths.PARAMS)
    entry = params.require(config.models, name, "model")
    if texts is None:
        console.echo(f"Loading {name} ...")
    with console.quiet_imports():
        from pipelines import project_models

    corpus = config.corpora[entry.corpus]
    trained = project_models.load(config, name)
    if texts is None:
        prompt.answer_lines(lambda text: _lines(trained, [text]))
        return
    prepared, blank = inputs.prepare(trained, texts)
    answers = _answers(trained, prepared)
    if as_json:
        console.print_json({"model": name, "answers": inputs.as_json(texts, blank, answers)})
    else:
        for line in _text_lines(trained, texts, blank, answers):
            console.echo(line)
    if check:
        is_label = trained.spec.task == "classification"
        labels = Counter(answer["answer"] for answer in answers) if is_label else Counter()
        test_labels = _test_labels(name) if labels else {}
        drift.check(entry.corpus, corpus, trained.vocabularies, prepared, labels, test_labels)


def _test_labels(name: str) -> Counter[str]:
    """Count the labels that a classifier predicts for the test split; empty before `evaluate`."""
    from pipelines.data import parquet

    path = paths.predictions(name)
    if not path.is_file():
        return Counter()
    return Counter(parquet.read_table(path, ["predicted"])["predicted"].to_pylist())


def _lines(trained: Predictor, texts: Sequence[str]) -> Iterator[str]:
    prepared, blank = inputs.prepare(trained, texts)
    yield from _text_lines(trained, texts, blank, _answers(trained, prepared))


def _answers(trained: Predictor, prepared: Sequence[str]) -> list[Answer]:
    """Predict the answer to each prepared text."""
    from pipelines.tasks import classification, lookup

    if trained.spec.task != "classification":
        answers = lookup.get(trained.spec.task).predict_prepared(trained, prepared)
        return [{"answer": answer} for answer in answers]
    labels = trained.vocabularies.labels
    return [
        {
            "answer": labels[row.argmax()],
            "probabilities": dict(zip(labels, row.tolist(), strict=True)),
        }
        for row in classification.predict_probabilities(trained, prepared)
    ]


def _text_lines(
    trained: Predictor, texts: Sequence[str], blank: Sequence[bool], answers: Sequence[Answer]
) -> Iterator[str]:
    if trained.spec.task != "classification":
        yield from inputs.align([answer["answer"] for answer in answers], blank)
        return
    answered = [text for text, is_blank in zip(texts, blank, strict=True) if not is_blank]
    header, *lines = _label_table(trained.vocabularies.labels, answered, answers)
    yield header
    yield from inputs.align(lines, blank)


def _label_table(
    labels: Sequence[str], texts: Sequence[str], answers: Sequence[Answer]
) -> list[str]:
    """Return the lines of a table with a row for each text."""
    header = ["label", *(f"p({label})" for label in labels), "text"]
    table = [
        [
            answer["answer"],
            *(f"{answer['probabilities'][label]:.3f}" for label in labels),
            console.printable(text),
        ]
        for answer, text in zip(answers, texts, strict=True)
    ]
    widths = [max(len("label"), *map(len, labels)), *map(len, header[1:-1]), 0]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *table]
    ]
