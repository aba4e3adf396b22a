"""The trained models of a project, by corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines import paths, project_models
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization

BEAM = 5  # alternative translations
MAX_CHARACTERS = 1000  # of a text that a visitor types
EXAMPLE_CHARACTERS = 80  # of a text that is offered as an example


@dataclass(frozen=True)
class DemoCorpus:
    """A corpus and its trained models.

    Attributes:
        name: name of the corpus.
        entry: its entry in params.yaml.
        models: the predictors of its trained models by name, in the order of params.yaml.
        minimal_pairs: file with pairs of texts of the same words; None without such a file.
    """

    name: str
    entry: params.Corpus
    models: Mapping[str, Predictor]
    minimal_pairs: Path | None = None

    def prepare(self, text: str) -> str:
        """Clean and tokenise a typed text like the corpus.

        Raises:
            UserError: the text is empty or too long.
        """
        if len(text) > MAX_CHARACTERS:
            raise UserError(
                f"The text has {len(text):,} characters. Shorten it to {MAX_CHARACTERS:,}."
            )
        prepared = next(iter(self.models.values())).normalize([text])[0]
        if not prepared.strip():
            raise UserError("There is no text. Type at least one word.")
        return prepared

    def examples(self, count: int) -> list[str]:
        """Return some short texts of the test split, all of whose words the vocabulary has."""
        from pipelines.config import task_schemas
        from pipelines.data import parquet
        from pipelines.text.vocabulary import UNK

        path = paths.test_frame(self.name)
        if not path.is_file():
            return []
        column = task_schemas.get(self.entry.task).text_columns[0]
        texts = dict.fromkeys(parquet.read_table(path, [column])[column].to_pylist())
        vocabulary = next(iter(self.models.values())).vocabularies.columns[column]
        short = [
            text
            for text in texts
            if 0 < len(text) <= EXAMPLE_CHARACTERS and UNK not in vocabulary.encode(text)
        ]
        return short[:: max(1, len(short) // count)][:count]


def load(config: params.Params, names: list[str]) -> Iterator[DemoCorpus | UserError]:
    """Load the trained models of some corpora; other corpora and untrained models are left out.

    Args:
        config: the parameters of the project in the current folder.
        names: names of corpora.

    Yields:
        A corpus, or why a model cannot be loaded.
    """
    for name in names:
        models = {}
        for model, entry in config.models.items():
            if entry.corpus == name and (paths.model(model) / serialization.SPEC).is_file():
                try:
                    models[model] = _load_model(config, model)
                except UserError as error:
                    yield error
        if models:
            word_order = config.experiments.word_order.get(name)
            pairs = None if word_order is None else Path(word_order.minimal_pairs)
            is_there = pairs is not None and pairs.is_file()
            yield DemoCorpus(name, config.corpora[name], models, pairs if is_there else None)


def _load_model(config: params.Params, name: str) -> Predictor:
    corpus = config.corpora[config.models[name].corpus]
    search = None
    if corpus.task == "translation":
        search = corpus.search or params.Search(beam=BEAM)
        search = search.model_copy(update={"beam": max(search.beam, BEAM)})
    return project_models.load(config, name, search=search)
