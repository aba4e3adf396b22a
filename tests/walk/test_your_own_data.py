"""docs/your-own-data.md, followed to the letter: its files, then its commands, in its order."""

import itertools
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.config import params
from tests.walk.projects import ROOT, Project

PAGE = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.S)
    for line in block.splitlines()
]
HEADS = re.findall(r"```text\n(.*?)```", PAGE, flags=re.S)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def reviews() -> str:
    rows = ["review,sentiment\n"]
    nouns = ("film", "book", "play", "music", "story", "song", "opera", "show", "game", "novel")
    for noun, (first, second) in itertools.product(
        nouns, itertools.product(("great", "good", "weak", "poor"), repeat=2)
    ):
        for label, word in (("positive", "wonderful"), ("negative", "boring")):
            end = "great" if label == "positive" else "weak"
            rows.append(f'"The {noun} was {word}, and the actors were {end}.",{label}\n')
            rows.append(f'"{word} {noun}: {first}, then {second}, {end}",{label}\n')
    return "".join(dict.fromkeys(rows))


def diary() -> str:
    places = ("sea", "hill", "town", "lake", "mill", "farm", "inn", "church", "river", "wood")
    verbs = ("walked", "rode", "went", "ran")
    sentences = [
        f"On {day} we {verb} to the {places[(n + m) % 10]}.\n"
        for m, verb in enumerate(verbs)
        for n, day in enumerate(DAYS)
    ]
    return "".join(sentences) * 5


def trips() -> str:
    cities = (("New", "York"), ("Oslo",), ("Los", "Angeles"), ("Rome",), ("San", "Juan"))
    sentences = []
    for verb, city, day in itertools.product(("fly", "go", "drive"), cities, DAYS):
        words = [verb, "to", *city, "on", day]
        tags = ["O", "O", "B-city", *["I-city"] * (len(city) - 1), "O", "B-day"]
        sentences.append("".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True)))
    return "\n".join(sentences)


def phrases(language: str) -> str:
    animals = [("the cat", "die Katze"), ("the dog", "der Hund"), ("the man", "der Mann")]
    animals += [("the child", "das Kind"), ("the cow", "die Kuh"), ("the pig", "das Schwein")]
    verbs = [("sees", "sieht"), ("likes", "mag"), ("has", "hat"), ("seeks", "sucht")]
    things = [("a tree", "einen Baum"), ("a house", "ein Haus"), ("a ball", "einen Ball")]
    things += [("a hat", "einen Hut"), ("a boat", "ein Boot"), ("a garden", "einen Garten")]
    side = ("en", "de").index(language)
    pairs = itertools.product(animals, verbs, things)
    return "".join(" ".join(part[side] for part in parts) + "\n" for parts in pairs)


FILES = {
    "reviews.csv": reviews(),
    "diary.txt": diary(),
    "trips.conll": trips(),
    "phrases.en": phrases("en"),
    "phrases.de": phrases("de"),
}


def test_the_page_shows_the_beginning_of_each_file() -> None:
    assert len(HEADS) == len(FILES)
    for head, (name, text) in zip(HEADS, FILES.items(), strict=True):
        lines = text.splitlines()
        shown = head.rstrip("\n").splitlines()
        assert [line for line in shown if line in lines] == shown, name
        assert f"`{name}`" in PAGE


@pytest.fixture(scope="module")
def outputs(
    tmp_path_factory: pytest.TempPathFactory, server: Mapping[str, str]
) -> tuple[Path, dict[str, str]]:
    """The folder of the project, and the output of each command of the page."""
    folder = tmp_path_factory.mktemp("own") / "my files"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    printed = {}
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0] == "cd":
            folder = folder / words[1]
            continue
        printed[line] = Project(folder, server).run(*words)
    return folder, printed


def output_of(outputs: tuple[Path, dict[str, str]], beginning: str) -> str:
    (output,) = [text for line, text in outputs[1].items() if line.startswith(beginning)]
    return output


def test_every_task_has_a_corpus_and_two_models(outputs: tuple[Path, dict[str, str]]) -> None:
    loaded = params.load(outputs[0] / "params.yaml")
    tasks = {name: entry.task for name, entry in loaded.corpora.items()}
    assert tasks == {
        "reviews": "classification",
        "diary": "language_modelling",
        "trips": "tagging",
        "phrases": "translation",
    }
    for name in tasks:
        assert sum(model.corpus == name for model in loaded.models.values()) == 2


def test_the_first_rows_are_shown(outputs: tuple[Path, dict[str, str]]) -> None:
    output = output_of(outputs, "seqproof new")
    assert "The film was wonderful, and the actors were great." in output
    assert "reviews.csv:2" in output


def test_every_model_of_the_page_is_evaluated_and_used(
    outputs: tuple[Path, dict[str, str]],
) -> None:
    metrics = {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in (outputs[0] / "metrics").glob("*.json")
    }
    named = set(re.findall(r"@([a-z-]+)", "\n".join(COMMANDS)))
    assert set(metrics) == named | {"reviews-logistic", "reviews-lstm"}
    assert metrics["reviews-logistic"]["test_accuracy"] > 0.9
    assert "reviews-lstm" in output_of(outputs, "seqproof results")
    assert "positive" in output_of(outputs, "seqproof predict reviews-logistic")
    assert output_of(outputs, "seqproof generate").startswith("on monday")
    assert output_of(outputs, "seqproof translate").strip()
