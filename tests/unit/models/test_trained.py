"""Every kind of model with a gradient: it learns, repeatably; padding and saving change nothing."""

import numpy as np
import pytest
import tensorflow as tf

from pipelines.errors import Refusal
from pipelines.inference.predictor import Predictor
from pipelines.models import saved
from pipelines.text import vocabulary
from pipelines.training import data, learn, loop, objectives

KINDS = {
    "bag_of_words": (learn.classifier, {}),
    "perceptron": (learn.classifier, {"hidden": ()}),
    "language_model": (learn.language_model, {}),
    "language_model-rnn": (learn.language_model, {"cell": "rnn"}),
    "classifier": (learn.classifier, {}),
    "classifier-rnn": (learn.classifier, {"cell": "rnn", "bidirectional": False}),
    "classifier-gru": (learn.classifier, {"cell": "gru", "layers": 2}),
    "seq2seq": (learn.seq2seq, {}),
    "seq2seq-additive": (learn.seq2seq, {"attention": "additive", "layers": 2}),
    "seq2seq-dot": (learn.seq2seq, {"attention": "dot", "bidirectional": False, "cell": "gru"}),
    "seq2seq-none": (learn.seq2seq, {"attention": "none", "bidirectional": False}),
}


def _model_of(kind):
    return "bag_of_words" if kind == "perceptron" else kind.partition("-")[0]


def _train(make, kind, epochs, seed=1, **changes):
    train, own = KINDS[kind]
    model = _model_of(kind)
    card = make.card(model, seed=seed, epochs=epochs, **own, **changes)
    frame = make.frame(model)
    rows = []
    trained, history = train(card, (frame, frame), make.words(model), rows.append)
    assert len(rows) == len(history) == epochs
    return trained, history, card


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_is_learnt_by_heart(make, kind):
    epochs = 120 if "rnn" not in kind and "none" not in kind else 250
    epochs = 600 if kind == "perceptron" else epochs
    model = _model_of(kind)
    _, history, _ = _train(make, kind, epochs=30 if model == "language_model" else epochs)
    bound = 0.6 if model == "language_model" else 0.1
    assert history["valid_loss"].iloc[0] > 2 * bound
    assert history["valid_loss"].min() < bound


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_gets_a_gradient(make, kind):
    _, own = KINDS[kind]
    model = _model_of(kind)
    card = make.card(model, **own)
    words, frame = make.words(model), make.frame(model)
    network = saved.build(card.entry, words)
    if model == "language_model":
        batches = data.language_model(card.entry, network, (frame, frame), words, card.tokens)
        objective = objectives.next_token
    elif model == "seq2seq":
        batches = data.seq2seq(card.entry, (frame, frame), words, card.tokens, 1)
        objective = objectives.translation
    else:
        batches = data.classifier(card.entry, (frame, frame), words, card.tokens, 1)
        objective = objectives.label
    batch = tf.nest.map_structure(tf.convert_to_tensor, next(iter(batches.train(1))))
    # From a state that is not zero: a zero one gives the recurrent kernel's first step nothing.
    states = tf.nest.map_structure(lambda state: state + 0.1, batches.state)
    with tf.GradientTape() as tape:
        nats, _, _ = objective(network, batch, states, True)
    gradients = tape.gradient(nats, network.trainable_variables)
    silent = [
        variable.path
        for variable, gradient in zip(network.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(tf.convert_to_tensor(gradient))
    ]
    assert silent == []


@pytest.mark.parametrize("kind", ["bag_of_words", "language_model", "classifier", "seq2seq"])
def test_one_seed_gives_the_same_bytes_and_another_does_not(make, kind, tmp_path):
    words = tmp_path / "words.json"
    vocabulary.save(make.words(kind), words)

    def weights(seed, folder):
        # Dropout too must follow from the seed.
        trained, _, card = _train(make, kind, 2, seed, dropout=0.3)
        saved.save(trained, card, words, tmp_path / folder)
        return (tmp_path / folder / saved.WEIGHTS).read_bytes()

    first = weights(1, "a")
    assert weights(1, "b") == first
    assert weights(2, "c") != first


@pytest.mark.parametrize("kind", ["bag_of_words", "language_model", "classifier", "seq2seq"])
def test_saved_and_loaded_predicts_the_same(make, kind, tmp_path):
    trained, _, card = _train(make, kind, 2)
    words = tmp_path / "words.json"
    vocabulary.save(make.words(kind), words)
    saved.save(trained, card, words, tmp_path / "model")
    loaded, loaded_card, _ = saved.load(tmp_path / "model", words)
    assert loaded_card == card
    for mine, theirs in zip(loaded.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    ids = tf.constant([[4, 5, 6], [5, 4, 0]])
    arguments = (ids, ids) if kind == "seq2seq" else (ids,)
    before, after = trained(*arguments), loaded(*arguments)
    before, after = (x[0] if isinstance(x, tuple) else x for x in (before, after))
    np.testing.assert_array_equal(before, after)


def test_a_model_of_another_vocabulary_is_refused(make, tmp_path):
    trained, _, card = _train(make, "classifier", 1)
    words = tmp_path / "words.json"
    vocabulary.save(make.words("classifier"), words)
    saved.save(trained, card, words, tmp_path / "model")
    vocabulary.save(make.words("seq2seq"), words)
    with pytest.raises(Refusal, match="another vocabulary"):
        saved.load(tmp_path / "model", words)
    with pytest.raises(Refusal, match="no model in"):
        saved.load(tmp_path / "none", words)


@pytest.mark.parametrize("kind", ["bag_of_words", "classifier", "seq2seq"])
def test_padding_changes_no_logit(make, kind):
    network = saved.build(make.entry(kind), make.words(kind))
    ids = tf.constant([[4, 5, 6]])
    padded = tf.constant([[4, 5, 6, 0, 0]])
    if kind == "seq2seq":
        np.testing.assert_allclose(network(padded, ids)[0], network(ids, ids)[0], atol=1e-5)
    else:
        np.testing.assert_allclose(network(padded), network(ids), atol=1e-5)


def test_word_order_is_seen_by_the_lstm_and_not_by_the_bag(make):
    one, other = tf.constant([[4, 5, 6]]), tf.constant([[6, 5, 4]])
    bag = saved.build(make.entry("bag_of_words"), make.words("bag_of_words"))
    np.testing.assert_allclose(bag(one), bag(other), atol=1e-6)
    lstm = saved.build(make.entry("classifier"), make.words("classifier"))
    assert np.abs(lstm(one) - lstm(other)).max() > 1e-4


def test_the_softmax_starts_at_the_log_frequencies(make):
    words = make.words("language_model")
    network = saved.build(make.entry("language_model"), words)
    expected = words.columns["text"].log_frequencies()
    np.testing.assert_allclose(network.softmax.bias, expected)
    assert np.exp(expected).sum() == pytest.approx(1, abs=1e-5)


def test_the_best_epoch_is_kept_and_not_the_last(make):
    """Validation on another text rises again while the training text is learnt by heart."""
    card = make.card(
        "language_model", epochs=25, optimizer={"rate": 0.03, "decay": "constant", "clip_norm": 1.0}
    )
    train = make.frame("language_model")
    valid = train.assign(text=train["text"].str[::-1])
    words = make.words("language_model")
    trained, history = learn.language_model(card, (train, valid), words, lambda row: None)
    assert history["valid_loss"].iloc[-1] > history["valid_loss"].min() + 0.1
    batches = data.language_model(card.entry, trained, (train, valid), words, card.tokens)
    nats, count, states = 0.0, 0.0, batches.valid_state
    for batch in batches.valid():
        batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
        one, many, states = objectives.next_token(trained, batch, states, False)
        nats, count = nats + float(one), count + float(many)
    assert nats / count == pytest.approx(history["valid_loss"].min(), rel=1e-5)


def test_too_short_a_text_for_one_batch_is_refused(make):
    entry = make.entry("language_model", batch_size=64, steps=64)
    words, frame = make.words("language_model"), make.frame("language_model")
    network = saved.build(entry, words)
    with pytest.raises(Refusal, match=r"batch_size x steps = 4,096 of the former and steps = 64"):
        data.language_model(entry, network, (frame, frame), words, "characters")


def test_batches_announced_are_batches_given(make):
    for kind in ("classifier", "seq2seq"):
        build = {"classifier": data.classifier, "seq2seq": data.seq2seq}[kind]
        frame = make.frame(kind)
        entry = make.entry(kind, batch_size=3)
        found = build(entry, (frame, frame), make.words(kind), "words", 1)
        assert isinstance(found, loop.Data)
        assert len(list(found.train(1))) == found.batches
        text = frame["target" if kind == "seq2seq" else "text"].str.split(" ").str.len()
        assert found.tokens == text.sum() + (len(frame) if kind == "seq2seq" else 0)


def test_the_predictor_answers_in_words(make):
    trained, _, card = _train(make, "seq2seq", 120)
    predictor = Predictor(trained, card, make.words("seq2seq"), None)
    assert predictor.predict(["a b c d", "B  c"]) == ["d c b a", "c b"]
    with pytest.raises(Refusal, match="Text 2 is empty"):
        predictor.predict(["a", "  "])


def test_a_training_that_diverges_is_refused(make):
    """A rate that no clipping saves: the weights are no finite numbers after some steps."""
    optimizer = {"rate": 1e38, "decay": "constant", "clip_norm": 1e30}
    with pytest.raises(Refusal, match=r"Lower optimizer\.rate"):
        _train(make, "seq2seq", 5, optimizer=optimizer)


def test_a_short_validation_text_is_enough(make):
    """Training fills its batch; validation is read in as many rows as it has."""
    words, frame = make.words("language_model"), make.frame("language_model")
    card = make.card("language_model", batch_size=4, steps=20, epochs=1)
    trained, history = learn.language_model(card, (frame, frame.iloc[:3]), words, lambda row: None)
    found = data.language_model(card.entry, trained, (frame, frame.iloc[:3]), words, card.tokens)
    inputs, _ = next(iter(found.valid()))
    assert inputs.shape == (2, 20)
    assert np.isfinite(history["valid_loss"]).all()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.json", b"{}"),
        ("model.json", b"no json"),
        ("model.json", None),
        (saved.WEIGHTS, b"\x89HDF"),
        (saved.WEIGHTS, None),
    ],
)
def test_a_damaged_model_is_refused(make, tmp_path, file, content):
    words = tmp_path / "words.json"
    vocabulary.save(make.words("classifier"), words)
    card = make.card("classifier")
    saved.save(saved.build(card.entry, make.words("classifier")), card, words, tmp_path / "model")
    if content is None:
        (tmp_path / "model" / file).unlink()
    else:
        (tmp_path / "model" / file).write_bytes(content)
    with pytest.raises(Refusal, match=r"train (the model|it)"):
        saved.load(tmp_path / "model", words)


def test_weights_of_another_shape_are_refused(make, tmp_path):
    words = tmp_path / "words.json"
    vocabulary.save(make.words("classifier"), words)
    for units in (8, 9):
        card = make.card("classifier", units=units)
        network = saved.build(card.entry, make.words("classifier"))
        saved.save(network, card, words, tmp_path / str(units))
    weights = (tmp_path / "8" / saved.WEIGHTS).read_bytes()
    (tmp_path / "9" / saved.WEIGHTS).write_bytes(weights)
    with pytest.raises(Refusal, match="damaged"):
        saved.load(tmp_path / "9", words)
