"""A training in files that TensorBoard shows (Abadi et al. 2016): curves, graph, embeddings.

Event files hold the time, so they stand outside of all outs. Each process that a training runs in
writes them anew, with what its checkpoint knows of the steps before, so that nothing is in them
twice.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines import console, files
from pipelines.text.vocabulary import Vocabularies, Vocabulary
from pipelines.training.checkpoints import Checkpoints
from pipelines.training.history import Sample

EVERY = 10  # steps between two points
WORDS = 10_000  # of an embedding: as many as the projector draws without stumbling
KEPT = 20  # trainings of one model, so that experiments can be compared
# The embeddings of a model, and the vocabulary's column that each is of.
EMBEDDINGS = {"embedding": "text", "source_embedding": "source", "target_embedding": "target"}
PROJECTOR = "projector_config.pbtxt"


class TensorBoardWriter:
    """The files of one training. What goes wrong with them is said, and the training goes on.

    Args:
        folder: what stood there is taken away.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lost = False
        self._guard(self._open)

    @classmethod
    def of(cls, kept: Checkpoints) -> TensorBoardWriter:
        """The board of the training that these checkpoints are of: it is named by the same key,
        `.seqproof/tensorboard/<model>/<key>`."""
        key, stage = kept.folder.name, kept.folder.parent.name
        beside = kept.folder.parents[2] / "tensorboard" / stage.partition("@")[2]
        return cls(beside / key[:8])

    def _open(self) -> None:
        files.remove(self.folder)
        self.folder.mkdir(parents=True)
        others = [one for one in self.folder.parent.iterdir() if one != self.folder]
        for old in sorted(others, key=lambda one: one.stat().st_mtime)[: 1 - KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(self.folder))

    def graph(self, graph: tf.Graph) -> None:
        """The graph of the training step."""
        self._write(lambda: tf.summary.graph(graph))

    def step(self, number: int, loss: float, norm: float) -> None:
        """Loss in nats and gradient norm of a step, of which every tenth is kept."""
        if number % EVERY == 0:
            self._write(lambda: _scalars("step", {"loss": loss, "gradient_norm": norm}, number))

    def epoch(self, row: Mapping[str, float], sample: Sample | None) -> None:
        """A row of the history, and what the model said then."""
        number = int(row["epoch"])
        numbers = {key: value for key, value in row.items() if key not in ("epoch", "seed")}
        above = f"epoch/seed-{row['seed']:.0f}" if "seed" in row else "epoch"

        def write() -> None:
            _scalars(above, numbers, number)
            if sample is not None:
                _text("epoch/sample", sample.text, number)
            self._writer.flush()

        self._write(write)

    def end(self, model: keras.Model, vocabularies: Vocabularies) -> None:
        """The embeddings that were learnt, their words beside them; nothing more is written."""
        layers = {column: getattr(model, name, None) for name, column in EMBEDDINGS.items()}
        learnt = {column: layer for column, layer in layers.items() if layer is not None}

        def write() -> None:
            for column, layer in learnt.items():
                vectors = layer.embeddings.numpy()
                _embedding(self.folder, column, vectors, vocabularies.columns[column])
            if learnt:
                text = "".join(map(ENTRY.format_map, ({"column": column} for column in learnt)))
                files.write_text(self.folder / PROJECTOR, text)
            self._writer.close()

        self._write(write)

    def _write(self, act: Callable[[], None]) -> None:
        def write() -> None:
            with self._writer.as_default():
                act()

        self._guard(write)

    def _guard(self, act: Callable[[], None]) -> None:
        """TensorBoard's files are to look at: without them a training is as good as with them."""
        if self._lost:
            return
        try:
            act()
        except (OSError, tf.errors.OpError) as error:
            self._lost = True
            reason = getattr(error, "message", None) or str(error)
            console.echo(f"Nothing more is written for TensorBoard ({reason}).")


ENTRY = """embeddings {{
  tensor_name: "{column}"
  tensor_path: "{column}-vectors.tsv"
  metadata_path: "{column}-words.tsv"
}}
"""


def _metadata(plugin: str) -> Any:
    """What says to TensorBoard how a value is shown; `tf.summary.scalar` itself is part of
    TensorBoard, which is not needed to write."""
    known = tf.compat.v1.SummaryMetadata
    return known(plugin_data=known.PluginData(plugin_name=plugin))


def _scalars(above: str, numbers: Mapping[str, float], step: int) -> None:
    for name, number in numbers.items():
        value = tf.constant(number, tf.float32)
        tf.summary.write(f"{above}/{name}", value, step, _metadata("scalars"))


def _text(tag: str, text: str, step: int) -> None:
    """Indented, for TensorBoard reads Markdown."""
    shown = textwrap.indent(text, "    ", lambda line: True)
    tf.summary.write(tag, tf.constant(shown), step, _metadata("text"))


def _embedding(folder: Path, column: str, vectors: np.ndarray, words: Vocabulary) -> None:
    """The most frequent words' vectors (V, D), and the words, one a line."""
    most = np.argsort(-np.asarray(words.counts), kind="stable")[:WORDS]
    np.savetxt(folder / f"{column}-vectors.tsv", vectors[most], "%.4g", "\t")
    labels = "".join(f"{_label(words.tokens[at])}\n" for at in most)
    files.write_text(folder / f"{column}-words.tsv", labels)


def _label(token: str) -> str:
    """A word as it stands, and what cannot be seen as Python writes it."""
    return token if token.isprintable() and token.strip() else repr(token)
