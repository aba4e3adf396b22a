"""Name scopes of the training step, which are the boxes of TensorBoard's graph."""

import pytest

from pipelines.models import serialization
from pipelines.tasks import lookup
from pipelines.training import steps
from pipelines.training.optimizers import make_optimizer

STEP = {"loss", "gradient_tape", "clipping", "optimizer"}
TRANSLATOR = {
    *("teacher_forcing", "source_embedding", "encoder", "bridge", "target_embedding", "decoder"),
    *("attention", "combine", "softmax"),
}
# Arguments and results of the step, the only operations outside of all boxes
OUTSIDE = {"batch", "states", "progress", "Identity", "NoOp"}


def trace(make, kind, **changes):
    """Trace a training step, and return the path of each operation and of each weight."""
    spec, frame = make.spec(kind, **changes), make.frame(kind)
    vocabularies = make.vocabularies(kind)
    model, task = serialization.build(spec.entry, vocabularies), lookup.get(spec.task)
    optimizer = make_optimizer(spec.entry)
    optimizer.build(model.trainable_variables)
    step = steps.make_train_step(
        model,
        optimizer,
        task.objective(spec, frame, vocabularies),
        task.training_data(spec, model, (frame, frame), vocabularies, 1),
        clip_norm=1.0,
    )
    names = [operation.name for operation in step.graph.get_operations()]
    weights = [variable.path for variable in model.trainable_variables]
    return [name.split("/") for name in names], [path.split("/") for path in weights]


def boxes(paths, *outer):
    """Return the boxes in a box, or those that TensorBoard shows first."""
    depth = len(outer)
    return {path[depth] for path in paths if path[:depth] == [*outer] and len(path) > depth + 1}


def assert_only_arguments_are_outside(paths):
    assert {path[0].rstrip("_0123456789") for path in paths if len(path) == 1} <= OUTSIDE


@pytest.mark.parametrize(
    ("kind", "changes", "parts"),
    [
        ("bag_of_words", {}, {"counts", "hidden_1", "softmax"}),
        ("classifier", {"pooling": "max"}, {"embedding", "recurrent", "pool", "softmax"}),
        ("tagger", {}, {"embedding", "recurrent", "softmax"}),
        ("seq2seq", {}, TRANSLATOR),
    ],
)
def test_each_part_of_a_model_is_one_box(make, kind, changes, parts):
    operations, weights = trace(make, kind, **changes)
    assert boxes(operations) == parts | STEP
    assert_only_arguments_are_outside(operations)
    # Gradients, also those that the project writes out itself, are in boxes of the same names.
    trained = {path[0] for path in weights}
    assert trained <= parts
    assert boxes(operations, "gradient_tape") >= trained | {"loss"}
    for part in parts & {"recurrent", "encoder"}:
        assert boxes(operations, part) >= {"forward_1", "backward_1"}
        assert boxes(operations, "gradient_tape", part) >= {"forward_1", "backward_1"}
        assert {path[1] for path in weights if path[0] == part} == {"forward_1", "backward_1"}


def test_each_shard_of_a_batch_is_a_box_with_the_parts_of_the_model(make, monkeypatch):
    monkeypatch.setattr(steps, "shard_count", lambda: 2)
    operations, _ = trace(make, "language_model", layers=2, dropout=0.5)
    assert boxes(operations) == {"shard_1", "shard_2"} | STEP
    assert_only_arguments_are_outside(operations)
    parts = {"embedding", "recurrent", "dropout", "softmax", "loss"}
    for shard in ("shard_1", "shard_2"):
        assert boxes(operations, shard) >= parts
        assert boxes(operations, shard, "recurrent") >= {"forward_1", "forward_2"}
        assert boxes(operations, "gradient_tape", shard) >= parts
