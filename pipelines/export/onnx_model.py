"""A trained network as ONNX, and its check by onnxruntime.

Tokens are ids: `vocabulary.json` beside the model maps them. Shapes: B batch, T steps, S source
steps, U units, V vocabulary, L labels.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf

from pipelines.errors import UserError
from pipelines.export.onnx_graph import GraphBuilder, Weights
from pipelines.inference.predictor import Predictor
from pipelines.layers.attention import MASKED
from pipelines.layers.pooling import Pool
from pipelines.layers.stack import RecurrentStack
from pipelines.models.seq2seq import Seq2Seq
from pipelines.text import batching, encoding
from pipelines.text.vocabulary import PAD, START

MODEL, ENCODER, DECODER = "model.onnx", "encoder.onnx", "decoder.onnx"
VOCABULARY = "vocabulary.json"
TOLERANCE = 1e-3  # of logits, whose float32 sums have another order
BATCH_SIZE = 25


def write(predictor: Predictor, folder: Path, vocabulary: Path) -> None:
    """Write the ONNX files of a network into a folder, with its vocabulary.

    Raises:
        UserError: the model is of a kind that is not covered.
    """
    builders: dict[str, Callable[[Any], dict[str, GraphBuilder]]] = {
        "bag_of_words": _bag_of_words,
        "classifier": _classifier,
        "tagger": _tagger,
        "language_model": _language_model,
        "seq2seq": _translator,
    }
    spec = predictor.spec
    _check_coverage(predictor)
    metadata = {"task": spec.task, "model": spec.entry.model, "tokens": spec.tokens}
    for file, builder in builders[spec.entry.model](predictor.model).items():
        model = builder.model(f"{spec.entry.model} for {spec.task}", metadata)
        onnx.save(model, folder / file)
    shutil.copyfile(vocabulary, folder / VOCABULARY)


def _check_coverage(predictor: Predictor) -> None:
    entry, model = predictor.spec.entry, predictor.model
    problem = ""
    if hasattr(model, "members"):
        problem = "it is an ensemble"
    elif not hasattr(model, "weights"):
        problem = f"a model of kind '{entry.model}' is no network, or is mixed with n-grams"
    elif getattr(model, "crf", None) is not None:
        problem = "it has a CRF, whose search ONNX has no operator for"
    elif getattr(entry, "precision", None) is not None:
        problem = f"it computes in {entry.precision}"
    elif getattr(entry, "input_feeding", None) or getattr(entry, "attention", "") == "coverage":
        problem = "its decoder has input feeding or coverage"
    if problem:
        raise UserError(
            f"This model cannot be exported to ONNX: {problem}. ONNX covers single networks in "
            "float32, without a CRF, input feeding and coverage; --format saved-model covers all "
            "networks."
        )


def largest_difference(predictor: Predictor, folder: Path, texts: Sequence[str]) -> float:
    """Return the largest difference of logits between ONNX and the model in Python.

    Args:
        predictor: the model.
        folder: its ONNX files.
        texts: prepared texts.
    """
    vocabulary = next(iter(predictor.vocabularies.columns.values()))
    rows = encoding.encode_rows(texts, vocabulary)
    largest = 0.0
    compare = _compare_translator if isinstance(predictor.model, Seq2Seq) else _compare_network
    sessions = {file.name: _session(file) for file in sorted(folder.glob("*.onnx"))}
    for indices in batching.batches_by_length([len(row) for row in rows], BATCH_SIZE):
        ids = batching.pad([rows[index] for index in indices])
        largest = max(largest, compare(predictor.model, sessions, ids))
    return largest


def _session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _compare_network(model: Any, sessions: dict[str, Any], ids: Any) -> float:
    carries_state = hasattr(model, "zero_state")
    if carries_state:  # without padding, which a language model never reads
        ids = ids[:, : int((ids != PAD).sum(axis=1).min())]
    feeds = {"ids": ids.astype(np.int64)}
    if carries_state:
        states = [np.asarray(part) for state in model.zero_state(len(ids)) for part in state]
        feeds |= {f"state_{number}": state for number, state in enumerate(states)}
        logits, final = model(tf.constant(ids))
        expected = [logits, *(part for state in final for part in state)]
    else:
        expected = [model(tf.constant(ids))]
    outputs = sessions[MODEL].run(None, feeds)
    if outputs[0].ndim == 3 and not carries_state:  # tags of padding mean nothing
        real = (ids != PAD)[:, :, None]
        return float(np.abs(np.where(real, outputs[0] - expected[0], 0)).max())
    return _largest(outputs, expected)


def _compare_translator(model: Seq2Seq, sessions: dict[str, Any], ids: Any) -> float:
    """Compare two steps of the decoder, by which its states are compared, too."""
    encoded, states = model.encode(tf.constant(ids))
    outputs = sessions[ENCODER].run(None, {"source": ids.astype(np.int64)})
    largest = _largest(outputs, [*encoded, *(part for layer in states.layers for part in layer)])
    keys, mask, projected, *parts = outputs
    tokens = np.full((len(ids), 1), START, np.int32)
    for _ in range(2):
        feeds = {"keys": keys, "mask": mask, "projected": projected}
        feeds |= {f"state_{number}": part for number, part in enumerate(parts)}
        names = {entry.name for entry in sessions[DECODER].get_inputs()}
        feeds = {name: value for name, value in feeds.items() if name in names}
        outputs = sessions[DECODER].run(None, feeds | {"target": tokens.astype(np.int64)})
        logits, states, weights = model.decode(tf.constant(tokens), states, encoded)
        expected = [logits, *(part for layer in states.layers for part in layer)]
        if model.attention is not None:
            expected.append(weights)
        largest = max(largest, _largest(outputs, expected))
        parts = outputs[1 : 1 + len(parts)]
        tokens = outputs[0].argmax(axis=2).astype(np.int32)
    return largest


def _largest(outputs: Sequence[Any], expected: Sequence[Any]) -> float:
    pairs = zip(outputs, expected, strict=True)
    return max(
        float(np.abs(np.asarray(output, np.float32) - np.asarray(value, np.float32)).max())
        for output, value in pairs
    )


# Graphs -----------------------------------------------------------------------------------------


def _bag_of_words(model: Any) -> dict[str, GraphBuilder]:
    """Sum the rows of the first kernel, one for each token."""
    graph = GraphBuilder()
    ids = graph.input("ids", "int", ("batch", "steps"))
    layers = [*model.hidden, model.softmax]
    kernels = [(np.asarray(layer.kernel), np.asarray(layer.bias)) for layer in layers]
    kernel, bias = kernels[0]
    kernel = kernel.copy()
    kernel[:: model.vocabulary] = 0  # padding, at each position
    features = ids if model.positions is None else _words_at_positions(graph, model, ids)
    summed = graph.add("ReduceSum", graph.embed(features, kernel), graph.integers(1), keepdims=0)
    value = graph.add("Add", summed, graph.constant(bias))
    for kernel, bias in kernels[1:]:
        value = graph.dense(graph.add("Relu", value), kernel, bias)
    graph.output("logits", value, "float", ("batch", kernels[-1][0].shape[1]))
    return {MODEL: graph}


def _words_at_positions(graph: GraphBuilder, model: Any, ids: str) -> str:
    """Compute the features position * V + id of the words at the first positions."""
    zero, one = graph.integers(0), graph.integers(1)
    ids = graph.add("Slice", ids, zero, graph.integers(model.positions), one)
    offsets = graph.integers(*(model.vocabulary * np.arange(model.positions)).tolist())
    return str(
        graph.add("Add", ids, graph.add("Slice", offsets, zero, graph.add("Shape", ids, start=1)))
    )


def _classifier(model: Any) -> dict[str, GraphBuilder]:
    graph = GraphBuilder()
    ids = graph.input("ids", "int", ("batch", "steps"))
    mask, lengths = graph.mask(ids)
    outputs, finals = _recurrent(graph, ids, model.embedding, model.stack, lengths)
    last = graph.last_output(model.stack, finals)
    pooled = _pool(graph, model.pool, outputs, last, mask)
    kernel, bias = np.asarray(model.softmax.kernel), np.asarray(model.softmax.bias)
    graph.output("logits", graph.dense(pooled, kernel, bias), "float", ("batch", kernel.shape[1]))
    return {MODEL: graph}


def _pool(graph: GraphBuilder, pool: Pool, outputs: str, last: str, mask: str) -> str:
    """Pool outputs (B, T, D) over the real steps."""
    if pool.kind == "last":
        return last
    column = graph.add("Unsqueeze", mask, graph.integers(2))
    if pool.kind == "max":
        lowest = graph.constant(np.finfo(np.float32).min)
        return str(
            graph.add(
                "ReduceMax", graph.add("Where", column, outputs, lowest), axes=[1], keepdims=0
            )
        )
    real = graph.add("Cast", column, to=onnx.TensorProto.FLOAT)
    if pool.kind == "attention":
        projection = pool.projection
        hidden = graph.dense(outputs, np.asarray(projection.kernel), np.asarray(projection.bias))
        scores = graph.dense(graph.add("Tanh", hidden), np.asarray(pool.query), None)
        lowest = graph.constant(np.finfo(np.float32).min)
        real = graph.add("Softmax", graph.add("Where", column, scores, lowest), axis=1)
    weighted = graph.add("Mul", outputs, real)
    total = graph.add("ReduceSum", weighted, graph.integers(1), keepdims=0)
    norm = graph.add("ReduceSum", real, graph.integers(1), keepdims=0)
    return str(graph.add("Div", total, norm))


def _tagger(model: Any) -> dict[str, GraphBuilder]:
    graph = GraphBuilder()
    ids = graph.input("ids", "int", ("batch", "steps"))
    _, lengths = graph.mask(ids)
    outputs, _ = _recurrent(graph, ids, model.embedding, model.stack, lengths)
    kernel, bias = np.asarray(model.softmax.kernel), np.asarray(model.softmax.bias)
    logits = graph.dense(outputs, kernel, bias)
    graph.output("logits", logits, "float", ("batch", "steps", kernel.shape[1]))
    return {MODEL: graph}


def _recurrent(
    graph: GraphBuilder,
    ids: str,
    embedding: Any,
    stack: RecurrentStack,
    lengths: str,
    states: list[list[str]] | None = None,
) -> tuple[str, list[list[str]]]:
    """Embed ids (B, T) and add the recurrent layers; return outputs (B, T, D) and final states."""
    vectors = graph.embed(ids, np.asarray(embedding.embeddings))
    by_step = graph.add("Transpose", vectors, perm=[1, 0, 2])
    outputs, finals = graph.stack(stack, by_step, lengths, states)
    return str(graph.add("Transpose", outputs, perm=[1, 0, 2])), finals


def _language_model(model: Any) -> dict[str, GraphBuilder]:
    graph = GraphBuilder()
    ids = graph.input("ids", "int", ("batch", "steps"))
    states = _input_states(graph, model.stack)
    features, finals = _recurrent(graph, ids, model.embedding, model.stack, "", states)
    if model.projection is not None:
        features = graph.dense(features, np.asarray(model.projection.kernel), None)
    vectors = np.asarray(model.embedding.embeddings) if model.tied else None
    _output_logits(graph, features, model.softmax, vectors)
    _output_states(graph, finals, model.stack)
    return {MODEL: graph}


def _translator(model: Seq2Seq) -> dict[str, GraphBuilder]:
    return {ENCODER: _encoder(model), DECODER: _decoder(model)}


def _encoder(model: Seq2Seq) -> GraphBuilder:
    graph = GraphBuilder()
    ids = graph.input("source", "int", ("batch", "source_steps"))
    mask, lengths = graph.mask(ids)
    keys, finals = _recurrent(graph, ids, model.source_embedding, model.encoder, lengths)
    projected, attention = keys, model.attention
    width = model.encoder.width
    if attention is not None and attention.score != "dot":
        kernel = np.asarray(attention.key_kernel)
        projected = graph.dense(keys, kernel, None)
        width = kernel.shape[1]
    graph.output("keys", keys, "float", ("batch", "source_steps", model.encoder.width))
    graph.output("mask", mask, "bool", ("batch", "source_steps"))
    graph.output("projected", projected, "float", ("batch", "source_steps", width))
    bridge = iter(model.bridge)
    _output_states(
        graph,
        [[_bridge(graph, next(bridge), part) for part in layer] for layer in finals],
        model.decoder,
        "state",
    )
    return graph


def _bridge(graph: GraphBuilder, layer: Any, state: str) -> str:
    """Add one layer between the encoder's final state and the decoder's first."""
    kernel = getattr(layer, "kernel", None)
    if kernel is not None:
        return str(
            graph.add("Tanh", graph.dense(state, np.asarray(kernel), np.asarray(layer.bias)))
        )
    if type(layer).__name__ == "Identity":
        return state
    raise UserError(
        "This model cannot be exported to ONNX: it has 'bridge: zero'. Export it with --format "
        "saved-model."
    )


def _decoder(model: Seq2Seq) -> GraphBuilder:
    """Return one or more steps of the decoder, with attention."""
    graph = GraphBuilder()
    ids = graph.input("target", "int", ("batch", "steps"))
    states = _input_states(graph, model.decoder)
    features, finals = _recurrent(graph, ids, model.target_embedding, model.decoder, "", states)
    weights = ""
    if model.attention is not None:
        context, weights = _attend(graph, model, features)
        features = graph.add("Concat", features, context, axis=2)
    combine = model.combine
    features = graph.dense(features, np.asarray(combine.kernel), np.asarray(combine.bias))
    vectors = np.asarray(model.target_embedding.embeddings) if model.tied else None
    _output_logits(graph, features, model.softmax, vectors)
    _output_states(graph, finals, model.decoder)
    if weights:
        graph.output("attention", weights, "float", ("batch", "steps", "source_steps"))
    return graph


def _attend(graph: GraphBuilder, model: Seq2Seq, query: str) -> tuple[str, str]:
    """Return context (B, T, K) and weights (B, T, S)."""
    attention = model.attention
    assert attention is not None
    width = model.encoder.width
    keys = graph.input("keys", "float", ("batch", "source_steps", width))
    mask = graph.input("mask", "bool", ("batch", "source_steps"))
    inner = width if attention.score == "dot" else int(attention.key_kernel.shape[1])
    projected = graph.input("projected", "float", ("batch", "source_steps", inner))
    if attention.score == "additive":
        queries = graph.dense(query, np.asarray(attention.query_kernel), None)
        hidden = graph.add(
            "Add",
            graph.add("Unsqueeze", queries, graph.integers(2)),
            graph.add("Unsqueeze", projected, graph.integers(1)),
        )
        v = np.asarray(attention.v)[:, None]
        scores = graph.dense(graph.add("Tanh", hidden), v, None)
        scores = graph.add("Squeeze", scores, graph.integers(3))
    else:
        transposed = graph.add("Transpose", projected, perm=[0, 2, 1])
        scores = graph.add("MatMul", query, transposed)
        if attention.score == "scaled":
            scores = graph.add("Mul", scores, graph.constant(np.asarray(attention.scale)))
    real = graph.add("Unsqueeze", mask, graph.integers(1))
    masked = graph.add("Where", real, scores, graph.constant(MASKED))
    weights = graph.add("Softmax", masked, axis=2)
    return graph.add("MatMul", weights, keys), weights


def _input_states(graph: GraphBuilder, stack: Any) -> list[list[str]]:
    """Add the states before the first step as inputs (B, U), and return them as (1, B, U)."""
    states, number = [], 0
    for layer in stack.forwards:
        parts = []
        for _ in range(layer.cell.states):
            name = graph.input(f"state_{number}", "float", ("batch", layer.units))
            parts.append(graph.add("Unsqueeze", name, graph.integers(0)))
            number += 1
        states.append(parts)
    return states


def _output_states(
    graph: GraphBuilder, finals: list[list[str]], stack: Any, prefix: str = "next_state"
) -> None:
    parts = [part for layer in finals for part in layer]
    for number, part in enumerate(parts):
        graph.output(f"{prefix}_{number}", part, "float", ("batch", stack.width))


def _output_logits(
    graph: GraphBuilder, features: str, softmax: Any, embeddings: Weights | None
) -> None:
    kernel = np.asarray(softmax.kernel) if embeddings is None else embeddings.T
    logits = graph.dense(features, kernel, np.asarray(softmax.bias))
    graph.output("logits", logits, "float", ("batch", "steps", kernel.shape[1]))
