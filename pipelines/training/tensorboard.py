"""TensorBoard event files of a training run (Abadi et al. 2016): curves, graph, embeddings.

Event files contain the time, so they are outside of all outs. A resumed training writes them anew,
its earlier steps included, so that no point is in them twice.
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
from pipelines.training.callbacks import Callback
from pipelines.training.checkpoints import CheckpointManager
from pipelines.training.samples import Sample

STEP_INTERVAL = 10  # steps between two points
MAX_WORDS = 10_000  # of an embedding: as many as the projector draws smoothly
MAX_FOLDERS = 20  # of one model, so that experiments can be compared
# The embedding layers of a model, and the vocabulary's column of each.
EMBEDDINGS = {"embedding": "text", "source_embedding": "source", "target_embedding": "target"}
PROJECTOR = "projector_config.pbtxt"
PROJECTOR_ENTRY = """embeddings {{
  tensor_name: "{column}"
  tensor_path: "{column}-vectors.tsv"
  metadata_path: "{column}-words.tsv"
}}
"""


class TensorBoardWriter(Callback):
    """Writes the event files of one training run.

    An error is reported once, and the training continues without event files.

    Args:
        folder: the folder to write to; its content is removed.
        vocabularies: the model's vocabularies.
    """

    def __init__(self, folder: Path, vocabularies: Vocabularies) -> None:
        self.folder, self._vocabularies = folder, vocabularies
        self._failed = False
        self._try(self._open)

    @classmethod
    def of(cls, checkpoints: CheckpointManager, vocabularies: Vocabularies) -> TensorBoardWriter:
        """Create the writer of the training that these checkpoints belong to.

        Its folder is named by the same key: `.seqproof/tensorboard/<model>/<key>`.
        """
        key, stage = checkpoints.folder.name, checkpoints.folder.parent.name
        folder = checkpoints.folder.parents[2] / "tensorboard" / stage.partition("@")[2]
        return cls(folder / key[:8], vocabularies)

    def on_train_begin(self, graph: tf.Graph) -> None:
        """Write the graph of the training step."""
        self._write(lambda: tf.summary.graph(graph))

    def on_step_end(self, step: int, loss: float, gradient_norm: float) -> None:
        """Write loss and gradient norm of every tenth step."""
        if step % STEP_INTERVAL == 0:
            values = {"loss": loss, "gradient_norm": gradient_norm}
            self._write(lambda: _write_scalars("step", values, step))

    def on_epoch_end(self, row: Mapping[str, float], sample: Sample | None = None) -> None:
        """Write a row of the history and the sample."""
        epoch = int(row["epoch"])
        values = {key: value for key, value in row.items() if key not in ("epoch", "seed")}
        prefix = f"epoch/seed-{row['seed']:.0f}" if "seed" in row else "epoch"

        def write() -> None:
            _write_scalars(prefix, values, epoch)
            if sample is not None:
                _write_text("epoch/sample", sample.text, epoch)
            self._writer.flush()

        self._write(write)

    def on_train_end(self, model: keras.Model) -> None:
        """Write the embeddings with their words, and close the files."""
        layers = {
            column: layer
            for name, column in EMBEDDINGS.items()
            if (layer := getattr(model, name, None)) is not None
        }

        def write() -> None:
            for column, layer in layers.items():
                vectors = layer.embeddings.numpy()
                _write_embedding(self.folder, column, vectors, self._vocabularies.columns[column])
            if layers:
                text = "".join(PROJECTOR_ENTRY.format(column=column) for column in layers)
                files.write_text(self.folder / PROJECTOR, text)
            self._writer.close()

        self._write(write)

    def _open(self) -> None:
        files.remove(self.folder)
        self.folder.mkdir(parents=True)
        others = [path for path in self.folder.parent.iterdir() if path != self.folder]
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[: 1 - MAX_FOLDERS]:
            shutil.rmtree(old, ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(self.folder))

    def _write(self, write: Callable[[], None]) -> None:
        def write_to_file() -> None:
            with self._writer.as_default():
                write()

        self._try(write_to_file)

    def _try(self, action: Callable[[], None]) -> None:
        """Run an action; after an error nothing more is written."""
        if self._failed:
            return
        try:
            action()
        except (OSError, tf.errors.OpError) as error:
            self._failed = True
            reason = getattr(error, "message", None) or str(error)
            console.echo(f"Cannot write TensorBoard files ({reason}). The training continues.")


def _metadata(plugin: str) -> Any:
    """Return the summary metadata of a plugin.

    `tf.summary.scalar` is part of TensorBoard, which is not needed to write event files.
    """
    metadata = tf.compat.v1.SummaryMetadata
    return metadata(plugin_data=metadata.PluginData(plugin_name=plugin))


def _write_scalars(prefix: str, values: Mapping[str, float], step: int) -> None:
    for name, value in values.items():
        tensor = tf.constant(value, tf.float32)
        tf.summary.write(f"{prefix}/{name}", tensor, step, _metadata("scalars"))


def _write_text(tag: str, text: str, step: int) -> None:
    """Write a text as a Markdown code block, as which TensorBoard shows it unchanged."""
    block = textwrap.indent(text, "    ", lambda line: True)
    tf.summary.write(tag, tf.constant(block), step, _metadata("text"))


def _write_embedding(
    folder: Path, column: str, vectors: np.ndarray, vocabulary: Vocabulary
) -> None:
    """Write the vectors (V, D) of the most frequent words, and the words, one per line."""
    ids = np.argsort(-np.asarray(vocabulary.counts), kind="stable")[:MAX_WORDS]
    np.savetxt(folder / f"{column}-vectors.tsv", vectors[ids], "%.4g", "\t")
    labels = "".join(f"{_label(vocabulary.tokens[i])}\n" for i in ids)
    files.write_text(folder / f"{column}-words.tsv", labels)


def _label(token: str) -> str:
    """Return a printable token as it is, and any other as Python writes it."""
    return token if token.isprintable() and token.strip() else repr(token)
