"""The lineage section: the stages behind a model's metrics, in an order that is always the same."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.lineage.stages import Inputs, LockedStage
from pipelines.reporting.lineage_section import ModelLineage, model_lineages

CONFIG = params.load(Path(__file__).resolve().parents[3] / "params.yaml")
MODEL = "verses-fixed"
TRAIN = f"train_seq2seq@{MODEL}"
EVALUATE = f"evaluate_seq2seq@{MODEL}"


def md5(letter: str) -> str:
    return letter * 32


def locked(
    deps: dict[str, str], outs: dict[str, str], values: dict[str, Any] | None = None
) -> LockedStage:
    return LockedStage(Inputs("", "", deps, values or {}), outs, {}, {})


@pytest.fixture
def lock() -> dict[str, LockedStage]:
    """The stages of a translator, a stage of another corpus, and one that DVC left over."""
    source = {"kind": "package", "downloads": [{"url": "a"}]}
    model_params = {
        f"models.seq2seq.{MODEL}": {"units": 256, "optimizer": {"learning_rate": 0.002}}
    }
    corpus_params = {"corpora.verses": {"source": source, "search": {"beam": 5}}}
    return {
        "fetch@verses": locked(
            {"stages/fetch.py": md5("0")},
            {"data/raw/verses": md5("a") + ".dir"},
            {"corpora.verses.source": source},
        ),
        "preprocess@verses": locked(
            {"data/raw/verses": md5("a") + ".dir"},
            {"data/prepared/verses/train.parquet": md5("b")},
            {"corpora.verses.source": source, "seed": 1},
        ),
        "build_vocab@verses": locked(
            {"data/prepared/verses/train.parquet": md5("b")},
            {"data/vocabulary/verses.json": md5("c")},
        ),
        TRAIN: locked(
            {
                "data/prepared/verses/train.parquet": md5("b"),
                "data/vocabulary/verses.json": md5("c"),
            },
            {f"models/{MODEL}": md5("d") + ".dir", f"plots/{MODEL}.csv": md5("e")},
            {**model_params, "seed": 1},
        ),
        EVALUATE: locked(
            {f"models/{MODEL}": md5("d") + ".dir", "pipelines": md5("1")},
            {f"metrics/{MODEL}.json": md5("f"), f"predictions/{MODEL}.parquet": md5("9")},
            {**model_params, **corpus_params},
        ),
        "fetch@dates": locked({}, {"data/raw/dates": md5("7")}),
        # The model was a baseline once; DVC keeps the entry.
        f"train_baseline@{MODEL}": locked({}, {f"models/{MODEL}": md5("8")}),
    }


def lineage(lock: dict[str, LockedStage]) -> ModelLineage:
    return model_lineages(CONFIG, lock)[MODEL]


def test_the_lineage_goes_from_the_data_to_the_metrics(lock: dict[str, LockedStage]) -> None:
    verses = lineage(lock)
    assert verses.path == f"metrics/{MODEL}.json"
    assert verses.problems == ()
    stages = ["fetch@verses", "preprocess@verses", "build_vocab@verses", TRAIN, EVALUATE]
    assert [stage.stage for stage in verses.stages] == stages
    assert verses.stages[0].files == (("data/raw/verses", "aaaaaaaa"),)
    metrics, predictions = verses.stages[-1].files
    assert metrics == (f"metrics/{MODEL}.json", "ffffffff")
    assert predictions[1] == "99999999"


def test_each_parameter_is_shown_at_the_first_stage_that_reads_it(
    lock: dict[str, LockedStage],
) -> None:
    assert [stage.params for stage in lineage(lock).stages] == [
        (("corpora.verses.source", 'kind "package", downloads [{"url": "a"}]'),),
        (("seed", "1"),),
        (),
        ((f"models.seq2seq.{MODEL}", "units 256, optimizer.learning_rate 0.002"),),
        (("corpora.verses", "search.beam 5"),),
    ]


def test_the_order_of_dvc_lock_has_no_influence(lock: dict[str, LockedStage]) -> None:
    # fetch@dates has no predecessor, so its position among the others is arbitrary.
    deps = {**lock["build_vocab@verses"].inputs.files, "data/raw/dates": md5("7")}
    lock["build_vocab@verses"] = locked(deps, {"data/vocabulary/verses.json": md5("c")})
    backwards = dict(reversed(lock.items()))
    assert "fetch@dates" in [stage.stage for stage in lineage(backwards).stages]
    assert lineage(backwards) == lineage(lock)


@pytest.mark.parametrize(
    ("removed", "problem", "remaining"),
    [
        (EVALUATE, f"has no stage {EVALUATE}. Run `seqproof run {EVALUATE}`", 0),
        (TRAIN, f"has no stage that wrote models/{MODEL}, which {EVALUATE} read", 1),
        ("fetch@verses", "no stage that wrote data/raw/verses, which preprocess@verses read", 4),
    ],
)
def test_a_stage_missing_from_the_lock_is_reported(
    lock: dict[str, LockedStage], removed: str, problem: str, remaining: int
) -> None:
    del lock[removed]
    verses = lineage(lock)
    assert problem in " ".join(verses.problems)
    assert len(verses.stages) == remaining


def test_an_empty_lock() -> None:
    verses = lineage({})
    assert verses.stages == ()
    assert len(verses.problems) == 1


def test_a_file_that_changed_after_its_stage_wrote_it_is_reported(
    lock: dict[str, LockedStage],
) -> None:
    stage = lock[TRAIN]
    lock[TRAIN] = locked(dict(stage.inputs.files), {f"models/{MODEL}": md5("6")})
    (problem,) = lineage(lock).problems
    assert f"models/{MODEL}" in problem
    assert "66666666" in problem
    assert "dddddddd" in problem
    assert f"`seqproof run {EVALUATE}`" in problem
