"""TensorBoard event files, read back from disk."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines import console
from pipelines.errors import Interrupted
from pipelines.models import serialization
from pipelines.text import vocabulary
from pipelines.training import tensorboard
from pipelines.training.callbacks import Callback
from pipelines.training.checkpoints import CheckpointManager, open_checkpoints
from pipelines.training.samples import Sample
from pipelines.training.tensorboard import TensorBoardWriter
from tests.unit.small_training import train_on_loss

NO_VOCABULARIES = vocabulary.Vocabularies({})


def read_events(folder):
    (file,) = Path(folder).glob("*tfevents*")
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        yield tf.compat.v1.Event.FromString(record)


def read_points(folder):
    """All (tag, step, value), in order."""
    for event in read_events(folder):
        for value in event.summary.value:
            item = tf.make_ndarray(value.tensor).item()
            is_text = value.metadata.plugin_data.plugin_name == "text"
            yield value.tag, event.step, item.decode() if is_text else item


def test_curves_samples_and_every_tenth_step(tmp_path):
    writer = TensorBoardWriter(tmp_path / "board", NO_VOCABULARIES)
    for step in range(1, 25):
        writer.on_step_end(step, step / 2, step / 4)
    writer.on_epoch_end({"epoch": 1, "valid_loss": 2.5}, Sample(1, "a\n# b"))
    assert list(read_points(tmp_path / "board")) == [
        ("step/loss", 10, 5.0),
        ("step/gradient_norm", 10, 2.5),
        ("step/loss", 20, 10.0),
        ("step/gradient_norm", 20, 5.0),
        ("epoch/valid_loss", 1, 2.5),
        ("epoch/sample", 1, "    a\n    # b"),
    ]
    plugins = {
        value.metadata.plugin_data.plugin_name
        for event in read_events(tmp_path / "board")
        for value in event.summary.value
    }
    assert plugins == {"scalars", "text"}


@pytest.mark.parametrize(
    ("kind", "columns"),
    [("language_model", ["text"]), ("seq2seq", ["source", "target"]), ("bag_of_words", [])],
)
def test_embeddings_are_written_with_their_words(make, tmp_path, kind, columns, monkeypatch):
    monkeypatch.setattr(tensorboard, "MAX_WORDS", 6)
    folder, vocabularies = tmp_path / "board", make.vocabularies(kind)
    model = serialization.build(make.config(kind), vocabularies)
    TensorBoardWriter(folder, vocabularies).on_train_end(model)
    names = {file.name for file in folder.glob("*") if "tfevents" not in file.name}
    tables = {f"{column}-{part}.tsv" for column in columns for part in ("vectors", "words")}
    assert names == tables | ({tensorboard.PROJECTOR} if columns else set())
    for column in columns:
        lines = (folder / f"{column}-words.tsv").read_text(encoding="utf-8")
        counts = np.array(vocabularies.columns[column].counts)
        ids = np.argsort(-counts, kind="stable")[:6]
        tokens = [vocabularies.columns[column].tokens[i] for i in ids]
        assert lines.split("\n") == [*(token.replace(" ", "' '") for token in tokens), ""]
        layer = model.embedding if column == "text" else getattr(model, f"{column}_embedding")
        vectors = np.loadtxt(folder / f"{column}-vectors.tsv", delimiter="\t")
        np.testing.assert_allclose(vectors, layer.embeddings.numpy()[ids], rtol=1e-3)
        projector = (folder / tensorboard.PROJECTOR).read_text(encoding="utf-8")
        assert f'metadata_path: "{column}-words.tsv"' in projector


def test_unprintable_words_take_one_line_each(tmp_path):
    tokens = (*vocabulary.SPECIALS, "\t", "\n", " ", "é")
    characters = vocabulary.Vocabulary(tokens, tuple(range(8, 0, -1)), "characters")
    tensorboard._write_embedding(tmp_path, "text", np.zeros((8, 2)), characters)
    lines = (tmp_path / "text-words.tsv").read_text(encoding="utf-8").split("\n")
    assert lines == [*vocabulary.SPECIALS, r"'\t'", r"'\n'", "' '", "é", ""]


class StopAtEpoch(Callback):
    """Sends SIGTERM to the training at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, row, sample):
        if row["epoch"] == self.epoch:
            os.kill(os.getpid(), signal.SIGTERM)


def run_training(make, folder, checkpoints=None, callbacks=()):
    """Train four epochs and write event files."""
    spec, frame = make.spec("bag_of_words", epochs=4), make.frame("bag_of_words")
    vocabularies = make.vocabularies("bag_of_words")
    writer = TensorBoardWriter(folder, vocabularies)
    return train_on_loss(
        spec,
        (frame, frame),
        vocabularies,
        [writer, *callbacks],
        checkpoints,
        sample=lambda model: "text",
    )


def test_a_resumed_training_has_every_point_once_and_its_graph(make, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "STEP_INTERVAL", 1)
    run_training(make, tmp_path / "uninterrupted")
    (tmp_path / "checkpoints").mkdir()
    checkpoints = CheckpointManager(tmp_path / "checkpoints", 100)
    with pytest.raises(Interrupted):
        run_training(make, tmp_path / "resumed", checkpoints, [StopAtEpoch(3)])
    run_training(make, tmp_path / "resumed", checkpoints)
    expected, points = (
        sorted(read_points(tmp_path / name)) for name in ("uninterrupted", "resumed")
    )
    assert points == expected
    tags = [tag for tag, _, _ in points]
    assert tags.count("epoch/valid_loss") == tags.count("epoch/sample") == 4
    assert tags.count("step/loss") == 4
    graphs = [event.graph_def for event in read_events(tmp_path / "resumed") if event.graph_def]
    assert len(graphs) == 1
    nodes = tf.compat.v1.GraphDef.FromString(graphs[0]).node
    assert any("MatMul" in node.name for node in nodes)


def test_folders_are_named_by_model_and_key_and_old_ones_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "MAX_FOLDERS", 2)
    parent = tmp_path / ".seqproof" / "tensorboard" / "m"
    for key in ("a" * 64, "b" * 64, "c" * 64, "b" * 64):
        with open_checkpoints(tmp_path, "train_lstm@m", key, 9) as checkpoints:
            writer = TensorBoardWriter.of(checkpoints, NO_VOCABULARIES)
            assert writer.folder == parent / key[:8]
    assert {folder.name for folder in parent.iterdir()} == {"b" * 8, "c" * 8}


def test_a_write_error_is_reported_once_and_is_not_fatal(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(console, "echo", messages.append)
    (tmp_path / "file").write_text("", encoding="utf-8")
    writer = TensorBoardWriter(tmp_path / "file" / "board", NO_VOCABULARIES)
    writer.on_step_end(10, 1.0, 1.0)
    writer.on_epoch_end({"epoch": 1, "valid_loss": 1.0}, None)
    assert len(messages) == 1
    assert "TensorBoard" in messages[0]
