"""Trainings whose best epoch is chosen by the validation loss, which is faster than a score."""

from pipelines.tasks import lookup
from pipelines.training import trainer
from pipelines.training.callbacks import Callback


class RowRecorder(Callback):
    """Records the rows of the history as they are reported."""

    def __init__(self):
        self.rows = []

    def on_epoch_end(self, row, sample):
        self.rows.append(row)


def train_on_loss(spec, frames, vocabularies, callbacks=(), checkpoints=None, **options):
    """Train with the objective and the batches of the spec's task.

    Args:
        spec: the model's spec.
        frames: training and validation split.
        vocabularies: their vocabularies.
        callbacks: objects to report to.
        checkpoints: checkpoints of the training.
        options: further arguments of `trainer.train_model`.
    """
    task = lookup.get(spec.task)

    def make_data(model, seed):
        return task.training_data(spec, model, frames, vocabularies, seed)

    objective = task.objective(spec, frames[0], vocabularies)
    return trainer.train_model(
        spec, vocabularies, objective, make_data, callbacks, checkpoints, **options
    )
