"""Evaluate a trained model on its test split: metrics, predictions, pictures."""

from pathlib import Path
from typing import Annotated

from pipelines import console, files
from pipelines.config import params
from pipelines.console import Argument, Option
from pipelines.errors import UserError
from pipelines.training import history as epochs


def main(
    name: Annotated[str, Argument(help="a model of params.yaml")],
    test: Annotated[Path, Option(help="prepared test frame")],
    vocabulary: Annotated[Path, Option(help="vocabulary file")],
    model: Annotated[Path, Option(help="folder of the trained model")],
    history: Annotated[Path, Option(help="table of its epochs")],
    metrics: Annotated[Path, Option(help="metrics file to write")],
    predictions: Annotated[Path, Option(help="predictions file to write")],
    pictures: Annotated[Path, Option(help="folder of pictures to write")],
) -> None:
    """Evaluate a trained model on its test split."""
    everything = params.load(Path("params.yaml"))
    entry = params.require(everything.models, name, "model")
    corpus = everything.corpora[entry.corpus]
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.evaluation import evaluate, seed_aggregation
        from pipelines.inference import predictor
        from pipelines.lineage import provenance
        from pipelines.models import serialization
        from pipelines.reporting import pictures as drawing
        from pipelines.tasks import lookup
        from pipelines.text import encoding
        from pipelines.tracking import stage_runs

    trained = predictor.load(model, vocabulary, corpus.samples, corpus.search)
    if trained.spec.entry != entry:
        raise UserError(
            f"The model in {model} is not what params.yaml says of '{name}': train it again, with "
            f"`dvc repro evaluate@{name}`."
        )
    described = {"device": "cpu", "kernel": "counts"}
    if entry.model != "ngram":
        with console.quiet_imports():
            from pipelines.training import device
        described = device.describe(entry)
    frame = parquet.read_parquet(test)
    encoding.require_columns(frame, trained.vocabularies, corpus.task)

    def of_seed(seed: int) -> predictor.Predictor:
        if seed == trained.spec.seed:  # the first, which is there
            return trained
        return predictor.load(model, vocabulary, corpus.samples, corpus.search, seed)

    alone = {seed: evaluate.evaluate(of_seed(seed), frame) for seed in params.seeds_of(entry)}
    found = seed_aggregation.aggregate(alone) if alone else evaluate.evaluate(trained, frame)
    numbers = found.metrics | {
        "task": corpus.task,
        "corpus": entry.corpus,
        "test_examples": len(frame),
        "train_tokens_seen": epochs.tokens_seen(epochs.read_history(history)),
        "parameters": serialization.count_parameters(trained.model),
    }
    parquet.write_parquet(found.predictions, predictions)
    drawing.write(name, found, trained, model, history, pictures)
    files.write_json(metrics, numbers)
    example = list(frame["source" if "source" in frame else "text"][:2])
    evaluation_log = stage_runs.EvaluationLog(
        metrics=numbers,
        plots={file.name: file.read_text(encoding="utf-8") for file in sorted(pictures.iterdir())},
        example=example,
        predictions=lookup.get(corpus.task).predict_raw(trained, example),
        seed_metrics={seed: one.metrics for seed, one in alone.items()},
    )
    inputs = provenance.inputs("evaluate", console.root())
    stage_runs.log_evaluation(everything, name, inputs, described, evaluation_log)


if __name__ == "__main__":
    console.launch("evaluate", main)
