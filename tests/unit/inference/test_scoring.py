"""Nats of text against those worked out from the logits."""

import numpy as np

from pipelines.inference import scoring
from pipelines.inference.predictor import Predictor
from pipelines.models import saved
from pipelines.models.ensemble import Ensemble
from pipelines.text import ids as encode


def test_a_stream_is_scored_as_one_text(make, monkeypatch):
    """However the stream is cut into calls, the state is carried over."""
    model = saved.build(make.entry("language_model"), make.words("language_model"))
    stream = encode.stream(make.frame("language_model"), make.words("language_model"))
    logits, _ = model(stream[None, :-1])
    logs = np.asarray(logits[0], np.float64)
    logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
    expected = -logs[np.arange(len(stream) - 1), stream[1:]]
    monkeypatch.setattr(scoring, "STEPS", 7)
    np.testing.assert_allclose(scoring.stream_nats(model, stream), expected, atol=1e-4)


def test_an_ensemble_scores_a_stream_by_the_mean_probability(make):
    words = make.words("language_model")
    models = [saved.build(make.entry("language_model"), words) for _ in range(3)]
    stream = encode.stream(make.frame("language_model"), words)
    each = [scoring.stream_nats(model, stream) for model in models]
    assert np.abs(each[0] - each[1]).max() > 1e-3
    expected = -np.log(np.mean([np.exp(-nats) for nats in each], axis=0))
    np.testing.assert_allclose(scoring.stream_nats(Ensemble(models), stream), expected, atol=1e-4)


def test_references_are_scored_with_their_end_and_without_padding(make):
    words, frame, card = make.words("seq2seq"), make.frame("seq2seq"), make.card("seq2seq")
    predictor = Predictor(saved.build(card.entry, words), card, words, None)
    nats, lengths = scoring.translation_nats(predictor, frame)
    assert lengths.tolist() == [len(text.split(" ")) + 1 for text in frame["target"]]
    for row in (0, 3):
        one, _ = scoring.translation_nats(predictor, frame.iloc[[row]])
        np.testing.assert_allclose(one[0], nats[row], atol=1e-4)
    source = words.columns["source"].encode(frame["source"][1])[None]
    target = encode.rows(frame["target"], words.columns["target"], ends=True)[1]
    logits = np.asarray(predictor.model(source, target[None, :-1])[0][0], np.float64)
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    assert np.isclose(nats[1], -logits[np.arange(len(logits)), target[1:]].sum(), atol=1e-4)
