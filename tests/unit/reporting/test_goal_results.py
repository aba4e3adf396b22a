"""Our numbers beside published ones: gaps, intervals, protocols and parts."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands.results import results
from pipelines import paths
from pipelines.config import params
from pipelines.config.goals import Protocol
from pipelines.errors import UserError
from pipelines.reporting import goal_results
from pipelines.reporting.comparison import CorpusTable, compare
from pipelines.reporting.goal_results import GoalResult

SPLIT = "shuffled 0.1"
BLEU = {"kind": "single", "split": SPLIT, "decoding": "greedy", "tokens": "words", "case": "lower"}
PERPLEXITY = {"kind": "single", "split": SPLIT, "teacher_forcing": True}
LABELS = {"kind": "single", "split": SPLIT}
REFERENCE = {"reference": "a GRU of <others>", "source": "a paper"}
GREEDY = {"search": "greedy", "test_bleu_signature": "nrefs:1|case:mixed|eff:no|tok:none"}


def goal(models: list[str], metric: str, published: float | None, **more: Any) -> dict[str, Any]:
    reference = {} if published is None else {"published": published, **REFERENCE}
    return {"models": models, "metric": metric, **reference, **more}


def set_goals(project: Path, *goals: dict[str, Any]) -> None:
    edit(project, lambda tree: tree.update(goals=list(goals)))


def edit(project: Path, change: Any) -> None:
    path = project / "params.yaml"
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(tree)
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")


def write(project: Path, model: str, **metrics: Any) -> None:
    (project / paths.metrics(model)).write_text(json.dumps(metrics), encoding="utf-8")


def table(project: Path, corpus: str) -> CorpusTable:
    tables = compare(params.load(project / "params.yaml"), project)
    return {table.corpus: table for table in tables}[corpus]


def only(project: Path, corpus: str) -> GoalResult:
    (result,) = table(project, corpus).goals
    return result


def gap(result: GoalResult) -> str:
    return goal_results.texts(result).gap


def test_plus_is_better_whatever_the_direction_and_one_seed_has_no_verdict(project: Path) -> None:
    write(project, "verses-attention", test_bleu=20.9, test_perplexity=30.0, **GREEDY)
    set_goals(
        project,
        goal(["verses-attention"], "test_bleu", 28.3, protocol=BLEU),
        goal(["verses-attention"], "test_perplexity", 25.57, protocol=PERPLEXITY),
    )
    bleu, perplexity = table(project, "verses").goals
    assert gap(bleu) == "-7.40, one seed"
    assert gap(perplexity) == "-4.430, one seed"
    assert bleu.label == "verses-attention, one seed"
    assert table(project, "opinions").goals == ()


@pytest.mark.parametrize(
    ("low", "high", "published", "verdict"),
    [
        (0.60, 0.80, 0.65, "indistinguishable"),
        (0.60, 0.80, 0.80, "indistinguishable"),
        (0.69, 0.71, 0.65, "better"),
        (0.69, 0.71, 0.75, "worse"),
    ],
)
def test_the_gap_has_the_interval_over_the_seeds(
    project: Path, low: float, high: float, published: float, verdict: str
) -> None:
    interval = {"test_accuracy_sd": 0.01, "test_accuracy_low": low, "test_accuracy_high": high}
    write(project, "opinions-lstm", test_accuracy=0.70, seeds=3, **interval)
    set_goals(project, goal(["opinions-lstm"], "test_accuracy", published, protocol=LABELS))
    result = only(project, "opinions")
    assert result.verdict == verdict
    assert result.gap_low == pytest.approx(low - published)
    assert result.gap_high == pytest.approx(high - published)
    assert result.label == "opinions-lstm, mean of 3 seeds"
    assert gap(result).endswith(f"), {verdict}")


def test_of_a_loss_the_lower_end_of_the_gap_is_that_of_the_higher_loss(project: Path) -> None:
    interval = {"test_perplexity_sd": 1.0, "test_perplexity_low": 25, "test_perplexity_high": 35}
    write(project, "verses-fixed", test_perplexity=30.0, seeds=2, **interval)
    set_goals(project, goal(["verses-fixed"], "test_perplexity", 20.0, protocol=PERPLEXITY))
    result = only(project, "verses")
    assert (result.gap, result.gap_low, result.gap_high) == (-10, -15, -5)
    assert result.verdict == "worse"


def test_models_that_differ_in_their_seed_give_an_interval(project: Path) -> None:
    """Deviations -1, 0, 1 from the mean: Student's t of 2 degrees at 97.5 % is 4.303."""
    names = ["verses-fixed", "verses-attention", "verses-third"]

    def add(tree: dict[str, Any]) -> None:
        family = tree["models"]["seq2seq"]
        family["verses-third"] = family["verses-fixed"]

    edit(project, add)
    for name, value in zip(names, (4.0, 5.0, 6.0), strict=True):
        write(project, name, test_bleu=value, **GREEDY)
    set_goals(project, goal(names, "test_bleu", 4.5, protocol=BLEU))
    result = only(project, "verses")
    assert result.deviation == pytest.approx(1)
    assert result.low == pytest.approx(5 - 4.30265 / 3**0.5, rel=1e-5)
    assert result.verdict == "indistinguishable"
    assert result.protocol.seeds == 3


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "ensemble"}, "kind: ours single, theirs ensemble"),
        ({"split": "test2017"}, f"split: ours {SPLIT}, theirs test2017"),
        ({"decoding": "beam 5"}, "decoding: ours greedy, theirs beam 5"),
        ({"tokens": "13a"}, "tokens: ours words, theirs 13a"),
        ({"case": "mixed"}, "case: ours lower, theirs mixed"),
        ({"case": "mixed", "kind": "mixture"}, "kind: ours single, theirs mixture; case: ours"),
    ],
)
def test_numbers_of_different_protocols_have_no_gap(
    project: Path, changes: dict[str, str], text: str
) -> None:
    write(project, "verses-fixed", test_bleu=7.1, **GREEDY)
    set_goals(project, goal(["verses-fixed"], "test_bleu", 5.0, protocol=BLEU | changes))
    result = only(project, "verses")
    assert (result.gap, result.verdict) == (None, None)
    assert gap(result).startswith(f"different protocol: {text}")
    assert goal_results.texts(result).published == "5.0; a GRU of <others>; a paper"


def test_a_perplexity_without_teacher_forcing_has_no_gap(project: Path) -> None:
    """The notebooks of Multi30k evaluate without it, and the gap was a factor of five."""
    free = PERPLEXITY | {"teacher_forcing": False}
    set_goals(project, goal(["verses-fixed"], "test_perplexity", 37.46, protocol=free))
    assert gap(only(project, "verses")) == (
        "different protocol: teacher forcing: ours on, theirs off"
    )


def test_another_number_of_seeds_is_stated_and_no_difference(project: Path) -> None:
    protocol = LABELS | {"seeds": 5}
    set_goals(project, goal(["opinions-lstm"], "test_accuracy", 0.6, protocol=protocol))
    result = only(project, "opinions")
    assert gap(result) == "+0.0800, one seed"
    text = "0.6; a GRU of <others>; mean of 5 seeds; a paper"
    assert goal_results.texts(result).published == text


def test_our_protocol_follows_from_params_and_metrics(project: Path) -> None:
    def sub_words(tree: dict[str, Any]) -> None:
        tree["corpora"]["verses"] |= {"tokens": "bpe", "vocabulary": {"max_size": 10000}}
        tree["corpora"]["verses"]["cleaning"]["lowercase"] = False
        tree["models"]["seq2seq"]["verses-fixed"]["ensemble_size"] = 3

    edit(project, sub_words)
    config = params.load(project / "params.yaml")
    aim = params.Goal(models=("verses-fixed",), metric="test_sacrebleu")
    metrics = {
        "search": "beam 5, length penalty 1",
        "test_sacrebleu_signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
    }
    assert goal_results.own_protocol(aim, config, metrics) == Protocol(
        kind="ensemble",
        split=SPLIT,
        seeds=1,
        decoding="beam 5, length penalty 1",
        tokens="13a",
        case="mixed",
    )


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["ptb.test.txt"], "ptb.test"),
        (["test_2016.de.gz", "test_2016.en.gz"], "test_2016"),
        (["test_text.txt", "test_labels.txt"], "test"),
        (["a.txt", "b.txt"], "a.txt b.txt"),
    ],
)
def test_a_given_split_has_the_name_of_its_files(files: list[str], name: str) -> None:
    config = params.load(Path(__file__).parents[3] / "params.yaml")
    split = params.GivenSplit(method="given", train=("x",), valid=("y",), test=tuple(files))
    corpus = config.corpora["shakespeare"].model_copy(update={"split": split})
    assert goal_results.split_name(corpus) == name


# Parts ------------------------------------------------------------------------------------------

ENSEMBLE = {
    "test_accuracy": 0.72,
    "parameters": 300,
    "member/seeds": 3,
    "member/test_accuracy": 0.70,
    "member/test_accuracy_sd": 0.01,
    "member/test_accuracy_low": 0.68,
    "member/test_accuracy_high": 0.72,
    "member/parameters": 100,
}
MIXTURE = {
    "test_bits_per_character": 2.0,
    "parameters": 300,
    "ngram_counts": 5000,
    "network/test_bits_per_character": 2.2,
    "network/parameters": 300,
    "ngram/test_bits_per_character": 2.5,
    "ngram/ngram_counts": 5000,
}
CHARACTERS = {"kind": "single", "split": "contiguous 0.05", "context": "carried"}


def test_single_model_and_ensemble_are_rows_of_their_own(project: Path) -> None:
    edit(
        project,
        lambda tree: tree["models"]["lstm"]["opinions-lstm"].update(ensemble_size=3),
    )
    write(project, "opinions-lstm", **ENSEMBLE)
    published = goal(["opinions-lstm"], "test_accuracy", 0.65, protocol=LABELS)
    set_goals(project, published, published | {"part": "member"})
    opinions = table(project, "opinions")
    whole, member = opinions.goals
    assert whole.label == "opinions-lstm: ensemble of 3"
    assert gap(whole) == "different protocol: kind: ours ensemble, theirs single"
    assert member.label == "opinions-lstm: single model, mean of 3 seeds"
    assert member.verdict == "better"
    assert (whole.parameters, member.parameters) == (300, 100)
    row = next(row for row in opinions.rows if row.model == "opinions-lstm")
    assert row.kind == "ensemble of 3"
    (part,) = row.parts
    assert part.title == "single model, mean of 3 seeds"
    assert part.cells[0].text == "0.700 ± 0.010"
    size = [column.key for column in opinions.columns].index("parameters")
    assert (row.cells[size].text, part.cells[size].text) == ("300", "100")


def test_a_gap_of_an_ensemble_says_that_it_is_one(project: Path) -> None:
    edit(
        project,
        lambda tree: tree["models"]["lstm"]["opinions-lstm"].update(ensemble_size=3),
    )
    write(project, "opinions-lstm", **ENSEMBLE)
    protocol = LABELS | {"kind": "ensemble"}
    set_goals(project, goal(["opinions-lstm"], "test_accuracy", 0.7, protocol=protocol))
    assert gap(only(project, "opinions")) == "+0.0200, one ensemble"


def test_network_and_ngrams_are_rows_with_sizes_of_their_own(project: Path) -> None:
    ngram = {"order": 3, "smoothing": "kneser_ney"}
    edit(project, lambda tree: tree["models"]["lstm"]["shakespeare-lstm"].update(ngram=ngram))
    write(project, "shakespeare-lstm", **MIXTURE)
    published = goal(["shakespeare-lstm"], "test_bits_per_character", 2.1, protocol=CHARACTERS)
    set_goals(project, published, published | {"part": "network"}, published | {"part": "ngram"})
    shakespeare = table(project, "shakespeare")
    mixture, network, counts = shakespeare.goals
    assert gap(mixture) == "different protocol: kind: ours mixture, theirs single"
    assert gap(network) == "-0.1000, one seed"
    assert gap(counts) == "-0.4000, no seed"
    sizes = [goal_results.texts(result).size for result in shakespeare.goals]
    assert sizes == ["300 + 5,000 n-gram counts", "300", "5,000 n-gram counts"]
    row = next(row for row in shakespeare.rows if row.model == "shakespeare-lstm")
    assert row.kind == "mixture with n-grams"
    assert [part.title for part in row.parts] == ["network alone", "n-grams alone"]
    assert not any(cell.best for part in row.parts for cell in part.cells)
    assert row.size == "300 parameters and 5 k n-gram counts"


def test_target_languages_are_rows_of_their_own(project: Path) -> None:
    edit(
        project,
        lambda tree: tree["corpora"]["verses"]["reader"].update(targets={"fr": "l", "es": "v"}),
    )
    values = {"test_bleu": 20.0, "fr/test_bleu": 15.0, "es/test_bleu": 25.0, "parameters": 9}
    write(project, "verses-fixed", **values, **GREEDY)
    set_goals(
        project,
        goal(["verses-fixed"], "test_bleu", None, part="fr", target=16.0),
        goal(["verses-fixed"], "test_bleu", None, part="es", target=16.0),
    )
    verses = table(project, "verses")
    assert [(result.label, result.reached) for result in verses.goals] == [
        ("verses-fixed: fr, one seed", False),
        ("verses-fixed: es, one seed", True),
    ]
    assert verses.goals[0].parameters == 9
    row = next(row for row in verses.rows if row.model == "verses-fixed")
    assert [(part.title, part.cells[0].text) for part in row.parts] == [
        ("fr", "15.0"),
        ("es", "25.0"),
    ]


def test_a_part_that_was_not_evaluated_is_an_error_of_publish_only(project: Path) -> None:
    edit(
        project,
        lambda tree: tree["models"]["lstm"]["opinions-lstm"].update(ensemble_size=3),
    )
    set_goals(project, goal(["opinions-lstm"], "test_accuracy", None, part="member", target=0.7))
    assert table(project, "opinions").goals == ()
    config = params.load(project / "params.yaml")
    with pytest.raises(UserError, match=r"opinions-lstm have no test_accuracy of part member"):
        goal_results.of_goal(config.goals[0], config, {"opinions-lstm": {"test_accuracy": 0.7}})


# Tables -----------------------------------------------------------------------------------------


def test_a_metric_with_a_goal_gets_a_column(project: Path) -> None:
    metrics = {
        "test_bits_per_character": 2.0,
        "test_nats_per_character": 1.386,
        "parameters": 7,
    }
    write(project, "shakespeare-lstm", **metrics)
    keys = [column.key for column in table(project, "shakespeare").columns]
    assert "test_nats_per_character" not in keys
    set_goals(
        project,
        goal(["shakespeare-lstm"], "test_nats_per_character", 1.4697, protocol=CHARACTERS),
    )
    shakespeare = table(project, "shakespeare")
    keys = [column.key for column in shakespeare.columns]
    assert keys.index("test_nats_per_character") < keys.index("parameters")
    assert gap(shakespeare.goals[0]) == "+0.0837, one seed"


def test_results_prints_goals_and_parts(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        project,
        lambda tree: tree["models"]["lstm"]["opinions-lstm"].update(ensemble_size=3),
    )
    write(project, "opinions-lstm", **ENSEMBLE)
    set_goals(project, goal(["opinions-lstm"], "test_accuracy", 0.65, protocol=LABELS))
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "240")
    results([])
    output = capsys.readouterr().out
    assert "opinions-lstm, ensemble of 3" in output
    assert "single model, mean of 3 seeds" in output
    assert "different protocol: kind: ours ensemble, theirs single" in output
