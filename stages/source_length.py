"""Score two translators by the length of what they translated."""

from pathlib import Path
from typing import Annotated

import pandas as pd

from pipelines import console
from pipelines.config import params
from pipelines.console import Argument, Option
from pipelines.data import parquet
from pipelines.experiments import source_length, tables


def main(
    name: Annotated[str, Argument(help="a corpus under laboratory.source_length of params.yaml")],
    fixed: Annotated[Path, Option(help="predictions of the model with one fixed vector")],
    attention: Annotated[Path, Option(help="predictions of the model with attention")],
    scores: Annotated[Path, Option(help="table of the scores to write")],
) -> None:
    """Score what two translators wrote for the test split, by the length of the source."""
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.laboratory.source_length, name, "corpus for source_length")
    corpus = everything.corpora[name]
    said = {
        entry.fixed: parquet.read_parquet(fixed),
        entry.attention: parquet.read_parquet(attention),
    }
    parts = [
        source_length.by_length(model, predictions, corpus, entry.buckets)
        for model, predictions in said.items()
    ]
    tables.write(pd.concat(parts, ignore_index=True), scores)


if __name__ == "__main__":
    console.launch("source_length", main)
