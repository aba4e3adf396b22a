"""The unigram cache: relative frequencies of the last tokens, counted one by one."""

import numpy as np
import pytest

from pipelines.models.cache import UnigramCache

STREAM = np.random.default_rng(0).integers(0, 6, 200).astype(np.int32)


@pytest.mark.parametrize("window", [1, 3, 50, 1000])
def test_log_probabilities_are_relative_frequencies_of_the_last_tokens(window):
    model = UnigramCache(window, 6)
    scored = np.exp(model.log_probabilities(STREAM))
    assert scored.shape == (len(STREAM) - 1,)
    for place in range(1, len(STREAM)):
        last = list(STREAM[max(0, place - window) : place])
        assert scored[place - 1] == pytest.approx(last.count(STREAM[place]) / len(last))


@pytest.mark.parametrize("window", [1, 3, 1000])
def test_the_distribution_of_the_next_token_has_the_same_probabilities(window):
    model = UnigramCache(window, 8)
    scored = np.exp(model.log_probabilities(STREAM))
    for place in (1, 2, 5, 150):
        distribution = model.next_probabilities(STREAM[:place])
        assert distribution.shape == (8,)
        assert distribution.sum() == pytest.approx(1)
        assert distribution[STREAM[place]] == pytest.approx(scored[place - 1])


def test_short_streams():
    model = UnigramCache(4, 6)
    assert model.log_probabilities(STREAM[:1]).shape == (0,)
    np.testing.assert_array_equal(model.log_probabilities(np.array([2, 2, 3])), [0, -np.inf])
