"""Language modelling: predict each token of a text from all tokens before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.tasks.base import Evaluation, Frames, LengthScore, PredictionScore, Task

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pipelines.inference.predictor import Predictor
    from pipelines.inference.sampling import Step
    from pipelines.models.cache import UnigramCache
    from pipelines.models.mixture import Mixture
    from pipelines.models.ngram import NGram
    from pipelines.models.pretrained import PretrainedWeights
    from pipelines.models.serialization import ModelSpec
    from pipelines.text.encoding import Rows
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.callbacks import Callback
    from pipelines.training.checkpoints import CheckpointManager
    from pipelines.training.datasets import Batch, EpochBatches, TrainingData
    from pipelines.training.objectives import Objective
    from pipelines.training.result import TrainingResult
    from pipelines.training.validation import MakeMetrics
    from pipelines.training.workers import SharedCheckpoints, Workers

# The sample of each epoch. It does not use `corpora.<name>.samples`, which only `evaluate` reads,
# so that a longer sample there does not train a model again.
BEGINNING, LENGTH, TEMPERATURE = 5, 200, 0.8


class LanguageModelling(Task):
    """Predict the next token of a text."""

    name = "language_modelling"
    consecutive_rows = True

    def objective(self, spec: ModelSpec[Any], train: Rows, vocabularies: Vocabularies) -> Objective:
        """Return the loss of the next token."""
        from pipelines.training import objectives

        return objectives.next_token_loss

    def training_data(
        self,
        spec: ModelSpec[Any],
        model: keras.Model,
        frames: Frames,
        vocabularies: Vocabularies,
        seed: int,
        folder: Path | None = None,
    ) -> TrainingData:
        """Cut one contiguous stream into `batch_size` rows; batches carry the state of each row.

        Raises:
            UserError: the text is too short for one batch.
        """
        import tensorflow as tf

        from pipelines.text import batching, encoding
        from pipelines.training import datasets, mapped_ids, unknown_words

        entry: params.LanguageModelConfig = spec.entry
        size, steps, alpha = entry.batch_size, entry.bptt_steps, entry.unknown_replacement
        vocabulary = vocabularies.columns["text"]
        train, valid = (
            mapped_ids.write_rows(
                ([ids] for ids in encoding.iterate_stream(frame, vocabularies)), 1, folder
            ).stream(0)
            for frame in frames
        )
        rows, valid_lengths = _validation_rows(entry, len(valid))
        if len(train) <= size * steps or rows < 1:
            raise UserError(
                f"params.yaml: the corpus '{entry.corpus}' is too short for one batch. Its "
                f"{len(train):,} training tokens must be more than batch_size x bptt_steps = "
                f"{size * steps:,}, and its {len(valid):,} validation tokens more than "
                f"bptt_steps = {steps:,}. Lower batch_size or bptt_steps."
            )

        def step_lengths(epoch: int) -> list[int]:
            if entry.random_bptt_steps:
                return batching.random_steps(len(train), size, steps, seed, epoch)
            return batching.even_steps(len(train), size, steps)

        def read(epoch: int) -> EpochBatches:
            lengths = step_lengths(epoch)
            stream: batching.Stream = train
            if alpha is not None:
                replacement = unknown_words.UnknownReplacement(vocabulary, alpha, seed, epoch)
                stream = unknown_words.ReplacedStream(train, replacement)
            return datasets.EpochBatches(
                len(lengths), lambda: batching.contiguous_batches(stream, size, lengths)
            )

        def learning_rate_scale(batch: Batch) -> float:
            """Scale the rate by the length of the batch (Merity et al. 2017, section 4.1)."""
            return batch[0].shape[1] / steps

        shape = tf.TensorSpec((size, None if entry.random_bptt_steps else steps), tf.int32)
        valid_shape = tf.TensorSpec((rows, steps), tf.int32)
        return datasets.TrainingData(
            train=read,
            valid=datasets.EpochBatches(
                len(valid_lengths), lambda: batching.contiguous_batches(valid, rows, valid_lengths)
            ),
            tokens_per_epoch=size * sum(step_lengths(1)),
            initial_state=model.zero_state(size),
            valid_state=model.zero_state(rows),
            signature=(shape, shape),
            valid_signature=(valid_shape, valid_shape),
            unit=datasets.token_unit(vocabularies),
            learning_rate_scale=learning_rate_scale,
        )

    def train(
        self,
        spec: ModelSpec[Any],
        frames: Frames,
        vocabularies: Vocabularies,
        callbacks: Sequence[Callback] = (),
        checkpoints: CheckpointManager | SharedCheckpoints | None = None,
        pretrained: PretrainedWeights | None = None,
        make_metrics: MakeMetrics | None = None,
        workers: Workers | None = None,
    ) -> TrainingResult:
        """Train a network by truncated backpropagation through time, or fit n-grams.

        With `ngram` or `cache` the model is a mixture. Its network is that of a training without
        them, and the history has the mixture's loss beside the network's. The weights of the
        mixture are fitted on the validation split when the network is trained.
        """
        entry: params.LanguageModelConfig | params.NGramConfig = spec.entry
        common = (spec, frames, vocabularies, callbacks, checkpoints, pretrained)
        if isinstance(entry, params.NGramConfig) or not (entry.ngram or entry.cache):
            return super().train(*common, make_metrics=make_metrics, workers=workers)
        from pipelines.models import serialization
        from pipelines.models.mixture import Mixture
        from pipelines.training import mixtures

        train, valid = (_stream(frame, vocabularies) for frame in frames)
        others = _counted_components(entry, train, valid, vocabularies)
        logs = {name: part.log_probabilities(valid) for name, part in others.items()}

        def make_fit(network: Any, data: TrainingData) -> Callable[[], mixtures.MixtureFit]:
            order = _validation_order(entry, len(valid))
            return mixtures.make_fit(network, data, {name: logs[name][order] for name in logs})

        def make_mixture_metrics(
            model: keras.Model, data: TrainingData
        ) -> Callable[[], Mapping[str, float]]:
            fit = make_fit(model, data)
            return lambda: {"valid_mixture_loss": fit().loss}

        def mixture(network: Any) -> Mixture:
            data = self.training_data(spec, network, frames, vocabularies, spec.seed)
            return Mixture({"network": network, **others}, make_fit(network, data)().weights)

        result = super().train(*common, make_metrics=make_mixture_metrics, workers=workers)
        if workers is not None and not workers.is_first:
            return result  # the first one saves the model
        if isinstance(result.model, serialization.SeedGroup):
            members = [mixture(member) for member in result.model.members]
            return result._replace(model=serialization.SeedGroup(members))
        return result._replace(model=mixture(result.model))

    def fit(
        self, spec: ModelSpec[Any], frames: Frames, vocabularies: Vocabularies
    ) -> tuple[NGram | Mixture, dict[str, float]]:
        """Count n-grams in one pass over the text.

        If the order is chosen by validation, the row has the order and the loss of each candidate.
        The order is chosen before a cache joins the n-grams.
        """
        from pipelines.models import mixture

        entry: params.NGramConfig = spec.entry
        train, valid = (_stream(frame, vocabularies) for frame in frames)
        ngram, losses = _choose_ngram(entry, train, valid, vocabularies)
        row = {
            "tokens": len(train) - 1,
            "train_loss": -ngram.log_probabilities(train).mean(),
            "valid_loss": losses[ngram.order],
        }
        model: NGram | Mixture = ngram
        if entry.cache is not None:
            components: dict[str, Any] = {
                "ngram": ngram,
                "cache": _cache(entry.cache, vocabularies),
            }
            logs = {name: part.log_probabilities(valid) for name, part in components.items()}
            model = mixture.Mixture(components, mixture.fit_weights(logs))
            row["valid_mixture_loss"] = -model.mix(logs).mean()
        if len(losses) > 1:
            row |= {"order": ngram.order}
            row |= {f"order_{order}_valid_loss": loss for order, loss in losses.items()}
        return model, row

    def validation_score(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> PredictionScore | None:
        """Return None: the validation loss chooses the best epoch."""
        return None

    def validation_sample(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> Callable[[Predictor], str] | None:
        """Continue the first five tokens of the validation text, always from the same seed."""
        vocabulary = vocabularies.columns["text"]
        beginning = vocabulary.join(vocabulary.split(valid["text"].iloc[0])[:BEGINNING])
        samples = params.Samples(beginning=beginning, length=LENGTH, temperature=TEMPERATURE)
        return lambda predictor: write(predictor, beginning, samples)

    def predict_prepared(self, predictor: Predictor, texts: Sequence[str]) -> list[str]:
        """Continue each text."""
        return [write(predictor, text) for text in texts]

    def evaluate(self, predictor: Predictor, test: pd.DataFrame) -> Evaluation:
        """Compute the loss of each token; `nats` and `tokens` are those of each line.

        Of a mixture, the losses of the components that are models of their own come with it: a
        cache has no finite loss.
        """
        import numpy as np

        from pipelines.text import encoding

        stream = _stream(test, predictor.vocabularies)
        nats, part_nats = _token_nats(predictor.model, stream)
        rows = encoding.encode_rows(test["text"], predictor.vocabularies.columns["text"])
        lengths = [len(ids) + 1 for ids in rows]
        starts = np.cumsum([0, *lengths[:-1]])
        samples = predictor.samples

        def by_line(nats: npt.NDArray[np.float64]) -> pd.DataFrame:
            return test.assign(tokens=lengths, nats=np.add.reduceat(nats, starts))

        return Evaluation(
            predictions=by_line(nats),
            parts={part: by_line(nats) for part, nats in part_nats.items() if part != "cache"},
            sample=None if samples is None else write(predictor, samples.beginning),
        )

    def length_score(self, spec: ModelSpec[Any]) -> LengthScore:
        """Return the loss per token by the number of tokens."""
        return LengthScore("tokens", "nats per token", _nats_per_token)


TASK = LanguageModelling()


def write(
    predictor: Predictor,
    beginning: str,
    samples: params.Samples | None = None,
    advance: Callable[[float], None] | None = None,
) -> str:
    """Continue a text; the same call always gives the same text.

    Args:
        predictor: a language model.
        beginning: prepared text of at least one token.
        samples: how to continue it; None for the `samples` of the predictor.
        advance: called after each token.

    Returns:
        The beginning and the tokens that the model wrote after it.
    """
    import numpy as np

    from pipelines.inference import sampling
    from pipelines.text.vocabulary import END

    samples = samples or predictor.samples
    if samples is None:
        raise ValueError("A language model needs `samples` to write a text.")
    vocabulary = predictor.vocabularies.columns["text"]
    random = np.random.default_rng(predictor.spec.seed if samples.seed is None else samples.seed)
    step = predictor.cached(_sampler)()
    ids = sampling.sample(step, vocabulary.encode(beginning), samples, random, advance)
    # The end of a line is one token, written as a newline.
    tokens = ["\n" if token == END else vocabulary.tokens[token] for token in ids]
    # The beginning as it was typed: the vocabulary may not have its tokens.
    return vocabulary.join([*vocabulary.split(beginning), *tokens])


def _sampler(predictor: Predictor) -> Callable[[], Step]:
    from pipelines.inference import sampling

    return sampling.make_sampler(predictor.model)


def _stream(frame: Rows, vocabularies: Vocabularies) -> npt.NDArray[np.int32]:
    from pipelines.text import encoding

    return encoding.encode_stream(frame, vocabularies)


def _choose_ngram(
    entry: params.NGramOptions,
    train: npt.NDArray[np.int32],
    valid: npt.NDArray[np.int32],
    vocabularies: Vocabularies,
) -> tuple[NGram, dict[int, float]]:
    """Count n-grams and choose their order by the validation loss.

    Returns:
        The n-gram model, and the validation loss of each candidate order in nats.
    """
    from pipelines.models.ngram import NGram

    size = len(vocabularies.columns["text"])
    highest = NGram.count(train, max(entry.orders), size, entry.smoothing)
    candidates = {order: highest.truncate(order) for order in entry.orders}
    losses = {
        order: float(-model.log_probabilities(valid).mean()) for order, model in candidates.items()
    }
    return candidates[min(losses, key=lambda order: losses[order])], losses


def _counted_components(
    entry: params.LanguageModelConfig,
    train: npt.NDArray[np.int32],
    valid: npt.NDArray[np.int32],
    vocabularies: Vocabularies,
) -> dict[str, Any]:
    """Return the n-gram model and the cache that join a network."""
    components: dict[str, Any] = {}
    if entry.ngram is not None:
        components["ngram"], _ = _choose_ngram(entry.ngram, train, valid, vocabularies)
    if entry.cache is not None:
        components["cache"] = _cache(entry.cache, vocabularies)
    return components


def _cache(entry: params.CacheOptions, vocabularies: Vocabularies) -> UnigramCache:
    from pipelines.models.cache import UnigramCache

    return UnigramCache(entry.window, len(vocabularies.columns["text"]))


def _validation_rows(entry: params.LanguageModelConfig, tokens: int) -> tuple[int, list[int]]:
    """Return the number of rows that a validation stream is cut into, and the steps of each batch.

    A short text is cut into fewer rows, so that there is at least one batch.
    """
    from pipelines.text import batching

    rows = min(entry.batch_size, (tokens - 1) // entry.bptt_steps)
    return rows, batching.even_steps(tokens, rows, entry.bptt_steps) if rows > 0 else []


def _validation_order(entry: params.LanguageModelConfig, tokens: int) -> npt.NDArray[np.int32]:
    """Return the order of the batches: places of their targets in a stream without its first token.

    The batches leave the last tokens of the stream out.
    """
    import numpy as np

    from pipelines.text import batching

    places = np.arange(-1, tokens - 1, dtype=np.int32)
    batches = batching.contiguous_batches(places, *_validation_rows(entry, tokens))
    return np.concatenate([targets.ravel() for _, targets in batches])


def _token_nats(
    model: Any, stream: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.float64]]]:
    """Compute the loss of each token but the first, and that under the components of a mixture."""
    from pipelines.inference import likelihood
    from pipelines.models.mixture import Mixture

    if not isinstance(model, Mixture):
        return likelihood.stream_loss(model, stream), {}
    losses = likelihood.component_losses(model, stream)
    return likelihood.mixture_loss(model, losses), losses


def _nats_per_token(rows: pd.DataFrame) -> float:
    return float(rows["nats"].sum() / rows["tokens"].sum())
