"""Text that a language model writes, token by token. V vocabulary, N tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.config import params
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.text.vocabulary import END, PAD, START, UNK

Ids = npt.NDArray[np.int32]
Real = npt.NDArray[np.float64]
Step = Callable[[int], Real]  # a token -> log probabilities (V,) of the next


def make_sampler(model: Any) -> Callable[[], Step]:
    """A language model as a function from each token of a text to what may follow it.

    Each call begins another text; what is compiled is compiled once, and sees the weights of now.
    """
    if isinstance(model, Interpolated):
        parts = [make_sampler(part) for part in (model.network, model.ngram)]
        return lambda: _mixed(model, *(begin() for begin in parts))
    if isinstance(model, NGram):
        return lambda: _ngram_steps(model)
    import tensorflow as tf

    compiled = tf.function(lambda ids, states: model(ids, states=states))
    return lambda: _recurrent_steps(compiled, model.zero_state(1))


def _mixed(model: Interpolated, network: Step, ngram: Step) -> Step:
    return lambda token: model.mix(network(token), ngram(token))


def sample(
    step: Step,
    beginning: Ids,
    samples: params.Samples,
    random: np.random.Generator,
    advance: Callable[[float], None] | None = None,
) -> Ids:
    """Draw tokens after a beginning.

    Args:
        step: takes the next token and gives the log probabilities of the one after it.
        beginning: (N,), N >= 1.
        samples: how many tokens, and from what they are drawn.
        random: where chance comes from.
        advance: told of every token drawn.

    Returns:
        (length,), what was drawn.
    """
    for token in beginning[:-1]:
        step(int(token))
    last, drawn = int(beginning[-1]), []
    for _ in range(samples.length):
        probability = distribution(step(last), samples)
        last = int(random.choice(len(probability), p=probability))
        drawn.append(last)
        if advance is not None:
            advance(1)
    return np.array(drawn, dtype=np.int32)


def distribution(log_probabilities: Real, samples: params.Samples) -> Real:
    """What the next token is drawn from, (V,); it sums to 1.

    The temperature divides the logarithms: near 0 the likeliest token always wins. Then only the
    `top_k` likeliest tokens stay (Fan et al. 2018), and of these the fewest that together have at
    least the share `top_p` (the nucleus of Holtzman et al. 2020). Of equals the lower id stays.

    Args:
        log_probabilities: (V,), nats below 0; a constant added to all changes nothing.
        samples: temperature, `top_k` and `top_p`.
    """
    logits = log_probabilities.astype(np.float64)
    logits[[PAD, UNK, START]] = -np.inf  # what stands for no text is never drawn
    with np.errstate(over="ignore"):  # near 0 the unlikely end at minus infinity, as they should
        probability = np.exp((logits - logits.max()) / samples.temperature)
    probability /= probability.sum()
    kept = np.argsort(-probability, kind="stable")[: samples.top_k]
    if samples.top_p is not None:
        together = np.cumsum(probability[kept])
        kept = kept[: np.searchsorted(together, samples.top_p * together[-1]) + 1]
    narrowed = np.zeros_like(probability)
    narrowed[kept] = probability[kept]
    return narrowed / narrowed.sum()


def _ngram_steps(model: NGram) -> Step:
    past = [END]

    def step(token: int) -> Real:
        past.append(token)
        return np.log(model.next_probabilities(np.array(past[-model.order :], dtype=np.int32)))

    return step


def _recurrent_steps(compiled: Any, states: Any) -> Step:
    """The state is carried from one step to the next."""
    import tensorflow as tf

    _, states = compiled(tf.constant([[END]]), states)

    def step(token: int) -> Real:
        nonlocal states
        logits, states = compiled(tf.constant([[token]]), states)
        return tf.nn.log_softmax(logits[0, 0]).numpy().astype(np.float64)

    return step
