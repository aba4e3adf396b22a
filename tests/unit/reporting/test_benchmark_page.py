"""The data behind docs/results.md, and how a row of it reads."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import benchmark_page, benchmark_results

MACHINE = benchmark_results.Machine(cpu="P", cores=2, memory_gib=8.0, device="cpu", tensorflow="2")


def goal(**changes: Any) -> params.Goal:
    plain = {"models": ("a",), "metric": "test_perplexity"}
    return params.Goal.model_validate(plain | changes)


def row(value: float, **changes: Any) -> benchmark_results.BenchmarkRow:
    held = goal(**changes)
    return benchmark_results.row(
        held, {"a": {held.metric: value, "parameters": 1234}}, {"a": 1234.5}
    )


def page(*rows: benchmark_results.BenchmarkRow, remark: str = "") -> str:
    run = benchmark_results.BenchmarkRun(
        commit="abc", changed=False, machine=MACHINE, rows=rows, remark=remark
    )
    return benchmark_page.page({"one": run})


@pytest.mark.parametrize(
    ("metric", "value", "gap", "reached"),
    [
        ("test_perplexity", 89.0, 1.0, True),
        ("test_perplexity", 90.0, 0.0, True),
        ("test_perplexity", 90.5, -0.5, False),
        ("test_bleu", 89.0, -1.0, False),
        ("test_bleu", 90.0, 0.0, True),
        ("test_bleu", 90.5, 0.5, True),
    ],
)
def test_more_is_better_in_every_gap(metric: str, value: float, gap: float, reached: bool) -> None:
    found = row(value, metric=metric, target=90.0, published=90.0, reference="b", source="c")
    assert found.gap == gap
    assert found.reached is reached


def test_the_deviation_is_that_of_a_sample() -> None:
    held = goal(models=("a", "b", "c"))
    found = {
        name: {"test_perplexity": value, "parameters": 1}
        for name, value in (("a", 1.0), ("b", 2.0), ("c", 6.0))
    }
    group = benchmark_results.row(held, found, {"a": 10.0, "b": 20.0})
    assert group.mean == 3.0
    assert group.deviation == pytest.approx(7**0.5, abs=1e-9)
    assert group.seconds is None  # one is unknown
    assert row(1.0).deviation is None


def test_a_row_in_full() -> None:
    found = row(
        91.256, target=90.0, stretch=80.0, published=92.0, reference="LSTM | tied", source="a paper"
    )
    line = next(line for line in page(found).split("\n") if line.startswith("| a "))
    assert line == (
        "| a | perplexity | 91.26 | 92.00; LSTM \\| tied; a paper | +0.74 | "
        "≤ 90 missed, aim ≤ 80 missed | 1,234 | 1,234 |"
    )


def test_a_row_of_nothing_published() -> None:
    line = next(line for line in page(row(91.256)).split("\n") if line.startswith("| a "))
    assert line == "| a | perplexity | 91.26 |  |  |  | 1,234 | 1,234 |"


@pytest.mark.parametrize(("cores", "said"), [(1, "P, 1 core, 8 GiB"), (16, "P, 16 cores, 8 GiB")])
def test_the_machine_is_said(cores: int, said: str) -> None:
    machine = MACHINE.model_copy(update={"cores": cores})
    run = benchmark_results.BenchmarkRun(
        commit="abc", changed=False, machine=machine, rows=(), remark=""
    )
    assert f"\n{said}; device cpu; TensorFlow 2; commit `abc`.\n" in benchmark_page.page(
        {"one": run}
    )


def test_a_signature_and_a_remark_stand_below() -> None:
    signed = {"test_bleu": 30.0, "test_bleu_signature": "nrefs:1|tok:13a", "parameters": 1}
    signed |= {"search": "beam 5"}
    held = goal(metric="test_bleu")
    text = page(benchmark_results.row(held, {"a": signed}, {}), remark="Tried *that*.")
    assert text.endswith("|\n\nBLEU of tokens: `nrefs:1|tok:13a, beam 5`\n\nTried *that*.\n")


def test_a_metric_without_a_signature_has_none() -> None:
    found = {"a": {"test_perplexity": 2.0, "parameters": 1, "search": "greedy"}}
    assert benchmark_results.row(goal(), found, {}).signature is None


def test_changes_without_a_commit_are_said() -> None:
    run = benchmark_results.BenchmarkRun(
        commit="abc", changed=True, machine=MACHINE, rows=(), remark=""
    )
    assert "commit `abc` with changes." in benchmark_page.page({"one": run})


def test_data_and_page_are_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    runs = {
        name: benchmark_results.BenchmarkRun(
            commit=name, changed=False, machine=MACHINE, rows=(row(1.0),), remark=""
        )
        for name in ("b", "a")
    }
    turned = dict(reversed(runs.items()))
    assert benchmark_page.page(runs) == benchmark_page.page(turned)
    assert benchmark_results.as_json(runs) == benchmark_results.as_json(turned)
    file = tmp_path / "results.json"
    file.write_text(benchmark_results.as_json(runs), encoding="utf-8")
    assert benchmark_results.read(file) == runs


def test_before_anything_is_published(tmp_path: Path) -> None:
    assert benchmark_results.read(tmp_path / "results.json") == {}
    assert benchmark_page.page({}).endswith("\nNothing is published yet.\n")


@pytest.mark.parametrize("text", ["", "[]", '{"one": {"commit": 1}}', '{"one": {"surplus": 1}}'])
def test_damaged_results_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"results\.json is damaged: .*take it from Git\.$"):
        benchmark_results.read(file)


def test_a_metric_that_is_not_there_names_those_that_are() -> None:
    found = {"a": {"test_bleu": 1.0, "task": "translation", "parameters": 1}}
    with pytest.raises(
        UserError, match=r"of a hold no test_perplexity; they hold test_bleu, param"
    ):
        benchmark_results.row(goal(), found, {})


def test_damaged_metrics_name_what_makes_them(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[1]", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"is no map in JSON: delete it, and `dvc repro evaluate@a`"
    ):
        benchmark_results.metrics(file, "a")


def test_what_is_wanted_before_anything_ran() -> None:
    held = goal(models=("a", "b"), target=90.0, published=92.0, reference="LSTM", source="a paper")
    said = "a, b: perplexity ≤ 90; published: 92.00; LSTM; a paper"
    assert benchmark_page.wanted([held, goal()]) == [said]
