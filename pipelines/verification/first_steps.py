"""The first steps of a training, for their losses alone: nothing is logged, no model is written.

    python -m pipelines.verification.first_steps NAME --steps 20 --losses FILE --train FILE ...

It runs in a clean copy of the commit that a model was made at, with that commit's code.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option

with console.quiet_imports():
    import numpy as np
    import pandas as pd

    from pipelines.data import parquet
    from pipelines.models import pretrained, serialization
    from pipelines.tasks import lookup
    from pipelines.text import vocabulary as vocabularies
    from pipelines.training.callbacks import Callback


class StopTraining(Exception):
    """Raised after enough steps."""


class FirstSteps(Callback):
    """Records the losses of the first steps, and then stops the training.

    Args:
        count: number of steps.

    Attributes:
        losses: the loss of each step, in nats.
    """

    def __init__(self, count: int) -> None:
        self.count, self.losses = count, list[float]()

    def on_step_end(self, step: int, loss: float, gradient_norm: float) -> None:
        """Record the loss.

        Raises:
            StopTraining: enough steps were recorded.
        """
        self.losses.append(loss)
        if step == self.count:
            raise StopTraining


def losses(
    everything: params.Params,
    name: str,
    pair: tuple[pd.DataFrame, pd.DataFrame],
    words: vocabularies.Vocabularies,
    steps: int,
    start: Path | None,
) -> Any:
    """The losses (N,) of a training's first steps, in nats.

    Args:
        everything: params.yaml.
        name: the model's.
        pair: training and validation frame.
        words: their vocabularies.
        steps: how many; all of them if the training has fewer.
        start: folder of the language model that it starts from.
    """
    card = serialization.ModelSpec.of(everything, name)
    first_steps = FirstSteps(steps)
    weights = pretrained.read(start, card.entry, words.columns["text"]) if start else None
    with suppress(StopTraining):
        lookup.get(card.task).train(card, pair, words, [first_steps], pretrained=weights)
    return np.array(first_steps.losses)


def main(
    name: Annotated[str, Argument(help="a model of params.yaml")],
    steps: Annotated[int, Option(help="how many")],
    file: Annotated[Path, Option("--losses", help="written")],
    train: Annotated[Path, Option(help="prepared training frame")],
    valid: Annotated[Path, Option(help="prepared validation frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    start: Annotated[Path | None, Option(help="folder of the language model to start from")] = None,
) -> None:
    """Train a model's first steps."""
    everything = params.load(Path("params.yaml"))
    pair = parquet.read_parquet(train), parquet.read_parquet(valid)
    words = vocabularies.load(vocabulary)
    found = losses(everything, name, pair, words, steps, start)
    np.save(file, np.asarray(found)[:steps], allow_pickle=False)


if __name__ == "__main__":
    console.launch("first_steps", main)
