"""Score two translators by the length of the source."""

from typing import Annotated

import pandas as pd

from pipelines import console, paths
from pipelines.config import params
from pipelines.data import parquet
from pipelines.experiments import source_length, tables


def main(
    name: Annotated[
        str, console.Argument(help="a corpus under experiments.source_length of params.yaml")
    ],
) -> None:
    """Score the test translations of two models by the length of the source."""
    config = params.load(paths.PARAMS)
    experiments = config.experiments.source_length
    entry = params.require(experiments, name, "corpus", "experiments.source_length")
    scores = [
        source_length.by_length(
            model,
            parquet.read_parquet(paths.predictions(model)),
            config.corpora[name],
            entry.buckets,
        )
        for model in (entry.fixed, entry.attention)
    ]
    tables.write(pd.concat(scores, ignore_index=True), paths.experiment("source_length", name))


if __name__ == "__main__":
    console.launch("source_length", main)
