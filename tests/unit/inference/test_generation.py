"""Drawing text from next-token distributions."""

import numpy as np
import pytest

from pipelines.inference import generation
from pipelines.inference.predictor import Predictor
from pipelines.models import saved
from pipelines.models.ngram import NGram
from pipelines.params import Samples
from pipelines.text import ids as encode
from pipelines.text.vocabulary import END, UNK


def _always(*shares):
    return lambda token: np.log(np.array(shares))


def test_temperature_sharpens_and_flattens():
    start = np.array([4], np.int32)
    shares = (0.0001, 0.0001, 0.0001, 0.0997, 0.6, 0.3)

    def share_of_best(temperature):
        random = np.random.default_rng(0)
        drawn = generation.write(_always(*shares), start, 3000, temperature, random)[1:]
        return np.mean(drawn == 4)

    assert share_of_best(1.0) == pytest.approx(0.6, abs=0.04)
    assert share_of_best(0.05) == 1.0
    assert share_of_best(50.0) == pytest.approx(1 / 3, abs=0.05)


def test_what_stands_for_no_text_is_never_drawn():
    shares = (0.3, 0.3, 0.3, 0.05, 0.05)
    drawn = generation.write(
        _always(*shares), np.array([4], np.int32), 500, 1.0, np.random.default_rng(0)
    )
    assert set(drawn) == {END, 4}


def test_a_recurrent_model_steps_as_it_scores(make):
    """One token at a time with the state carried is the same as the whole text at once."""
    model = saved.build(make.entry("language_model"), make.words("language_model"))
    tokens = np.array([5, 6, 7, 5, 8], np.int32)
    whole, _ = model(np.concatenate([[END], tokens])[None])
    step = generation.recurrent_steps(model)
    logits = np.stack([step(int(token)) for token in tokens])
    expected = np.asarray(whole[0, 1:], np.float64)
    expected -= np.logaddexp.reduce(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_same_text_at_every_call(make):
    words, card = make.words("ngram"), make.card("ngram")
    stream = encode.stream(make.frame("ngram"), words, "characters")
    model = NGram.count(stream, 3, len(words.columns["text"]))
    samples = Samples(beginning="to", length=40, temperature=1.0)
    predictor = Predictor(model, card, words, samples)
    text = predictor.write("to")
    assert text == predictor.write("to")
    assert text.startswith("to")
    assert len(text) == 42
    assert set(text) <= set("to be or not that is the question\n")
    assert UNK not in encode.rows([text.replace("\n", "")], words.columns["text"], "characters")[0]


def test_a_beginning_of_unknown_characters_stays_as_it_was_typed(make):
    words, card = make.words("ngram"), make.card("ngram")
    model = NGram.count(encode.stream(make.frame("ngram"), words, "characters"), 3, 20)
    samples = Samples(beginning="to", length=5, temperature=1.0)
    assert Predictor(model, card, words, samples).write("ß☃").startswith("ß☃")
