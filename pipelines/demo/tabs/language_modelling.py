"""Language modelling: all language models of a corpus continue one beginning, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from pipelines.config import params
from pipelines.demo import fragments, live_text
from pipelines.demo.corpora import DemoCorpus
from pipelines.demo.tabs import base
from pipelines.errors import UserError

TITLE = "Write"
SHORTEST, LONGEST, LENGTH = 10, 1000, 300  # tokens
LOWEST, HIGHEST = 0.1, 2.0  # temperature


def build(corpus: DemoCorpus) -> None:
    """Build the tab of a corpus."""
    samples = corpus.entry.samples
    assert samples is not None
    gr.Markdown("The models continue your text token by token.")
    text = base.text_box("Beginning", samples.beginning, lines=2)
    with gr.Row():
        temperature = gr.Slider(
            LOWEST,
            HIGHEST,
            value=min(max(samples.temperature, LOWEST), HIGHEST),
            step=0.05,
            label="Temperature",
            info="low: the most probable tokens; high: variety",
        )
        length = gr.Slider(
            SHORTEST,
            LONGEST,
            value=min(max(samples.length, SHORTEST), LENGTH),
            step=10,
            label="Tokens to write",
        )
        seed = gr.Number(1, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
    with gr.Row():
        button = gr.Button("Write", variant="primary")
        stop = gr.Button("Stop")
    output = base.answer()

    def run(*inputs: Any) -> Iterator[str]:
        try:
            yield from show(corpus, *inputs)
        except UserError as error:
            yield fragments.problem(str(error))

    events = [button.click, text.submit]
    writing = gr.on(events, run, [text, temperature, length, seed], output, show_progress="hidden")
    stop.click(None, None, None, cancels=[writing])


def show(
    corpus: DemoCorpus, beginning: str, temperature: float, length: int, seed: int | None
) -> Iterator[str]:
    """Yield the texts of all models while they write.

    Raises:
        UserError: the beginning cannot be used, or an option is out of range.
    """
    default = corpus.entry.samples
    assert default is not None
    if not (LOWEST <= temperature <= HIGHEST and 1 <= length <= LONGEST):
        raise UserError(
            f"The temperature must be from {LOWEST} to {HIGHEST}, and at most {LONGEST:,} tokens "
            "are written."
        )
    # The default beginning is used as it is, as `seqproof generate` uses it.
    prepared = beginning if beginning == default.beginning else corpus.prepare(beginning)
    values = {"temperature": temperature, "length": int(length), "seed": int(seed or 0)}
    samples = default.model_copy(update=values)
    for texts in live_text.write_side_by_side(corpus.models, prepared, samples):
        yield fragments.cards(
            (
                fragments.heading(name, _kind(corpus.models[name].spec.entry))
                + fragments.written(prepared, text)
                for name, text in texts.items()
            ),
            kind="texts",
        )


def _kind(entry: Any) -> str:
    """Describe a kind of language model."""
    if isinstance(entry, params.NGramConfig):
        return f"Markov model, {entry.smoothing.replace('_', '-')}"
    return str(entry.cell).upper()
