"""Translation: predict a target text from a source text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.tasks.base import (
    NATS,
    Evaluation,
    Frames,
    ItemScore,
    LengthScore,
    PredictionScore,
    Task,
)

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from pipelines.inference.decoding import Decoder, Hypothesis
    from pipelines.inference.predictor import Predictor
    from pipelines.models.serialization import ModelSpec
    from pipelines.text.encoding import Rows
    from pipelines.text.vocabulary import Vocabularies
    from pipelines.training.datasets import EncodedSplit, TrainingData
    from pipelines.training.objectives import Objective

SAMPLES = 3  # sentences that are translated after each epoch
SAMPLE = "source:      {}\ntranslation: {}\nreference:   {}"
ATTENTION_MAPS = 3  # test items whose attention is kept
PIECES = 3  # sub-words per word of `max_length`


class Translation(Task):
    """Predict a target text from a source text."""

    name = "translation"
    answer_columns = {"hypothesis": "text"}  # noqa: RUF012

    def objective(self, spec: ModelSpec[Any], train: Rows, vocabularies: Vocabularies) -> Objective:
        """Return the loss of the target under teacher forcing."""
        from pipelines.training import objectives

        entry: params.Seq2SeqConfig = spec.entry
        return objectives.translation_loss(entry.label_smoothing, entry.scheduled_sampling)

    def training_data(
        self,
        spec: ModelSpec[Any],
        model: keras.Model,
        frames: Frames,
        vocabularies: Vocabularies,
        seed: int,
        folder: Path | None = None,
    ) -> TrainingData:
        """Encode pairs of sentences, batched by the length of the target, then of the source.

        A padded target position costs a softmax. With `subword_sampling` each epoch segments the
        training text into other sub-words.
        """
        from pipelines.text import encoding
        from pipelines.training import datasets, mapped_ids

        entry: params.Seq2SeqConfig = spec.entry

        def encode(frame: Rows, epoch: int | None = None) -> EncodedSplit:
            columns = []
            for column in ("target", "source"):
                texts, vocabulary = frame[column], vocabularies.columns[column]
                if epoch is None or entry.subword_sampling is None:
                    columns.append(encoding.iterate_rows(texts, vocabulary))
                else:
                    columns.append(
                        vocabulary.encode_sampled(texts, entry.subword_sampling, seed + epoch)
                    )
            pairs = zip(map(encoding.add_boundaries, columns[0]), columns[1], strict=True)
            return datasets.EncodedSplit(
                mapped_ids.write_rows(pairs, 2, folder),
                lambda read, indices: (
                    datasets.pad_column(read, indices, 1),
                    datasets.pad_column(read, indices, 0),
                ),
                sequences=2,
            )

        train, valid = (encode(frame) for frame in frames)
        resample = datasets.unknown_replacement(
            entry, train, 1, vocabularies.columns["source"], seed
        )
        if entry.subword_sampling:

            def resample(epoch: int) -> EncodedSplit:
                return encode(frames[0], epoch)

        return datasets.bucketed_data(
            entry,
            train,
            valid,
            # `<s>` is an input and never predicted.
            tokens=int((train.lengths()[:, 0] - 1).sum()),
            seed=seed,
            signature=(datasets.MATRIX, datasets.MATRIX),
            vocabularies=vocabularies,
            resample=resample,
        )

    def validation_score(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> PredictionScore | None:
        """Return BLEU, or exact match of characters, of greedy translations.

        BLEU goes on rising after the validation loss does.
        """
        from pipelines.inference import scores

        sources, references = list(valid["source"]), list(valid["target"])
        name, score = scores.translation_score(*_scored_text(spec))
        return (
            name.lower().replace(" ", "_"),
            lambda predictor: score(self.predict_prepared(predictor, sources), references),
        )

    def validation_sample(
        self, spec: ModelSpec[Any], vocabularies: Vocabularies, valid: pd.DataFrame
    ) -> Callable[[Predictor], str] | None:
        """Translate the first three sentences of the validation split."""
        sources, references = (list(valid[column][:SAMPLES]) for column in ("source", "target"))

        def sample(predictor: Predictor) -> str:
            translations = self.predict_prepared(predictor, sources)
            return "\n\n".join(map(SAMPLE.format, sources, translations, references))

        return sample

    def predict_prepared(self, predictor: Predictor, texts: Sequence[str]) -> list[str]:
        """Translate each text."""
        return [
            hypothesis_text(predictor, hypotheses[0], source)
            for hypotheses, source in zip(translate(predictor, texts), texts, strict=True)
        ]

    def evaluate(self, predictor: Predictor, test: pd.DataFrame) -> Evaluation:
        """Translate each source, with the loss of its reference.

        The column `bleu` (`exact` for characters) holds the score of each sentence.
        """
        from pipelines.inference import decoding, scores
        from pipelines.inference.likelihood import translation_loss
        from pipelines.text import encoding

        spec, columns = predictor.spec, predictor.vocabularies.columns
        sources, references = list(test["source"]), list(test["target"])
        best = [hypotheses[0] for hypotheses in translate(predictor, sources)]
        pairs = list(zip(best, sources, strict=True))
        texts = [hypothesis_text(predictor, hypothesis, source) for hypothesis, source in pairs]
        nats, lengths = translation_loss(predictor, test)
        predictions = test.assign(
            hypothesis=texts,
            nats=nats,
            tokens=lengths,
            source_tokens=[len(ids) for ids in encoding.encode_rows(sources, columns["source"])],
        )
        if spec.tokens == "characters":
            predictions["exact"] = [a == b for a, b in zip(texts, references, strict=True)]
        else:
            options = scores.bleu_options(*_scored_text(spec))
            predictions["bleu"] = scores.sentence_bleu(texts, references, **options)
        attends = spec.entry.attention != "none"
        return Evaluation(
            predictions,
            settings={"search": decoding.describe_search(predictor.search)},
            attention=tuple(
                (
                    hypothesis.weights,
                    columns["source"].split(source),
                    columns["target"].decode_tokens(hypothesis.ids),
                )
                for hypothesis, source in pairs[: ATTENTION_MAPS if attends else 0]
            ),
        )

    def length_score(self, spec: ModelSpec[Any]) -> LengthScore:
        """Return BLEU, or exact match of characters, by the length of the source.

        Bahdanau et al. (2015, figure 2).
        """
        from pipelines.inference import scores

        title, score = scores.translation_score(*_scored_text(spec))
        return LengthScore(
            "source_tokens",
            title,
            lambda rows: score(list(rows["hypothesis"]), list(rows["target"])),
        )

    def item_score(self, predictions: pd.DataFrame) -> ItemScore:
        """Return the BLEU of the sentence, or the loss of characters."""
        return ItemScore("bleu", higher_is_better=True) if "bleu" in predictions else NATS


TASK = Translation()


def translate(
    predictor: Predictor, prepared: Sequence[str], n_best: int = 1
) -> list[list[Hypothesis]]:
    """Search translations of prepared sources; the search is compiled at the first call.

    Returns:
        At most `n_best` hypotheses for each source, the best first.

    Raises:
        UserError: the search needs an attention or words, and the model has none.
    """
    from pipelines.text import encoding

    rows = encoding.encode_rows(prepared, predictor.vocabularies.columns["source"])
    return predictor.cached(_decoder)(rows, n_best)


def hypothesis_text(predictor: Predictor, hypothesis: Hypothesis, source: str) -> str:
    """Return the text of a hypothesis for a prepared source.

    With `replace_unknown` each unknown word is replaced by the source word with the most attention
    (Luong et al. 2015, on rare words; Jean et al. 2015).
    """
    import numpy as np

    from pipelines.text.vocabulary import UNK

    target = predictor.vocabularies.columns["target"]
    tokens = target.decode_tokens(hypothesis.ids)
    if predictor.search is not None and predictor.search.replace_unknown:
        source_tokens = predictor.vocabularies.columns["source"].split(source)
        for position in np.flatnonzero(hypothesis.ids == UNK):
            tokens[position] = source_tokens[hypothesis.weights[position].argmax()]
    return target.join(tokens)


def _decoder(predictor: Predictor) -> Decoder:
    from pipelines.inference.decoding import Decoder

    spec = predictor.spec
    if predictor.search is not None:
        _check_search(predictor.search, spec)
    pieces = PIECES if spec.tokens in params.SUB_WORDS else 1
    return Decoder(predictor.model, spec.cleaning.max_length * pieces, predictor.search)


def _check_search(search: params.Search, spec: ModelSpec[Any]) -> None:
    for key in ("coverage_penalty", "replace_unknown"):
        if getattr(search, key) and spec.entry.attention == "none":
            raise UserError(
                f"'search.{key}' needs an attention, and this model has 'attention: none'. Remove "
                f"'search.{key}', or give the model an attention."
            )
    if search.replace_unknown and spec.tokens not in ("words", "spaces"):
        raise UserError(
            f"'search.replace_unknown' needs words, and this corpus has 'tokens: {spec.tokens}'. "
            "Remove 'search.replace_unknown', or set 'tokens: words'."
        )


def _scored_text(spec: ModelSpec[Any]) -> tuple[params.Tokens, bool]:
    """Return what scores of translations depend on: the tokens, and whether case was removed."""
    return spec.tokens, spec.cleaning.lowercase
