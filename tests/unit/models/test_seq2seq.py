"""The encoder-decoder: step by step it is what it is all at once, whatever attention it has."""

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
    fed = "-fed" if changes.get("input_feeding") else ""
    return changes["attention"] + fed


def _build(make, **changes):
    """A model none of whose weights is 0 or as at the start."""
    network = serialization.build(make.entry("seq2seq", **changes), make.words("seq2seq"))
    random = np.random.default_rng(1)
    network.set_weights([random.normal(0, 0.3, part.shape) for part in network.get_weights()])
    return network


def _flat(states):
    return [part.numpy() for part in tf.nest.flatten(states)]


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_one_step_at_a_time_is_all_steps_at_once(make, changes):
    network = _build(make, **changes)
    memory, states = network.encode(SOURCE)
    logits, after, weights = network.decode(TARGET, states, memory)
    assert logits.dtype == tf.float32
    assert logits.shape == (3, 6, len(make.words("seq2seq").columns["target"]))
    assert weights.shape == (3, 6, 5)
    for t in range(6):
        one, states, attended = network.decode(TARGET[:, t : t + 1], states, memory)
        np.testing.assert_allclose(one[:, 0], logits[:, t], atol=1e-5)
        np.testing.assert_allclose(attended[:, 0], weights[:, t], atol=1e-5)
    for mine, theirs in zip(_flat(states), _flat(after), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_padding_of_the_source_changes_nothing(make, changes):
    network = _build(make, **changes)
    short, padded = tf.constant([[5, 5, 4]]), tf.constant([[5, 5, 4, 0, 0]])
    (memory, states), (long, long_states) = network.encode(short), network.encode(padded)
    np.testing.assert_allclose(long.keys[:, :3], memory.keys, atol=1e-6)
    assert long.mask.numpy().tolist() == [[True] * 3 + [False] * 2]
    for mine, theirs in zip(_flat(long_states.layers), _flat(states.layers), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    logits, _, weights = network.decode(TARGET[:1], states, memory)
    same, _, as_well = network.decode(TARGET[:1], long_states, long)
    np.testing.assert_allclose(same, logits, atol=1e-5)
    np.testing.assert_allclose(as_well[:, :, :3], weights, atol=1e-5)
    assert not np.any(as_well[:, :, 3:])


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_memory_and_states_can_be_gathered_along_the_batch(make, changes):
    """As a beam does: every part of both begins with the batch."""
    network = _build(make, **changes)
    memory, states = network.encode(SOURCE)
    _, states, _ = network.decode(TARGET[:, :2], states, memory)
    rows = tf.constant([2, 0, 0])
    turned = tf.nest.map_structure(lambda part: tf.gather(part, rows), (memory, states))
    logits, *_ = network.decode(TARGET[:, 2:3], states, memory)
    found, *_ = network.decode(tf.gather(TARGET[:, 2:3], rows), turned[1], turned[0])
    np.testing.assert_allclose(found, tf.gather(logits, rows), atol=1e-5)


def _loops_with(graph, kind):
    """How many while loops of a graph have an operation of this kind inside."""
    parts = {field.name: part for field, part in graph.as_graph_def().ListFields()}
    functions = {one.signature.name: one for one in parts["library"].function}
    loops = [op for op in graph.get_operations() if op.type in ("While", "StatelessWhile")]
    bodies = [functions[op.get_attr("body").name] for op in loops]
    return len(loops), sum(any(node.op == kind for node in body.node_def) for body in bodies)


@pytest.mark.parametrize("changes", KINDS, ids=_name)
def test_attention_is_in_no_loop_unless_it_must_be(make, changes):
    network = _build(make, **changes)
    memory, states = network.encode(SOURCE)
    graph = tf.function(network.decode).get_concrete_function(TARGET, states, memory).graph
    loops, attending = _loops_with(graph, "Softmax")
    must = bool(changes.get("input_feeding")) or changes["attention"] == "coverage"
    assert attending == must
    # One for each recurrent layer, and one more if attention is not part of it.
    recurrent = 1 if changes.get("input_feeding") else changes.get("layers", 1)
    assert loops == recurrent + (changes == {"attention": "coverage", "layers": 2})


def test_what_was_attended_to_is_fed_to_the_next_step(make):
    network = _build(make, attention="general", input_feeding=True)
    memory, states = network.encode(SOURCE)
    logits, after, _ = network.decode(TARGET[:, :1], states, memory)
    np.testing.assert_allclose(network.softmax(after.input_feed[:, None]), logits, atol=1e-5)
    other, _, _ = network.decode(
        TARGET[:, :1], states._replace(input_feed=states.input_feed + 1), memory
    )
    assert np.abs(logits - other).max() > 1e-2


def test_coverage_adds_up_the_weights_of_all_steps(make):
    for fed in (None, True):
        network = _build(make, attention="coverage", input_feeding=fed)
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
    for mine, theirs in zip(_flat(states.layers), _flat(expected), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    _, states = _build(make, bridge="dense").encode(SOURCE)
    assert all(np.any(part) and np.abs(part).max() < 1 for part in _flat(states.layers))


def test_tied_weights_are_one(make):
    words = make.words("seq2seq")
    size, width = len(words.columns["target"]), 16

    def embeddings(tied):
        network = serialization.build(make.entry("seq2seq", tied_embeddings=tied), words)
        shapes = [weight.shape for weight in network.trainable_variables]
        return shapes.count((size, width)) + shapes.count((width, size))

    assert [embeddings(tied) for tied in (None, "target", "all")] == [3, 2, 1]


def test_a_tied_softmax_reads_the_target_embedding(make):
    network = _build(make, tied_embeddings="target")
    before = network(SOURCE, TARGET)[0]
    vectors = network.target_embedding.get_weights()[0]
    vectors[3] += 1.0  # `</s>`, which no target here reads
    network.target_embedding.set_weights([vectors])
    moved = np.abs(network(SOURCE, TARGET)[0] - before).max(axis=(0, 1)) > 1e-6
    assert moved.tolist() == [at == 3 for at in range(len(moved))]


DROPS = ["dropout", "input_dropout", "output_dropout", "word_dropout", "weight_drop"]


def test_what_drops_in_training_step_by_step(make):
    """All at once it is the stack of the language model, whose tests see to it."""
    plain = _build(make, input_feeding=True, layers=2)
    still = plain(SOURCE, TARGET)[0]
    for changes in DROPS:
        network = _build(make, input_feeding=True, layers=2, **{changes: 0.5})
        np.testing.assert_array_equal(network(SOURCE, TARGET)[0], still)
        assert np.abs(network(SOURCE, TARGET, training=True)[0] - still).max() > 1e-3
