"""Sampling of text from a language model, token by token. V vocabulary, N tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.config import params
from pipelines.models.cache import UnigramCache
from pipelines.models.mixture import Mixture
from pipelines.models.ngram import NGram
from pipelines.text.vocabulary import END, PAD, START, UNK

Ids = npt.NDArray[np.int32]
Real = npt.NDArray[np.float64]
Step = Callable[[Ids], Real]  # tokens (N,) -> log probabilities (V,) of the token after them

CHUNK = 256  # tokens of a long beginning that a network reads at once


def make_sampler(model: Any) -> Callable[[], Step]:
    """Return a function that starts a new text.

    It returns the step function of that text: further tokens -> log probabilities of the next. All
    texts share one compiled function, which reads the current weights.
    """
    if isinstance(model, Mixture):
        samplers = {name: make_sampler(part) for name, part in model.components.items()}
        return lambda: _mixture_step(model, {name: start() for name, start in samplers.items()})
    if isinstance(model, NGram):
        return lambda: _counting_step(model, model.order)
    if isinstance(model, UnigramCache):
        return lambda: _counting_step(model, model.window)
    import tensorflow as tf

    compiled = tf.function(lambda ids, states: model(ids, states=states), autograph=False)
    return lambda: _recurrent_step(compiled, model.zero_state(1))


def sample(
    step: Step,
    beginning: Ids,
    samples: params.Samples,
    random: np.random.Generator,
    advance: Callable[[float], None] | None = None,
) -> Ids:
    """Sample the tokens after a beginning.

    Args:
        step: takes the next tokens and returns the log probabilities of the token after them.
        beginning: (N,), N >= 1.
        samples: number of tokens and sampling options.
        random: random number generator.
        advance: called after every sampled token.

    Returns:
        (length,), the sampled tokens.
    """
    tokens = []
    for token in sample_tokens(step, beginning, samples, random):
        tokens.append(token)
        if advance is not None:
            advance(1)
    return np.array(tokens, dtype=np.int32)


def sample_tokens(
    step: Step, beginning: Ids, samples: params.Samples, random: np.random.Generator
) -> Iterator[int]:
    """Yield the tokens after a beginning one by one; see `sample`."""
    last = beginning
    for _ in range(samples.length):
        probabilities = distribution(step(last), samples)
        token = int(random.choice(len(probabilities), p=probabilities))
        yield token
        last = np.array([token], np.int32)


def distribution(log_probabilities: Real, samples: params.Samples) -> Real:
    """Return the probabilities (V,) that the next token is sampled from.

    The temperature divides the logarithms: near 0 the most likely token always wins. Then only the
    `top_k` most likely tokens remain (Fan et al. 2018), and of these the fewest with at least
    `top_p` of their probability (the nucleus of Holtzman et al. 2020). Of equals the lower id
    remains.

    Args:
        log_probabilities: (V,), in nats; a constant added to all of them changes nothing.
        samples: temperature, `top_k` and `top_p`.
    """
    logits = log_probabilities.astype(np.float64)
    logits[[PAD, UNK, START]] = -np.inf  # these tokens stand for no text
    with np.errstate(over="ignore"):  # at a low temperature unlikely tokens overflow to -inf
        probability = np.exp((logits - logits.max()) / samples.temperature)
    probability /= probability.sum()
    top = np.argsort(-probability, kind="stable")[: samples.top_k]
    if samples.top_p is not None:
        cumulative = np.cumsum(probability[top])
        top = top[: np.searchsorted(cumulative, samples.top_p * cumulative[-1]) + 1]
    truncated = np.zeros_like(probability)
    truncated[top] = probability[top]
    return truncated / truncated.sum()


def _mixture_step(model: Mixture, steps: Mapping[str, Step]) -> Step:
    return lambda tokens: model.mix({name: step(tokens) for name, step in steps.items()})


def _counting_step(model: NGram | UnigramCache, length: int) -> Step:
    """Predict from the last tokens, at most `length`."""
    context = deque([END], maxlen=length)

    def step(tokens: Ids) -> Real:
        context.extend(tokens[-length:])
        ids = np.array(context, dtype=np.int32)
        with np.errstate(divide="ignore"):  # most tokens are not in a cache
            return np.log(model.next_probabilities(ids))

    return step


def _recurrent_step(compiled: Any, states: Any) -> Step:
    """Carry the state from step to step."""
    import tensorflow as tf

    _, states = compiled(tf.constant([[END]]), states)

    def step(tokens: Ids) -> Real:
        nonlocal states
        chunks = len(tokens) // CHUNK
        starts = [*range(0, chunks * CHUNK, CHUNK), *range(chunks * CHUNK, len(tokens) + 1)]
        for start, end in pairwise(starts):
            logits, states = compiled(tf.constant(tokens[None, start:end]), states)
        return tf.nn.log_softmax(logits[0, -1]).numpy().astype(np.float64)

    return step
