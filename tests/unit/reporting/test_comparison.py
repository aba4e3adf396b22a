"""The comparison: what is best, what ties, and where a simpler model wins."""

import json
from pathlib import Path

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting.comparison import CorpusTable, compare


def tables(project: Path) -> dict[str, CorpusTable]:
    read = compare(params.load(project / "params.yaml"), project / "metrics")
    return {table.corpus: table for table in read}


def best(table: CorpusTable, key: str) -> list[str]:
    place = [column.key for column in table.columns].index(key)
    return [row.model for row in table.rows if row.cells[place].best]


def test_rows_stand_in_the_order_of_the_params_and_strays_are_left_out(project: Path) -> None:
    read = tables(project)
    assert list(read) == ["shakespeare", "opinions", "verses", "dates"]
    models = ["opinions-perceptron", "opinions-mlp", "opinions-rnn", "opinions-lstm"]
    assert [row.model for row in read["opinions"].rows] == models
    assert read["dates"].missing == ("dates-attention",)
    assert [row.model for row in read["dates"].rows] == ["dates-fixed"]


def test_columns_are_those_that_the_task_has(project: Path) -> None:
    read = tables(project)
    assert [column.key for column in read["shakespeare"].columns] == [
        "test_bits_per_character",
        "parameters",
        "train_tokens_seen",
    ]
    assert [column.heading for column in read["verses"].columns] == [
        "BLEU ↑",
        "exact match ↑",
        "perplexity ↓",
    ]
    assert read["dates"].columns[0].key == "test_exact_match"
    cells = [[cell.text for cell in row.cells] for row in read["shakespeare"].rows]
    assert cells[0] == ["3.010", "90,000", "-"]


def test_a_group_stands_with_its_deviation_and_is_best_by_its_mean(project: Path) -> None:
    spread = {"test_accuracy_sd": 0.0123, "test_accuracy_low": 0.6, "test_accuracy_high": 0.8}
    metrics = {"test_accuracy": 0.70, "majority_accuracy": 0.4, "seeds": 3, **spread}
    (project / "metrics" / "opinions-lstm.json").write_text(json.dumps(metrics), encoding="utf-8")
    table = tables(project)["opinions"]
    assert table.rows[-1].cells[0].text == "0.700 ± 0.012"
    assert best(table, "test_accuracy") == ["opinions-lstm"]
    assert "±" not in table.rows[0].cells[0].text


def test_sub_words_are_compared_by_their_own_bleu(project: Path) -> None:
    path = project / "params.yaml"
    words = "tokens: words\n    split: {method: shuffled, valid: 0.05, test: 0.1}\n"
    sizes = "    vocabulary: {max_size: 10000, min_count: 2}\n    checks: {min_rows: 6000"
    text = path.read_text(encoding="utf-8")
    assert words + sizes in text
    without = words.replace("words", "bpe") + sizes.replace(", min_count: 2", "")
    path.write_text(text.replace(words + sizes, without), encoding="utf-8")
    for name, found in (("verses-fixed", 9.0), ("verses-attention", 20.0)):
        metrics = json.dumps({"test_sacrebleu": found, "test_exact_match": 0.5})
        (project / "metrics" / f"{name}.json").write_text(metrics, encoding="utf-8")
    table = tables(project)["verses"]
    assert [column.key for column in table.columns] == ["test_sacrebleu", "test_exact_match"]
    assert best(table, "test_sacrebleu") == ["verses-attention"]


def test_the_best_of_each_column_is_marked_on_its_better_side(project: Path) -> None:
    read = tables(project)
    assert best(read["opinions"], "test_accuracy") == ["opinions-perceptron"]
    assert best(read["opinions"], "test_macro_f1") == ["opinions-lstm"]
    assert best(read["opinions"], "majority_accuracy") == []
    assert best(read["verses"], "test_perplexity") == ["verses-attention"]


def test_values_that_read_the_same_tie(project: Path) -> None:
    table = tables(project)["shakespeare"]
    assert best(table, "test_bits_per_character") == ["shakespeare-rnn", "shakespeare-lstm"]
    assert table.remark == (
        "On this little text the simpler model shakespeare-rnn does as well as shakespeare-lstm "
        "(bits per character)."
    )


def test_a_simpler_model_that_wins_is_named_with_its_lead(project: Path) -> None:
    read = tables(project)
    assert read["opinions"].remark == (
        "On this little text the simpler model opinions-perceptron "
        "wins by 0.036 over opinions-mlp (accuracy) "
        "and wins by 0.091 over opinions-rnn (accuracy) "
        "and wins by 0.011 over opinions-lstm (accuracy)."
    )
    assert read["verses"].remark == ""


def test_a_fixed_vector_that_beats_attention_is_named(project: Path) -> None:
    metrics = {"test_bleu": 5.0}
    (project / "metrics" / "verses-attention.json").write_text(
        json.dumps(metrics), encoding="utf-8"
    )
    remark = tables(project)["verses"].remark
    assert "verses-fixed wins by 2.1 over verses-attention (BLEU)" in remark


def test_no_metrics_at_all(project: Path) -> None:
    table = compare(params.load(project / "params.yaml"), project / "nowhere")[0]
    assert table.rows == ()
    assert table.columns == ()
    assert len(table.missing) == 3
    assert table.remark == ""


def test_a_damaged_file_is_refused_by_name(project: Path) -> None:
    (project / "metrics" / "opinions-rnn.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"opinions-rnn\.json is no map .* evaluate@opinions-rnn"):
        tables(project)
