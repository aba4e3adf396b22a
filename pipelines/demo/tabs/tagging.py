"""Tagging: the spans that each tagger of a corpus marks, for instance the slots of a request."""

from __future__ import annotations

import gradio as gr

from pipelines.demo import fragments
from pipelines.demo.corpora import DemoCorpus
from pipelines.demo.tabs import base
from pipelines.inference import scores
from pipelines.tasks import tagging

TITLE = "Tag"
EXAMPLES = 4  # buttons


def build(corpus: DemoCorpus) -> None:
    """Build the tab of a corpus."""
    examples = corpus.examples(EXAMPLES)
    gr.Markdown("Type a text like those of the corpus, with blanks around punctuation marks.")
    text = base.text_box("Text", examples[0] if examples else "")
    button = gr.Button("Tag", variant="primary")
    buttons = base.example_buttons(examples)
    output = base.answer()
    base.connect(
        lambda text: show(corpus, text),
        [text],
        output,
        button,
        [text],
        [(button, [example]) for button, example in zip(buttons, examples, strict=True)],
    )


def show(corpus: DemoCorpus, text: str) -> str:
    """Return the text with the spans of each model.

    Raises:
        UserError: the text cannot be used.
    """
    prepared = corpus.prepare(text)
    parts = []
    for name, model in corpus.models.items():
        labelled = label_words(prepared, tagging.predict_tags(model, [prepared])[0])
        slots = [(words, label) for words, label in labelled if label]
        kind = f"{model.spec.entry.cell.upper()}{' with a CRF' if model.spec.entry.crf else ''}"
        parts.append(
            fragments.heading(name, kind)
            + fragments.labelled_spans(labelled)
            + (fragments.table(["words", "label"], slots) if slots else "<p>No label.</p>")
        )
    return fragments.cards(parts)


def label_words(text: str, tags: str) -> list[tuple[str, str]]:
    """Return the spans of a text with their labels, and the words between them with an empty one.

    Args:
        text: T words, separated by blanks.
        tags: T IOB tags.
    """
    words, position = text.split(" "), 0
    parts = []
    for span in scores.find_spans(tags.split(" ")):
        parts += [(word, "") for word in words[position : span.start]]
        parts.append((" ".join(words[span.start : span.end]), span.type))
        position = span.end
    return parts + [(word, "") for word in words[position:]]
