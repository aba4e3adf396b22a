"""The data behind docs/results.md, and the rows of the page."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import benchmark_page, benchmark_results

MACHINE = benchmark_results.Machine(cpu="P", cores=2, memory_gib=8.0, device="cpu", tensorflow="2")


PROTOCOL = {"kind": "single", "split": "x", "context": "carried"}
CONFIG = params.load(Path(__file__).parents[3] / "params.yaml")
MODEL = "shakespeare-lstm"
REFERENCE = {"reference": "LSTM | tied", "source": "a paper", "protocol": PROTOCOL}


def goal(**changes: Any) -> params.Goal:
    return params.Goal.model_validate({"models": (MODEL,), "metric": "test_perplexity"} | changes)


def row(value: float, **changes: Any) -> benchmark_results.BenchmarkRow:
    """A row whose protocol is that of the published number."""
    protocol = PROTOCOL | {"split": "contiguous 0.05"}
    if "published" in changes:
        changes = REFERENCE | {"protocol": protocol} | changes
    metrics = {MODEL: {"test_perplexity": value, "parameters": 1234}}
    return benchmark_results.row(goal(**changes), CONFIG, metrics, {MODEL: 1234.5})


def run(*rows: benchmark_results.BenchmarkRow, **changes: Any) -> benchmark_results.BenchmarkRun:
    values = {"commit": "abc", "changed": False, "machine": MACHINE, "remark": ""}
    values |= {"code": {}, "changed_code": ()}
    return benchmark_results.BenchmarkRun(rows=rows, **(values | changes))


def page(*rows: benchmark_results.BenchmarkRow, **changes: Any) -> str:
    return benchmark_page.render({"one": run(*rows, **changes)}, {})


def table_row(text: str) -> str:
    return next(line for line in text.split("\n") if line.startswith(f"| {MODEL}"))


def test_training_times_are_means_of_all_models() -> None:
    """The interval of several models and the gaps are tested in test_goal_results.py."""
    models = ("shakespeare-lstm", "shakespeare-rnn")
    metrics = {model: {"test_perplexity": 1.0, "parameters": 1} for model in models}
    times = {models[0]: 10.0, models[1]: 20.0}
    result = benchmark_results.row(goal(models=models), CONFIG, metrics, times)
    assert result.seconds == 15.0
    del times[models[1]]
    assert benchmark_results.row(goal(models=models), CONFIG, metrics, times).seconds is None


def test_a_row_with_target_and_published_number() -> None:
    result = row(91.256, target=90.0, stretch=80.0, published=92.0)
    assert table_row(page(result)) == (
        f"| {MODEL}, one seed | perplexity | 91.256 | 92.0; LSTM \\| tied; a paper | "
        "+0.744, one seed | ≤ 90 missed, stretch ≤ 80 missed | 1,234 | 1,234 |"
    )


def test_a_row_without_a_published_number() -> None:
    line = f"| {MODEL}, one seed | perplexity | 91.256 |  |  |  | 1,234 | 1,234 |"
    assert table_row(page(row(91.256))) == line


@pytest.mark.parametrize(("cores", "text"), [(1, "P, 1 core, 8 GiB"), (16, "P, 16 cores, 8 GiB")])
def test_the_machine_is_described(cores: int, text: str) -> None:
    machine = MACHINE.model_copy(update={"cores": cores})
    assert f"\n{text}; device cpu; TensorFlow 2; commit `abc`.\n" in page(machine=machine)


def test_signature_and_remark_are_below_the_table() -> None:
    metrics = {
        "test_bleu": 30.0,
        "test_bleu_signature": "nrefs:1|tok:13a",
        "parameters": 1,
        "search": "beam 5",
    }
    aim = goal(models=("verses-fixed",), metric="test_bleu")
    result = benchmark_results.row(aim, CONFIG, {"verses-fixed": metrics}, {})
    text = page(result, remark="Tried *that*.")
    assert text.endswith(": `nrefs:1|tok:13a, beam 5`\n\nTried *that*.\n")


def test_a_metric_without_a_signature_has_none() -> None:
    metrics = {MODEL: {"test_perplexity": 2.0, "parameters": 1, "search": "greedy"}}
    assert benchmark_results.row(goal(), CONFIG, metrics, {}).result.signature is None


def test_results_of_earlier_code_say_so() -> None:
    text = page(changed_code=("pipelines/layers", "stages/training.py"))
    changed = "`pipelines/layers`, `stages/training.py`"
    assert f"\n\nTrained with earlier code: changed since are {changed}.\n\n" in text


def test_uncommitted_changes_are_mentioned() -> None:
    assert "commit `abc` with uncommitted changes." in page(changed=True)


def test_data_and_page_do_not_depend_on_the_order_of_the_results(tmp_path: Path) -> None:
    results = {name: run(row(1.0), commit=name) for name in ("b", "a")}
    backwards = dict(reversed(results.items()))
    assert benchmark_page.render(results, {}) == benchmark_page.render(backwards, {})
    assert benchmark_results.as_json(results) == benchmark_results.as_json(backwards)
    file = tmp_path / "results.json"
    file.write_text(benchmark_results.as_json(results), encoding="utf-8")
    assert benchmark_results.read(file) == results


def test_without_any_results(tmp_path: Path) -> None:
    assert benchmark_results.read(tmp_path / "results.json") == {}
    text = benchmark_page.render({}, {"ptb": "Penn Treebank"})
    assert text.endswith("\n## Without results yet\n\n- `ptb`: Penn Treebank\n")


@pytest.mark.parametrize("text", ["", "[]", '{"one": {"commit": 1}}', '{"one": {"surplus": 1}}'])
def test_damaged_results_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"results\.json is damaged.*git checkout"):
        benchmark_results.read(file)


def test_a_missing_metric_names_the_available_ones() -> None:
    metrics = {MODEL: {"test_bleu": 1.0, "task": "translation", "parameters": 1}}
    with pytest.raises(UserError, match=r"no test_perplexity.*test_bleu, parameters"):
        benchmark_results.row(goal(), CONFIG, metrics, {})


@pytest.mark.parametrize("text", [None, "[1]", "{"])
def test_missing_or_damaged_metrics_name_the_stage(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "a.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.json is .*`seqproof run evaluate@a`"):
        benchmark_results.read_metrics(file, "evaluate@a")


def test_goals_are_described_before_anything_has_run() -> None:
    target = goal(models=("a", "b"), part="network", target=90.0, published=92.0, **REFERENCE)
    line = "a, b (network): perplexity ≤ 90; published: 92.0; LSTM | tied; a paper"
    assert benchmark_page.goal_lines([target, goal()]) == [line]
