"""Where a number comes from: the chain of dvc.lock, the same whatever ran first."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.reporting.lineage_section import Lineage, Step, lineages

HERE = Path(__file__).resolve().parents[3]
MADE = (Path("data/raw"), Path("data/prepared"), Path("data/vocabulary"), Path("models"))
MODEL = "verses-fixed"
PLAIN: tuple[dict[str, str], dict[str, Any]] = ({"data/vocabulary/verses.json": "c" * 32}, {})
TRAIN = f"train_seq2seq@{MODEL}"


def md5(letter: str) -> str:
    return letter * 32


@pytest.fixture
def steps() -> dict[str, Step]:
    """Those of a translator, as dvc.lock has them; some of another corpus, and some left over."""
    source = {"corpora.verses.source": {"kind": "package", "downloads": [{"url": "a"}]}}
    corpus = {**source["corpora.verses.source"]}
    reads = {
        "data/prepared/verses/train.parquet": md5("b"),
        "data/vocabulary/verses.json": md5("c"),
    }
    own = {f"models.{MODEL}": {"units": 256, "optimizer": {"learning_rate": 0.002}}, "seed": 1}
    return {
        "fetch@verses": Step(
            {"stages/fetch.py": md5("0")}, {"data/raw/verses": "a" * 32 + ".dir"}, source
        ),
        "preprocess@verses": Step(
            {"data/raw/verses": "a" * 32 + ".dir"},
            {"data/prepared/verses/train.parquet": md5("b")},
            {**source, "seed": 1},
        ),
        "build_vocab@verses": Step(
            {"data/prepared/verses/train.parquet": md5("b")},
            {"data/vocabulary/verses.json": md5("c")},
            {},
        ),
        TRAIN: Step(
            reads, {f"models/{MODEL}": "d" * 32 + ".dir", f"plots/{MODEL}.csv": md5("e")}, own
        ),
        f"evaluate@{MODEL}": Step(
            {f"models/{MODEL}": "d" * 32 + ".dir", "pipelines": md5("1")},
            {f"metrics/{MODEL}.json": md5("f"), f"predictions/{MODEL}.parquet": md5("9")},
            {**own, "corpora.verses": {"source": corpus, "search": {"beam": 5}}},
        ),
        "fetch@dates": Step({}, {"data/raw/dates": md5("7")}, {}),
        # From when it was a baseline: DVC leaves the entry.
        f"train_baseline@{MODEL}": Step({}, {f"models/{MODEL}": md5("8")}, {}),
    }


def chain(steps: dict[str, Step]) -> Lineage:
    tree = params.load(HERE / "params.yaml")
    return lineages(tree, steps, Path("metrics"), MADE)[MODEL]


def test_the_chain_goes_from_the_data_to_the_metrics(steps: dict[str, Step]) -> None:
    found = chain(steps)
    assert found.path == f"metrics/{MODEL}.json"
    assert found.missing == ()
    stages = ["fetch@verses", "preprocess@verses", "build_vocab@verses", TRAIN, f"evaluate@{MODEL}"]
    assert [link.stage for link in found.links] == stages
    assert found.links[0].files == (("data/raw/verses", "aaaaaaaa"),)
    metrics, predictions = found.links[-1].files
    assert metrics == (f"metrics/{MODEL}.json", "ffffffff")
    assert predictions[1] == "99999999"


def test_each_parameter_stands_where_it_is_read_first(steps: dict[str, Step]) -> None:
    said = [link.params for link in chain(steps).links]
    assert said == [
        (("corpora.verses.source", 'kind "package", downloads [{"url": "a"}]'),),
        (("seed", "1"),),
        (),
        ((f"models.{MODEL}", "units 256, optimizer.learning_rate 0.002"),),
        (("corpora.verses", "search.beam 5"),),
    ]


def test_the_order_of_the_file_says_nothing(steps: dict[str, Step]) -> None:
    also = {"data/raw/dates": md5("7")}  # which no other stage of the chain stands before
    steps["build_vocab@verses"] = Step({**steps["build_vocab@verses"].reads, **also}, *PLAIN)
    turned = dict(reversed(steps.items()))
    assert "fetch@dates" in [link.stage for link in chain(turned).links]
    assert chain(turned) == chain(steps)


@pytest.mark.parametrize(
    ("gone", "sentence", "left"),
    [
        (f"evaluate@{MODEL}", f"does not have evaluate@{MODEL}: `dvc repro evaluate@{MODEL}`", 0),
        (
            TRAIN,
            f"does not have the stage that left models/{MODEL}, which evaluate@{MODEL} read",
            1,
        ),
        ("fetch@verses", "the stage that left data/raw/verses, which preprocess@verses read", 4),
    ],
)
def test_a_stage_that_the_lock_does_not_have_is_said(
    steps: dict[str, Step], gone: str, sentence: str, left: int
) -> None:
    del steps[gone]
    found = chain(steps)
    assert sentence in " ".join(found.missing)
    assert len(found.links) == left


def test_an_empty_lock(tmp_path: Path) -> None:
    found = chain({})
    assert found.links == ()
    assert len(found.missing) == 1


def test_what_was_read_must_be_what_was_left(steps: dict[str, Step]) -> None:
    other: dict[str, Any] = {f"models/{MODEL}": md5("6")}
    steps[TRAIN] = Step(steps[TRAIN].reads, other, steps[TRAIN].params)
    (said,) = chain(steps).missing
    assert said == (
        f"models/{MODEL} is 66666666 as {TRAIN} left it, and dddddddd as evaluate@{MODEL} read it: "
        f"`dvc repro evaluate@{MODEL}` runs it again."
    )
