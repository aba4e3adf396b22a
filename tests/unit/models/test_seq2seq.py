"""The encoder-decoder: decoding step by step equals decoding all steps at once."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.models import serialization

ALL_AT_ONCE = [
    {"attention": "none", "cell": "gru"},
    {"attention": "additive", "layers": 2, "residual": True},
    {"attention": "dot", "bidirectional": False, "bridge": "copy"},
    {"attention": "general", "tied_embeddings": "target", "cell": "irnn"},
    {"attention": "scaled", "bridge": "zero"},
    {"attention": "coverage", "layers": 2},
]
STEP_BY_STEP = [
    {"attention": "additive", "input_feeding": True, "layers": 2},
    {"attention": "dot", "input_feeding": True, "bidirectional": False, "cell": "rnn"},
    {"attention": "general", "input_feeding": True, "layers": 3, "residual": True},
    {"attention": "scaled", "input_feeding": True, "bridge": "zero", "tied_embeddings": "all"},
    {"attention": "coverage", "input_feeding": True, "cell": "gru", "layers": 2},
]
KINDS = ALL_AT_ONCE + STEP_BY_STEP
SOURCE = tf.constant([[4, 5, 6, 7, 4], [7, 6, 0, 0, 0], [5, 5, 4, 0, 0]])
TARGET = tf.constant([[2, 5, 4, 7, 6, 4], [2, 4, 7, 5, 5, 6], [2, 6, 6, 4, 5, 7]])


def _name(changes):
    suffix = "-input-feeding" if changes.get("input_feeding") else ""
    return changes["attention"] + suffix


def _build(make, **changes):
    """Build a model with random weights, of which none is zero."""
    network = serialization.build(make.config("seq2seq", **changes), make.vocabularies("seq2seq"))
    random = np.random.default_rng(1)
    network.set_weights([random.normal(0, 0.3, part.shape) for part in network.get_weights()])
    return network


def _flat(states):
    return [state.numpy() for state in tf.nest.flatten(states)]


def _assert_close(states, expected, atol):
    for state, expected_state in zip(_flat(states), _flat(expected), strict=True):
        np.testing.assert_allclose(state, expected_state, atol=atol)


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_decoding_step_by_step_equals_decoding_all_steps_at_once(make, changes):
    network = _build(make, **changes)
    memory, states = network.encode(SOURCE)
    logits, last_states, weights = network.decode(TARGET, states, memory)
    assert logits.dtype == tf.float32
    assert logits.shape == (3, 6, len(make.vocabularies("seq2seq").columns["target"]))
    assert weights.shape == (3, 6, 5)
    for t in range(6):
        step_logits, states, step_weights = network.decode(TARGET[:, t : t + 1], states, memory)
        np.testing.assert_allclose(step_logits[:, 0], logits[:, t], atol=1e-5)
        np.testing.assert_allclose(step_weights[:, 0], weights[:, t], atol=1e-5)
    _assert_close(states, last_states, 1e-5)


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_padding_of_the_source_changes_nothing(make, changes):
    network = _build(make, **changes)
    short, padded = tf.constant([[5, 5, 4]]), tf.constant([[5, 5, 4, 0, 0]])
    memory, states = network.encode(short)
    padded_memory, padded_states = network.encode(padded)
    np.testing.assert_allclose(padded_memory.keys[:, :3], memory.keys, atol=1e-6)
    assert padded_memory.mask.numpy().tolist() == [[True] * 3 + [False] * 2]
    _assert_close(padded_states.layers, states.layers, 1e-6)
    logits, _, weights = network.decode(TARGET[:1], states, memory)
    padded_logits, _, padded_weights = network.decode(TARGET[:1], padded_states, padded_memory)
    np.testing.assert_allclose(padded_logits, logits, atol=1e-5)
    np.testing.assert_allclose(padded_weights[:, :, :3], weights, atol=1e-5)
    assert not np.any(padded_weights[:, :, 3:])


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_memory_and_states_can_be_gathered_along_the_batch(make, changes):
    """Beam search does that: the batch is the first axis of every tensor."""
    network = _build(make, **changes)
    memory, states = network.encode(SOURCE)
    _, states, _ = network.decode(TARGET[:, :2], states, memory)
    rows = tf.constant([2, 0, 0])
    gathered_memory, gathered_states = tf.nest.map_structure(
        lambda tensor: tf.gather(tensor, rows), (memory, states)
    )
    logits, *_ = network.decode(TARGET[:, 2:3], states, memory)
    gathered_target = tf.gather(TARGET[:, 2:3], rows)
    gathered_logits, *_ = network.decode(gathered_target, gathered_states, gathered_memory)
    np.testing.assert_allclose(gathered_logits, tf.gather(logits, rows), atol=1e-5)


def _count_loops(graph, kind):
    """Count the while loops of a graph, and those that contain an operation of this kind."""
    fields = {field.name: value for field, value in graph.as_graph_def().ListFields()}
    functions = {function.signature.name: function for function in fields["library"].function}
    loops = [op for op in graph.get_operations() if op.type in ("While", "StatelessWhile")]
    bodies = [functions[op.get_attr("body").name] for op in loops]
    return len(loops), sum(any(node.op == kind for node in body.node_def) for body in bodies)


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_attention_is_computed_outside_of_loops_if_possible(make, changes):
    network = _build(make, **changes)
    memory, states = network.encode(SOURCE)
    graph = tf.function(network.decode).get_concrete_function(TARGET, states, memory).graph
    loops, attention_loops = _count_loops(graph, "Softmax")
    needs_loop = bool(changes.get("input_feeding")) or changes["attention"] == "coverage"
    assert attention_loops == needs_loop
    # One loop per recurrent layer, and one more if attention needs a loop of its own.
    recurrent = 1 if changes.get("input_feeding") else changes.get("layers", 1)
    assert loops == recurrent + (changes == {"attention": "coverage", "layers": 2})


def test_input_feeding_passes_the_attention_output_to_the_next_step(make):
    network = _build(make, attention="general", input_feeding=True)
    memory, states = network.encode(SOURCE)
    logits, next_states, _ = network.decode(TARGET[:, :1], states, memory)
    np.testing.assert_allclose(network.softmax(next_states.input_feed[:, None]), logits, atol=1e-5)
    other, _, _ = network.decode(
        TARGET[:, :1], states._replace(input_feed=states.input_feed + 1), memory
    )
    assert np.abs(logits - other).max() > 1e-2


def test_coverage_adds_up_the_weights_of_all_steps(make):
    for input_feeding in (None, True):
        network = _build(make, attention="coverage", input_feeding=input_feeding)
        memory, states = network.encode(SOURCE)
        assert not np.any(states.coverage)
        _, states, weights = network.decode(TARGET, states, memory)
        np.testing.assert_allclose(states.coverage, tf.reduce_sum(weights, axis=1), atol=1e-5)


def test_bridges(make):
    _, states = _build(make, bridge="zero").encode(SOURCE)
    assert not np.any(_flat(states.layers))
    network = _build(make, bridge="copy", bidirectional=False, layers=2, cell="gru")
    _, states = network.encode(SOURCE)
    embedded = network.source_embedding(SOURCE)
    _, expected = network.encoder(embedded, mask=tf.not_equal(SOURCE, 0))
    _assert_close(states.layers, expected, 0)
    _, states = _build(make, bridge="dense").encode(SOURCE)
    assert all(np.any(state) and np.abs(state).max() < 1 for state in _flat(states.layers))


def test_tied_embeddings_share_one_matrix(make):
    vocabularies = make.vocabularies("seq2seq")
    size, width = len(vocabularies.columns["target"]), 16

    def count_matrices(tied):
        network = serialization.build(make.config("seq2seq", tied_embeddings=tied), vocabularies)
        shapes = [weight.shape for weight in network.trainable_variables]
        return shapes.count((size, width)) + shapes.count((width, size))

    assert [count_matrices(tied) for tied in (None, "target", "all")] == [3, 2, 1]


def test_a_tied_output_layer_uses_the_target_embedding(make):
    network = _build(make, tied_embeddings="target")
    logits = network(SOURCE, TARGET)[0]
    vectors = network.target_embedding.get_weights()[0]
    vectors[3] += 1.0  # `</s>`, which is in no target of this test
    network.target_embedding.set_weights([vectors])
    changed = np.abs(network(SOURCE, TARGET)[0] - logits).max(axis=(0, 1)) > 1e-6
    assert np.flatnonzero(changed).tolist() == [3]


DROPOUTS = ["dropout", "input_dropout", "output_dropout", "word_dropout", "weight_drop"]


def test_dropout_acts_in_training_only_if_decoded_step_by_step(make):
    """Without input feeding the decoder uses the stack that the language model tests."""
    without_dropout = _build(make, input_feeding=True, layers=2)
    expected = without_dropout(SOURCE, TARGET)[0]
    for changes in DROPOUTS:
        network = _build(make, input_feeding=True, layers=2, **{changes: 0.5})
        np.testing.assert_array_equal(network(SOURCE, TARGET)[0], expected)
        assert np.abs(network(SOURCE, TARGET, training=True)[0] - expected).max() > 1e-3
