"""Diagrams of chapter 2: a network unfolded over time, and three tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.reporting import plots
from pipelines.tutorial.diagrams import BLUE, GREEN, RED, arrow, canvas, label, node

STEP = 2.3  # distance of two steps


def unfolded(root: Path) -> str:
    """Draw a recurrent network as a loop, and unfolded over three steps."""

    def draw(axes: Any) -> None:
        canvas(axes, 12.4, 4.0)
        arrow(axes, (1.2, 0.7), (1.2, 2.4))
        label(axes, (0.9, 1.5), "W")
        arrow(axes, (1.5, 2.5), (0.9, 2.5), bend=2.0, gap=6)
        label(axes, (1.2, 3.45), "U")
        node(axes, (1.2, 0.7), "xₜ")
        node(axes, (1.2, 2.4), "s", BLUE)
        label(axes, (2.75, 2.4), "=", size=16)
        for step, digit in enumerate("₀₁₂"):
            x = 4.0 + STEP * step
            arrow(axes, (x, 2.4), (x + STEP, 2.4))
            label(axes, (x + STEP / 2, 2.7), "U")
            arrow(axes, (x + STEP, 0.7), (x + STEP, 2.4))
            label(axes, (x + STEP - 0.3, 1.5), "W")
            node(axes, (x, 2.4), f"s{digit}", BLUE)
            node(axes, (x + STEP, 0.7), f"x{digit}")
        node(axes, (4.0 + 3 * STEP, 2.4), "s₃", BLUE)

    return plots.svg(draw, (8.6, 2.8))


def tasks(root: Path) -> str:
    """Draw the inputs, states and outputs of three tasks."""
    drawings: Mapping[str, tuple[Sequence[str], Mapping[int, str]]] = {
        "language model": (("T", "o", "_", "b"), {0: "o", 1: "_", 2: "b", 3: "e"}),
        "classification": (("not", "bad", "at", "all"), {3: "positive"}),
        "translation": (("he", "went", "<s>", "il"), {2: "il", 3: "alla"}),
    }

    def panel(
        title: str, inputs: Sequence[str], outputs: Mapping[int, str]
    ) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            canvas(axes, 6.4, 4.6, title)
            for step, text in enumerate(inputs):
                x = 0.8 + 1.6 * step
                decoder = title == "translation" and step > 1
                arrow(axes, (x, 0.6), (x, 2.2))
                if step:
                    arrow(axes, (x - 1.6, 2.2), (x, 2.2))
                if step in outputs:
                    arrow(axes, (x, 2.2), (x, 3.8))
                    node(axes, (x, 3.8), outputs[step], RED)
                node(axes, (x, 0.6), text)
                node(axes, (x, 2.2), "s", GREEN if decoder else BLUE)

        return draw

    draws = [panel(title, *parts) for title, parts in drawings.items()]
    return plots.panels(draws, (12.6, 3.2))
