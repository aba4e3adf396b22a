"""Evaluate a trained model on its test split."""

from typing import Annotated

from pipelines import console, files, paths
from pipelines.config import params


def main(
    name: Annotated[str, console.Argument(metavar="NAME", help="a model of params.yaml")],
) -> None:
    """Write the metrics, predictions and analysis of a trained model, and log them to MLflow."""
    config = params.load(paths.PARAMS)
    entry: params.Model = params.require(config.models, name, "model")
    corpus = config.corpora[entry.corpus]
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.evaluation import analysis, evaluate, seed_aggregation
        from pipelines.inference import predictor
        from pipelines.lineage import provenance
        from pipelines.models import serialization
        from pipelines.reporting import pictures, result_line
        from pipelines.tasks import lookup
        from pipelines.text import encoding
        from pipelines.tracking import stage_runs
        from pipelines.training import history

    def load(seed: int | None = None) -> predictor.Predictor:
        folder, vocabulary = paths.model(name), paths.vocabulary(entry.corpus)
        spec = serialization.ModelSpec.of(config, name)
        return predictor.load(folder, vocabulary, corpus.samples, corpus.search, seed, spec)

    if isinstance(entry, params.TrainableConfig):
        with console.quiet_imports():
            from pipelines.layers import threads
            from pipelines.training import device
        if corpus.task == "translation":
            threads.use_search_threads(config.threads)
        else:
            threads.use_threads(config.threads)
        hardware = device.describe(entry)
    else:
        hardware = {"device": "cpu", "kernel": entry.kernel}
    model = load()
    test = parquet.read_parquet(paths.test_frame(entry.corpus))
    encoding.require_columns(test, model.vocabularies, corpus.task)

    groups = corpus.reader.groups
    by_seed = {
        seed: evaluate.evaluate(model if seed == model.spec.seed else load(seed), test, groups)
        for seed in params.seeds_of(entry)
    }
    result = (
        seed_aggregation.aggregate(by_seed) if by_seed else evaluate.evaluate(model, test, groups)
    )
    members = [evaluate.evaluate(member, test) for member in model.members()]
    metrics = result.metrics | {
        "task": corpus.task,
        "corpus": entry.corpus,
        "test_examples": len(test),
        "train_tokens_seen": history.tokens_seen(history.read_history(paths.history(name))),
        **serialization.sizes(model.model),
        **(seed_aggregation.member_means(members) if members else {}),
    }
    parquet.write_parquet(result.predictions, paths.predictions(name))
    analysis.write_analysis(result.analysis, paths.analysis(name))
    files.write_json(paths.metrics(name), metrics)

    task = lookup.get(corpus.task)
    example = list(test[task.columns[0]][:2])
    predictions = task.predict(model, example)
    answers = dict(zip(example, predictions, strict=True))
    sample = result.analysis.sample
    console.echo(result_line.result_line(name, corpus.task, metrics, answers, sample))
    log = stage_runs.EvaluationLog(
        metrics=metrics,
        plots=pictures.draw_from_files(name, entry, config.corpora[entry.corpus], console.root()),
        example=example,
        predictions=predictions,
        seed_metrics={seed: result.metrics for seed, result in by_seed.items()},
    )
    inputs = provenance.inputs(paths.evaluation_stage(config, name), console.root())
    stage_runs.log_evaluation(config, name, inputs, hardware, log)


if __name__ == "__main__":
    console.launch("evaluate", main)
