"""Train a classifier that starts from a trained language model."""

from typing import TYPE_CHECKING

from pipelines import console, paths
from pipelines.config import params
from stages.training import Name, train

if TYPE_CHECKING:
    from pipelines.models.pretrained import PretrainedWeights
    from pipelines.text.vocabulary import Vocabularies


def main(name: Name, fresh: console.Restart = False) -> None:
    """Train a classifier that starts from a trained language model."""

    def read_pretrained(entry: params.Model, vocabularies: "Vocabularies") -> "PretrainedWeights":
        from pipelines.models import pretrained

        assert isinstance(entry, params.ClassifierConfig)
        assert entry.init_from is not None
        folder = paths.model(entry.init_from)
        weights = pretrained.read(folder, entry, vocabularies.columns["text"])
        console.echo(f"{name}: {weights.summary} start from {entry.init_from}")
        return weights

    train("fine_tuned", name, fresh, read_pretrained)


if __name__ == "__main__":
    console.launch("fine_tune", main)
