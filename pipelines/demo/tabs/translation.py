"""Translation: the best translation, its confidence and attention, and the alternatives."""

from __future__ import annotations

import gradio as gr

from pipelines.demo import fragments, translations
from pipelines.demo.corpora import DemoCorpus
from pipelines.demo.tabs import base
from pipelines.inference import decoding

TITLE = "Translate"
EXAMPLES = 4  # buttons


def build(corpus: DemoCorpus) -> None:
    """Build the tab of a corpus."""
    examples = corpus.examples(EXAMPLES)
    gr.Markdown("Type a sentence like those of the corpus.")
    text = base.text_box("Text", examples[0] if examples else "")
    model = base.model_choice(list(corpus.models))
    button = gr.Button("Translate", variant="primary")
    buttons = base.example_buttons(examples)
    output = base.answer()
    base.connect(
        lambda text, name: show(corpus, text, name),
        [text, model],
        output,
        button,
        [text],
        [(button, [example]) for button, example in zip(buttons, examples, strict=True)],
    )


def show(corpus: DemoCorpus, text: str, name: str) -> str:
    """Return the translations of a text.

    Raises:
        UserError: the text cannot be used.
    """
    predictor = corpus.models[name]
    translated = translations.translate(predictor, corpus.prepare(text))
    best = translated.hypotheses[0]
    parts = [
        f"<h3>Translation</h3>{fragments.sentence(best.text)}",
        f"<h3>Confidence: {best.confidence:.0%} per token</h3>",
        fragments.words_with_probabilities([*best.tokens, "(end)"], translated.probabilities),
        fragments.remark(
            "The number below a token is its probability after the tokens before it. The "
            "confidence is their geometric mean. It is the model's own estimate, not the chance "
            "that the translation is right."
        ),
        "<h3>Alternatives</h3>",
        fragments.table(
            ["translation", "score", "confidence"],
            [
                (hypothesis.text, f"{hypothesis.score:z.2f}", f"{hypothesis.confidence:.0%}")
                for hypothesis in translated.hypotheses
            ],
        ),
        fragments.remark(
            f"The last hypotheses of a search with {decoding.describe_search(predictor.search)}. "
            "The score is the log probability in nats, with the penalties if there are any."
        ),
        "<h3>Attention</h3>",
    ]
    if predictor.spec.entry.attention == "none":
        parts.append(
            fragments.remark(
                f"{name} has no attention: its decoder sees the whole sentence as one vector."
            )
        )
    else:
        parts += [
            fragments.attention_map(translated.source_tokens, best.tokens, best.attention),
            fragments.remark(
                "Rows are tokens of the translation, columns are tokens of your text. The darker "
                "a cell, the more attention the decoder paid to that source token."
            ),
        ]
    return "".join(parts)
