"""The comparison: best values, ties, sizes and the order of the rows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.evaluation import metrics
from pipelines.reporting.comparison import CorpusTable, compare


def tables(project: Path) -> dict[str, CorpusTable]:
    config = params.load(project / "params.yaml")
    return {table.corpus: table for table in compare(config, project)}


def best_models(table: CorpusTable, key: str) -> list[str]:
    position = [column.key for column in table.columns].index(key)
    return [row.model for row in table.rows if row.cells[position].best]


def write_metrics(project: Path, model: str, **metrics: Any) -> None:
    (project / paths.metrics(model)).write_text(json.dumps(metrics), encoding="utf-8")


def test_rows_are_in_the_order_of_their_parameters_and_other_metrics_are_ignored(
    project: Path,
) -> None:
    corpora = tables(project)
    assert list(corpora) == ["shakespeare", "opinions", "contrasts", "verses", "dates"]
    models = ["opinions-rnn", "opinions-perceptron", "opinions-lstm", "opinions-mlp"]
    assert [row.model for row in corpora["opinions"].rows] == models
    assert corpora["dates"].missing == ("dates-attention",)
    assert [row.model for row in corpora["dates"].rows] == ["dates-fixed"]


def test_columns_are_the_metrics_of_the_task(project: Path) -> None:
    corpora = tables(project)
    assert [column.key for column in corpora["shakespeare"].columns] == [
        "test_bits_per_character",
        "parameters",
        "ngram_counts",
        "train_tokens_seen",
    ]
    assert [column.heading for column in corpora["verses"].columns][:3] == [
        "BLEU ↑",
        "exact match ↑",
        "perplexity ↓",
    ]
    assert corpora["dates"].columns[0].key == "test_exact_match"
    cells = [[cell.text for cell in row.cells] for row in corpora["shakespeare"].rows]
    assert cells[0] == ["3.010", "-", "90,000", "-"]


def test_several_seeds_show_mean_and_deviation(project: Path) -> None:
    interval = {"test_accuracy_sd": 0.0123, "test_accuracy_low": 0.6, "test_accuracy_high": 0.8}
    write_metrics(project, "opinions-lstm", test_accuracy=0.70, seeds=3, **interval)
    table = tables(project)["opinions"]
    texts = {row.model: row.cells[0].text for row in table.rows}
    assert texts["opinions-lstm"] == "0.700 ± 0.012"
    assert best_models(table, "test_accuracy") == ["opinions-lstm"]
    assert "±" not in texts["opinions-mlp"]


def test_translations_of_sub_words_are_compared_by_sacrebleu(project: Path) -> None:
    path = project / "params.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["corpora"]["verses"] |= {"tokens": "bpe", "vocabulary": {"max_size": 10000}}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    for name, score in (("verses-fixed", 9.0), ("verses-attention", 20.0)):
        write_metrics(project, name, test_sacrebleu=score, test_exact_match=0.5)
    table = tables(project)["verses"]
    assert [column.key for column in table.columns] == ["test_sacrebleu", "test_exact_match"]
    assert best_models(table, "test_sacrebleu") == ["verses-attention"]


def test_the_best_value_of_each_column_follows_the_direction_of_the_metric(project: Path) -> None:
    corpora = tables(project)
    assert best_models(corpora["opinions"], "test_accuracy") == ["opinions-perceptron"]
    assert best_models(corpora["opinions"], "test_macro_f1") == ["opinions-lstm"]
    assert best_models(corpora["opinions"], "majority_accuracy") == []
    assert best_models(corpora["verses"], "test_perplexity") == ["verses-attention"]


def test_values_that_round_to_the_same_number_are_a_tie(project: Path) -> None:
    table = tables(project)["shakespeare"]
    best = best_models(table, "test_bits_per_character")
    assert best == ["shakespeare-rnn", "shakespeare-lstm"]
    assert [row.score for row in table.rows] == [3.01, 2.38, 2.38]


def test_counts_are_no_parameters_and_models_that_only_count_come_first(project: Path) -> None:
    rows = tables(project)["shakespeare"].rows
    assert [(row.model, row.size) for row in rows] == [
        ("shakespeare-markov", "90 k n-gram counts"),
        ("shakespeare-rnn", "100 parameters"),
        ("shakespeare-lstm", "400 parameters"),
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(950, "950"), (27_345, "27 k"), (999_499, "999 k"), (999_500, "1.0 M"), (5.25e6, "5.2 M")],
)
def test_sizes_are_short(project: Path, number: float, text: str) -> None:
    write_metrics(project, "opinions-lstm", test_accuracy=0.7, parameters=number)
    rows = {row.model: row for row in tables(project)["opinions"].rows}
    assert rows["opinions-lstm"].size == f"{text} parameters"


def test_without_any_metrics(project: Path) -> None:
    config = params.load(project / "params.yaml")
    table = compare(config, project / "nowhere")[0]
    assert table.rows == ()
    assert table.columns == ()
    models = {name for name, entry in config.models.items() if entry.corpus == table.corpus}
    assert set(table.missing) == models
    assert table.goals == ()


def test_a_damaged_file_is_named(project: Path) -> None:
    (project / "metrics" / "opinions-rnn.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions-rnn\.json .*`seqproof run evaluate"):
        tables(project)


def test_a_new_metric_is_a_column_and_lower_is_best(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ter = metrics.Metric("test_ter", "TER", ".1f", "lower", ("translation",))
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, ter))
    write_metrics(project, "verses-fixed", test_bleu=7.1, test_ter=80.0, parameters=1000)
    write_metrics(project, "verses-attention", test_bleu=20.9, test_ter=60.0, parameters=2000)
    table = tables(project)["verses"]
    assert "TER ↓" in [column.heading for column in table.columns]
    assert best_models(table, "test_ter") == ["verses-attention"]
