"""Train the first steps of a model and write their losses; nothing is logged or saved.

    python -m pipelines.verification.first_steps NAME --steps 20 --losses FILE

It runs in a checkout of the commit that the model was trained at, with the code of that commit.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pipelines import console, files, paths
from pipelines.config import params
from pipelines.console import Argument, Option
from pipelines.errors import UserError

with console.quiet_imports():
    import numpy as np

    from pipelines.data import parquet
    from pipelines.layers import threads
    from pipelines.models import pretrained, serialization
    from pipelines.scheduling import gpus
    from pipelines.tasks import lookup
    from pipelines.text import vocabulary as vocabularies
    from pipelines.training import supervisor, workers
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


def first_losses(
    config: params.Params, name: str, steps: int, group: workers.Workers | None = None
) -> Any:
    """Return the losses (N,) of a training run's first steps, in nats.

    Args:
        config: params.yaml.
        name: name of the model.
        steps: number of steps; all steps if the training has fewer.
        group: the workers that share each batch, if the model has any.
    """
    spec = serialization.ModelSpec.of(config, name)
    corpus = spec.entry.corpus
    frames = (
        parquet.Split(paths.train_frame(corpus)),
        parquet.read_parquet(paths.valid_frame(corpus)),
    )
    vocabulary = vocabularies.load(paths.vocabulary(corpus))
    weights = None
    init_from = getattr(spec.entry, "init_from", None)
    if init_from is not None:
        folder = paths.model(init_from)
        weights = pretrained.read(folder, spec.entry, vocabulary.columns["text"])
    first_steps = FirstSteps(steps)
    with suppress(StopTraining):
        task = lookup.get(spec.task)
        task.train(spec, frames, vocabulary, [first_steps], pretrained=weights, workers=group)
    return np.array(first_steps.losses)


def main(
    name: Annotated[str, Argument(help="a model of params.yaml")],
    steps: Annotated[int, Option(help="number of steps")],
    file: Annotated[Path, Option("--losses", help="the file to write")],
) -> None:
    """Train the first steps of a model."""
    config = params.load(paths.PARAMS)
    entry = config.models[name]
    if not isinstance(entry, params.TrainableConfig):
        raise UserError(f"{name} has no training steps.")
    if entry.workers is not None:
        supervisor.start(entry, gpus.available())
    threads.use_training_threads(config.threads, entry.batch_size, entry.workers or 1)
    group = workers.connect(entry)
    losses = first_losses(config, name, steps, group)
    if group is None or group.is_first:
        with file.open("wb") as output:
            files.write_array(losses[:steps], output)


if __name__ == "__main__":
    console.launch("first_steps", main)
