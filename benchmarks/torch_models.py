"""The models of the training benchmark in PyTorch, as a worker process.

    python benchmarks/torch_models.py NAME THREADS float32|bfloat16

PyTorch's own layers (`nn.LSTM`), its fused Adam, and clipping of all gradients at once. bfloat16 is
its autocast. This file runs in an environment of its own, and imports nothing of the project.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import shapes
import torch
import worker
from torch import distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class LanguageModel(nn.Module):
    """Embedding, recurrent layers, softmax; time comes first, which is faster."""

    def __init__(self, entry: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        units = entry["units"]
        self.embedding = nn.Embedding(vocabulary, entry["embedding"])
        self.recurrence = CELLS[entry["cell"]](entry["embedding"], units, entry["layers"])
        self.softmax = nn.Linear(units, vocabulary)

    def forward(self, batch: Any, state: Any) -> tuple[torch.Tensor, Any]:
        """Return the loss of a batch (T, B) and the next state."""
        ids, targets = batch
        outputs, state = self.recurrence(self.embedding(ids), state)
        logits = self.softmax(outputs).flatten(0, 1)
        state = (
            tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        )
        return functional.cross_entropy(logits, targets.flatten()), state


def _detach(state: Any) -> Any:
    return tuple(map(_detach, state)) if isinstance(state, tuple) else state.detach()


class Classifier(nn.Module):
    """Embedding, recurrent layers over packed sentences, softmax of the last states."""

    def __init__(self, entry: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        units, both = entry["units"], entry["bidirectional"]
        self.embedding = nn.Embedding(vocabulary, entry["embedding"], padding_idx=0)
        self.recurrence = nn.LSTM(entry["embedding"], units, batch_first=True, bidirectional=both)
        self.softmax = nn.Linear(2 * units if both else units, 3)

    def forward(self, batch: Any, state: Any) -> tuple[torch.Tensor, Any]:
        """Return the loss of a batch (B, T) with the lengths of its sentences, and the state."""
        ids, lengths, labels = batch
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(ids), lengths, batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.recurrence(packed)
        return functional.cross_entropy(self.softmax(torch.cat(tuple(last), 1)), labels), state


class Attention(nn.Module):
    """Additive attention (Bahdanau et al. 2015) over keys that are projected once."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.key = nn.Linear(2 * units, units, bias=False)
        self.query = nn.Linear(units, units, bias=False)
        self.v = nn.Linear(units, 1, bias=False)

    def forward(
        self, query: torch.Tensor, keys: torch.Tensor, projected: torch.Tensor, padding: Any
    ) -> torch.Tensor:
        """Return the contexts of queries (B, T, U)."""
        hidden = torch.tanh(self.query(query).unsqueeze(2) + projected.unsqueeze(1))
        scores = self.v(hidden).squeeze(3).masked_fill(padding.unsqueeze(1), -1e9)
        return torch.bmm(torch.softmax(scores, 2), keys)


class Translator(nn.Module):
    """Bidirectional encoder, decoder with additive attention, with or without input feeding.

    The encoder reads packed sentences, so that padding reaches no state.
    """

    def __init__(self, entry: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        width, units = entry["embedding"], entry["units"]
        self.feeding = entry["input_feeding"]
        self.source = nn.Embedding(vocabulary, width)
        self.target = nn.Embedding(vocabulary, width)
        self.encoder = nn.LSTM(width, units, batch_first=True, bidirectional=True)
        self.bridge = nn.ModuleList([nn.Linear(2 * units, units) for _ in range(2)])
        self.decoder: Any = (
            nn.LSTMCell(2 * width, units)
            if self.feeding
            else nn.LSTM(width, units, batch_first=True)
        )
        self.attention = Attention(units)
        self.combine = nn.Linear(3 * units, width)
        self.softmax = nn.Linear(width, vocabulary)

    def forward(self, batch: Any, state: Any) -> tuple[torch.Tensor, Any]:
        """Return the loss of a batch (B, S), (B, T + 1), and the state."""
        source, lengths, target = batch
        packed = nn.utils.rnn.pack_padded_sequence(
            self.source(source), lengths, batch_first=True, enforce_sorted=False
        )
        packed, last = self.encoder(packed)
        keys, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        first = [
            torch.tanh(layer(torch.cat(tuple(part), 1)))
            for layer, part in zip(self.bridge, last, strict=True)
        ]
        memory = keys, self.attention.key(keys), source == 0
        embedded = self.target(target[:, :-1])
        decode = self._decode_fed if self.feeding else self._decode
        logits = self.softmax(decode(embedded, first, memory)).flatten(0, 1)
        loss = functional.cross_entropy(logits, target[:, 1:].flatten(), ignore_index=0)
        return loss, state

    def _decode(self, embedded: torch.Tensor, first: Any, memory: Any) -> torch.Tensor:
        outputs, _ = self.decoder(embedded, tuple(part.unsqueeze(0) for part in first))
        context = self.attention(outputs, *memory)
        combined: torch.Tensor = self.combine(torch.cat([outputs, context], 2))
        return combined

    def _decode_fed(self, embedded: torch.Tensor, state: Any, memory: Any) -> torch.Tensor:
        feed, vectors = torch.zeros_like(embedded[:, 0]), []
        for step in embedded.unbind(1):
            state = self.decoder(torch.cat([step, feed], 1), state)
            context = self.attention(state[0].unsqueeze(1), *memory).squeeze(1)
            feed = self.combine(torch.cat([state[0], context], 1))
            vectors.append(feed)
        return torch.stack(vectors, 1)


MODELS = {"language_model": LanguageModel, "classifier": Classifier, "seq2seq": Translator}


def to_tensors(shape: shapes.Shape, batch: shapes.Batch) -> Any:
    """Return a batch as PyTorch reads it fastest."""
    first, second = (torch.from_numpy(part.astype("int64")) for part in batch)
    if shape.entry["model"] == "language_model":
        return first.T.contiguous(), second.T.contiguous()
    return first, (first != 0).sum(1), second


def make_training(shape: shapes.Shape, bfloat16: bool) -> Callable[[int], None]:
    """Return a function that trains on a number of batches.

    In a process group, this process has its part of the rows of each.
    """
    torch.manual_seed(1)
    model: Any = MODELS[shape.entry["model"]](shape.entry, shape.vocabulary)
    rows = slice(None)
    if distributed.is_initialized():
        model = DistributedDataParallel(model, gradient_as_bucket_view=True)
        part, parts, size = (
            distributed.get_rank(),
            distributed.get_world_size(),
            shape.entry["batch_size"],
        )
        rows = slice(size * part // parts, size * (part + 1) // parts)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batches: Iterator[Any] = itertools.cycle(
        [
            to_tensors(shape, (first[rows], second[rows]))
            for first, second in shapes.make_batches(shape, 20)
        ]
    )
    state: Any = None

    def train(count: int) -> None:
        nonlocal state
        for batch in itertools.islice(batches, count):
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                loss, state = model(batch, state)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
            optimizer.step()
            loss.item()

    return train


def main() -> None:
    """Serve one model."""
    name, threads, precision = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_num_interop_threads(1)
    matrix = torch.ones(worker.PEAK_SIZE, worker.PEAK_SIZE)
    train = make_training(shapes.SHAPES[name], precision == "bfloat16")
    worker.serve(train, lambda: matrix @ matrix)


if __name__ == "__main__":
    main()
