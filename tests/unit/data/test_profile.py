"""Profiles of text, and what has moved between two of them."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.data import languages, profile
from pipelines.data.profile import Profile
from pipelines.errors import UserError

ENGLISH = "the weather was fine and we walked along the river until the evening"
FRENCH = "le temps était beau et nous avons marché le long de la rivière jusqu'au soir"


def rows(texts: list[str], labels: list[str] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"document": "d.txt", "line": range(1, len(texts) + 1), "text": texts})
    frame["tokens text"] = frame["text"].str.split().str.len()
    return frame if labels is None else frame.assign(label=labels)


def of(corpus: Any, frame: pd.DataFrame, unknown: float = 0.0) -> dict[str, Any]:
    result = Profile(corpus)
    result.add(frame)
    return result.to_json({"text": unknown})


@pytest.fixture
def opinions(make_corpus):
    return make_corpus("classification")


@pytest.mark.parametrize("rows_of_a_line", [1, 50])
def test_the_profile_depends_on_neither_order_nor_batches(
    rows_of_a_line, opinions, monkeypatch
) -> None:
    monkeypatch.setattr(profile, "SAMPLE", 7)
    texts = [f"{FRENCH if n % 3 else ENGLISH} {'more ' * (n % 5)}" for n in range(50)]
    frame = rows(texts, ["good", "bad"] * 25)
    frame["line"] //= rows_of_a_line + 1  # several rows of one line, as in a Bible
    whole = of(opinions, frame)
    parts = Profile(opinions)
    for part in np.array_split(np.random.default_rng(1).permutation(50), 4):
        parts.add(frame.iloc[part])
    assert json.dumps(parts.to_json({"text": 0.0})) == json.dumps(whole)
    assert whole["rows"] == 50
    assert whole["labels"] == {"bad": 25, "good": 25}
    assert sum(whole["columns"]["text"]["languages"].values()) == 7


def test_long_lengths_share_bins() -> None:
    bins = profile._length_bins(np.array([0, 1, 7, 8, 15, 16, 17, 18, 100, 1000, 1023, 1024]))
    assert bins.tolist() == [0, 1, 7, 8, 15, 16, 16, 18, 96, 960, 960, 1024]


def test_tags_are_counted_by_token(make_corpus) -> None:
    frame = rows(["to Rome", "home"]).assign(tags=["O B-x", "O"])
    assert of(make_corpus("tagging"), frame)["labels"] == {"B-x": 1, "O": 2}


def test_languages_and_scripts() -> None:
    texts = [ENGLISH, FRENCH, "Погода была хорошая, и мы гуляли вдоль реки", "ok", "12 34"]
    assert languages.count_languages(texts) == {"en": 1, "fr": 1, "ru": 1}
    assert languages.count_scripts(texts) == {"Latin": 3, "Cyrillic": 1, "none": 1}


def differences(train: dict[str, Any], new: dict[str, Any]) -> dict[str, profile.Drift]:
    return {difference.measure: difference for difference in profile.compare(train, new)}


def moved(train: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {
        name
        for name, difference in differences(train, new).items()
        if difference.distance > 0.1 and not difference.is_chance
    }


def test_the_measure_that_moved_is_named(opinions) -> None:
    english = [" ".join(ENGLISH.split()[: 5 + n % 7]) for n in range(400)]
    train = of(opinions, rows(english, ["good", "bad"] * 200), 0.01)
    same = of(opinions, rows(english[:60], ["good", "bad"] * 30), 0.02)
    assert moved(train, same) == set()
    french = of(opinions, rows([" ".join(FRENCH.split()[: 5 + n % 7]) for n in range(60)]), 0.01)
    assert moved(train, french) == {"languages of text"}
    language = differences(train, french)["languages of text"]
    assert language.distance == pytest.approx(1.0)
    assert (language.train, language.new) == ("100.0% en", "0.0% en")
    longer = of(opinions, rows([f"{text} {text}" for text in english[:60]]), 0.3)
    assert moved(train, longer) == {"lengths of text", "unknown tokens of text"}
    lengths = differences(train, longer)["lengths of text"]
    assert (lengths.train, lengths.new) == ("median 8 tokens", "median 16 tokens")
    good = of(opinions, rows(english[:60], ["good"] * 60))
    assert moved(train, good) == {"labels"}
    assert differences(train, good)["labels"].distance == pytest.approx(0.5)


@pytest.mark.parametrize(("words", "distance"), [(4, 1.0), (10, 0.0), (12, 1.0)])
def test_lengths_that_training_does_not_have(words, distance, opinions) -> None:
    train, new = (
        of(opinions, rows([" ".join(["word"] * length)] * 40, ["good", "bad"] * 20))
        for length in (10, words)
    )
    assert differences(train, new)["lengths of text"].distance == distance


def test_of_few_texts_chance_explains_the_distance(opinions) -> None:
    english = [" ".join(ENGLISH.split()[: 5 + n % 7]) for n in range(400)]
    train = of(opinions, rows(english))
    few = differences(train, of(opinions, rows(english[:2])))["lengths of text"]
    assert few.distance > 0.5
    assert few.is_chance


@pytest.mark.parametrize("text", ["", "[]", '{"columns": {"text": 1}, "labels": {}}', None])
def test_a_missing_or_damaged_profile_is_named(text, tmp_path) -> None:
    path = tmp_path / "mood.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"mood.json .*seqproof run preprocess@mood"):
        profile.read(path)
