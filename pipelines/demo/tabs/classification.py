"""Classification: the answers of all classifiers of a corpus, and the effect of each word."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pipelines.config import params
from pipelines.demo import fragments, word_effects
from pipelines.demo.corpora import DemoCorpus
from pipelines.demo.tabs import base
from pipelines.demo.word_effects import ClassifiedText

TITLE = "Classify"
PAIRS, EXAMPLES = 4, 4  # buttons
EXPLANATION = (
    "The number below a word is its effect: the probability of the answer, minus that without the "
    "word (leave-one-out). Blue words speak for the answer, orange ones against it. Effects do "
    "not add up, because words act together. Dotted words are not in the vocabulary."
)


def build(corpus: DemoCorpus) -> None:
    """Build the tab of a corpus."""
    pairs = _read_pairs(corpus)[:PAIRS]
    examples = pairs or [(text, "") for text in corpus.examples(EXAMPLES)]
    first, second = examples[0] if examples else ("", "")
    gr.Markdown("Type a text, and a second one to compare it with if you like.")
    texts = [base.text_box("Text", first), base.text_box("Second text (optional)", second)]
    button = gr.Button("Classify", variant="primary")
    buttons = base.example_buttons([" / ".join(filter(None, pair)) for pair in examples])
    output = base.answer()
    base.connect(
        lambda first, second: show(corpus, [first, second]),
        texts,
        output,
        button,
        texts,
        list(zip(buttons, examples, strict=True)),
    )


def show(corpus: DemoCorpus, texts: list[str]) -> str:
    """Return the answers to one or two texts.

    Raises:
        UserError: a text cannot be used.
    """
    first, second = texts
    prepared = [corpus.prepare(text) for text in ([first, second] if second.strip() else [first])]
    answers = {
        name: [word_effects.classify(model, text) for text in prepared]
        for name, model in corpus.models.items()
    }
    parts = [fragments.remark(_compare(answers))] if len(prepared) > 1 else []
    parts.append(
        fragments.cards(
            fragments.heading(name, _kind(corpus.models[name].spec.entry))
            + "".join(_show_text(text) for text in classified)
            for name, classified in answers.items()
        )
    )
    return "".join([*parts, fragments.remark(EXPLANATION)])


def _show_text(text: ClassifiedText) -> str:
    bars = fragments.bars(text.probabilities, text.label)
    return fragments.words_with_effects(text.words, text.effects, text.unknown) + bars


def _compare(answers: dict[str, list[ClassifiedText]]) -> str:
    """Say which models answer two texts alike, and whether the texts differ in their order only."""
    first, second = next(iter(answers.values()))
    if sorted(first.words) != sorted(second.words):
        opening = "The texts have different words."
    elif first.words == second.words:
        opening = "The texts are the same after cleaning."
    else:
        opening = "Both texts have the same words in a different order."
    equal = [name for name, (a, b) in answers.items() if a.label == b.label]
    different = [name for name in answers if name not in equal]
    sentences = [opening]
    if equal:
        sentences.append(f"Same answer to both: {', '.join(equal)}.")
    if different:
        sentences.append(f"Different answers: {', '.join(different)}.")
    return " ".join(sentences)


def _kind(entry: Any) -> str:
    """Describe a kind of classifier."""
    if isinstance(entry, params.LogisticRegressionConfig):
        return f"counts n-grams of up to {entry.ngrams} words" if entry.ngrams > 1 else COUNTS
    if isinstance(entry, params.BagOfWordsConfig):
        if entry.positions is not None:
            return f"knows each word at each of {entry.positions} positions"
        return COUNTS
    return f"{entry.cell.upper()}, reads the words in order"


COUNTS = "counts words, sees no order"


def _read_pairs(corpus: DemoCorpus) -> list[tuple[str, str]]:
    """Read the corpus's pairs of sentences; none if there is no such file."""
    if corpus.minimal_pairs is None:
        return []
    lines = corpus.minimal_pairs.read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return [(row[0], row[1]) for row in rows if len(row) == 2]
