"""Nats of text against those worked out from the logits."""

import numpy as np

from pipelines.inference import likelihood
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.text import encoding as encode


def test_a_stream_is_scored_as_one_text(make, monkeypatch):
    """However the stream is cut into calls, the state is carried over."""
    model = serialization.build(make.entry("language_model"), make.words("language_model"))
    stream = encode.encode_stream(make.frame("language_model"), make.words("language_model"))
    logits, _ = model(stream[None, :-1])
    logs = np.asarray(logits[0], np.float64)
    logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
    expected = -logs[np.arange(len(stream) - 1), stream[1:]]
    monkeypatch.setattr(likelihood, "STEPS", 7)
    np.testing.assert_allclose(likelihood.stream_loss(model, stream), expected, atol=1e-4)


def test_an_ensemble_scores_a_stream_by_the_mean_probability(make):
    words = make.words("language_model")
    models = [serialization.build(make.entry("language_model"), words) for _ in range(3)]
    stream = encode.encode_stream(make.frame("language_model"), words)
    each = [likelihood.stream_loss(model, stream) for model in models]
    assert np.abs(each[0] - each[1]).max() > 1e-3
    expected = -np.log(np.mean([np.exp(-nats) for nats in each], axis=0))
    np.testing.assert_allclose(
        likelihood.stream_loss(Ensemble(models), stream), expected, atol=1e-4
    )


def test_references_are_scored_with_their_end_and_without_padding(make):
    words, frame, card = make.words("seq2seq"), make.frame("seq2seq"), make.card("seq2seq")
    predictor = Predictor(serialization.build(card.entry, words), card, words, None)
    nats, lengths = likelihood.translation_loss(predictor, frame)
    assert lengths.tolist() == [len(text.split(" ")) + 1 for text in frame["target"]]
    for row in (0, 3):
        one, _ = likelihood.translation_loss(predictor, frame.iloc[[row]])
        np.testing.assert_allclose(one[0], nats[row], atol=1e-4)
    source = words.columns["source"].encode(frame["source"][1])[None]
    target = encode.encode_rows(frame["target"], words.columns["target"], ends=True)[1]
    logits = np.asarray(predictor.model(source, target[None, :-1])[0][0], np.float64)
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    assert np.isclose(nats[1], -logits[np.arange(len(logits)), target[1:]].sum(), atol=1e-4)
