"""What TensorBoard is given, read back from the files themselves."""

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
from pipelines.training import progress, tensorboard, train
from pipelines.training.checkpoints import Checkpoints, opened
from pipelines.training.history import Sample
from pipelines.training.tensorboard import TensorBoardWriter


def _events(folder):
    (file,) = Path(folder).glob("*tfevents*")
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        yield tf.compat.v1.Event.FromString(record)


def _points(folder):
    """Every (tag, step, value) and what shows it, in order."""
    for event in _events(folder):
        for value in event.summary.value:
            found = tf.make_ndarray(value.tensor)
            text = value.metadata.plugin_data.plugin_name == "text"
            yield value.tag, event.step, found.item().decode() if text else found.item()


def test_curves_samples_and_every_tenth_step(tmp_path):
    made = TensorBoardWriter(tmp_path / "board")
    for number in range(1, 25):
        made.step(number, number / 2, number / 4)
    made.epoch({"epoch": 1, "valid_loss": 2.5}, Sample(1, "a\n# b"))
    assert list(_points(tmp_path / "board")) == [
        ("step/loss", 10, 5.0),
        ("step/gradient_norm", 10, 2.5),
        ("step/loss", 20, 10.0),
        ("step/gradient_norm", 20, 5.0),
        ("epoch/valid_loss", 1, 2.5),
        ("epoch/sample", 1, "    a\n    # b"),
    ]
    plugins = {
        value.metadata.plugin_data.plugin_name
        for event in _events(tmp_path / "board")
        for value in event.summary.value
    }
    assert plugins == {"scalars", "text"}


@pytest.mark.parametrize(
    ("kind", "columns"),
    [("language_model", ["text"]), ("seq2seq", ["source", "target"]), ("bag_of_words", [])],
)
def test_embeddings_stand_beside_their_words(make, tmp_path, kind, columns, monkeypatch):
    monkeypatch.setattr(tensorboard, "WORDS", 6)
    words = make.words(kind)
    model = serialization.build(make.card(kind).entry, words)
    TensorBoardWriter(tmp_path / "board").end(model, words)
    found = {file.name for file in (tmp_path / "board").glob("*") if "tfevents" not in file.name}
    each = {f"{column}-{part}.tsv" for column in columns for part in ("vectors", "words")}
    assert found == each | ({tensorboard.PROJECTOR} if columns else set())
    for column in columns:
        lines = (tmp_path / "board" / f"{column}-words.tsv").read_text(encoding="utf-8")
        most = np.argsort(-np.array(words.columns[column].counts), kind="stable")[:6]
        tokens = [words.columns[column].tokens[at] for at in most]
        assert lines.split("\n") == [*(token.replace(" ", "' '") for token in tokens), ""]
        layer = model.embedding if column == "text" else getattr(model, f"{column}_embedding")
        vectors = np.loadtxt(tmp_path / "board" / f"{column}-vectors.tsv", delimiter="\t")
        np.testing.assert_allclose(vectors, layer.embeddings.numpy()[most], rtol=1e-3)
        described = (tmp_path / "board" / tensorboard.PROJECTOR).read_text(encoding="utf-8")
        assert f'metadata_path: "{column}-words.tsv"' in described


def test_words_that_cannot_be_seen_are_one_line_each(tmp_path):
    tokens = (*vocabulary.SPECIALS, "\t", "\n", " ", "é")
    words = vocabulary.Vocabulary(tokens, tuple(range(8, 0, -1)), "characters")
    tensorboard._embedding(tmp_path, "text", np.zeros((8, 2)), words)
    lines = (tmp_path / "text-words.tsv").read_text(encoding="utf-8").split("\n")
    assert lines == [*vocabulary.SPECIALS, r"'\t'", r"'\n'", "' '", "é", ""]


def _train(make, kept, folder, on_epoch=lambda row: None):
    card, frame = make.card("bag_of_words", epochs=4), make.frame("bag_of_words")
    words = make.words("bag_of_words")
    watch = progress.Callbacks(
        on_epoch, kept, lambda model: lambda: "said", TensorBoardWriter(folder)
    )
    return train.classifier(card, (frame, frame), words, watch)


def test_a_training_that_went_on_shows_every_point_once_and_its_graph(make, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "EVERY", 1)
    _train(make, None, tmp_path / "plain")
    (tmp_path / "kept").mkdir()
    kept = Checkpoints(tmp_path / "kept", 100)

    def stop(row):
        if row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        _train(make, kept, tmp_path / "stopped", stop)
    _train(make, kept, tmp_path / "stopped")
    plain, stopped = (sorted(_points(tmp_path / name)) for name in ("plain", "stopped"))
    assert stopped == plain
    tags = [tag for tag, _, _ in plain]
    assert tags.count("epoch/valid_loss") == tags.count("epoch/sample") == 4
    assert tags.count("step/loss") == 4
    graphs = [event.graph_def for event in _events(tmp_path / "stopped") if event.graph_def]
    assert len(graphs) == 1
    nodes = tf.compat.v1.GraphDef.FromString(graphs[0]).node
    assert any("MatMul" in node.name for node in nodes)


def test_it_is_named_by_model_and_key_and_old_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "KEPT", 2)
    for key in ("a" * 64, "b" * 64, "c" * 64, "b" * 64):
        with opened(tmp_path, "train_lstm@m", key, 9) as kept:
            made = TensorBoardWriter.of(kept)
            assert made.folder == tmp_path / ".seqproof" / "tensorboard" / "m" / key[:8]
    found = {one.name for one in (tmp_path / ".seqproof" / "tensorboard" / "m").iterdir()}
    assert found == {"b" * 8, "c" * 8}


def test_without_room_it_is_said_once_and_nothing_else_happens(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(console, "echo", said.append)
    (tmp_path / "file").write_text("", encoding="utf-8")
    made = TensorBoardWriter(tmp_path / "file" / "board")
    made.step(10, 1.0, 1.0)
    made.epoch({"epoch": 1, "valid_loss": 1.0}, None)
    assert len(said) == 1
    assert "Nothing more is written for TensorBoard" in said[0]
