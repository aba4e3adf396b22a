"""Parts of the tabs of all tasks: inputs, buttons with examples, and answers as HTML."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from pipelines.demo import fragments
from pipelines.errors import UserError


def text_box(label: str, value: str, lines: int = 1) -> gr.Textbox:
    """Return a box for one text; Enter in it runs the tab's button."""
    return gr.Textbox(label=label, value=value, lines=lines, max_lines=max(lines, 4))


def model_choice(names: Sequence[str]) -> gr.Radio:
    """Return the choice of a model; it is hidden if there is only one."""
    return gr.Radio(list(names), value=names[-1], label="Model", visible=len(names) > 1)


def example_buttons(examples: Sequence[str]) -> list[gr.Button]:
    """Return a button for each example, with its text."""
    with gr.Row(elem_classes="examples", visible=bool(examples)):
        return [gr.Button(text, size="sm", min_width=40) for text in examples]


def answer() -> gr.HTML:
    """Return the part of the page that shows an answer."""
    return gr.HTML(elem_classes="answer", js_on_load=None, apply_default_css=False)


def with_problems(function: Callable[..., str]) -> Callable[..., str]:
    """Return a function whose `UserError` is shown as its answer."""

    @functools.wraps(function)
    def run(*inputs: Any) -> str:
        try:
            return function(*inputs)
        except UserError as error:
            return fragments.problem(str(error))

    return run


def connect(
    function: Callable[..., str],
    inputs: Sequence[Any],
    output: gr.HTML,
    button: gr.Button,
    boxes: Sequence[gr.Textbox],
    examples: Sequence[tuple[gr.Button, Sequence[str]]],
) -> None:
    """Run a function by a button, by Enter in a box, and by each example, which fills the boxes.

    Args:
        function: computes the answer from the inputs.
        inputs: its components; the boxes come first.
        output: shows the answer.
        button: runs it.
        boxes: the boxes with text.
        examples: buttons, each with the texts of the boxes.
    """
    run = with_problems(function)
    gr.on([button.click, *(box.submit for box in boxes)], run, [*inputs], output)
    for example, texts in examples:
        values = list(texts)
        example.click(lambda values=values: values, None, [*boxes], show_progress="hidden").then(
            run, [*inputs], output
        )
