"""Entries are added to params.yaml, and all other lines stay as they are."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from pipelines.config import params, params_file
from pipelines.config.params_file import Entry
from pipelines.errors import UserError
from tests.unit.config.shipped import PATH as PARAMS

TEXT = PARAMS.read_text(encoding="utf-8")
TEMPLATES = sorted((PARAMS.parent / "templates").glob("*.yaml"))
STRINGS = [
    *("yes", "No", "on", "y", "null", "~", "true", "", " x", "x ", "-", "- a", "#a", "&a", "*a"),
    *("!a", "%a", "@a", "`a", "a: b", "a,b", '"q"', "'", "[a]", "{a}", "${x}", "a\tb", "a\nb"),
    *("1", "1.5", "0x1", "1e3", "1:30", "017", "2020-01-01", ".inf", "NaN", "=", "<<", "\\n"),
    *("日本", "😀", "ქართული", "a\u2028b", "\u0085", "\ufeffa", "a\u200b", "\x07"),
]


def entry(**values: Any) -> Entry:
    return Entry(values, {})


@pytest.mark.parametrize("file", [PARAMS, *TEMPLATES], ids=lambda file: file.stem)
@pytest.mark.parametrize("path", ["corpora", "models.baseline", "models.fine_tuned"])
def test_an_entry_is_added_and_no_line_changes(file: Path, path: str) -> None:
    text = file.read_text(encoding="utf-8")
    keys = (*path.split("."), "reviews")
    added = params_file.add_entry(text, keys, Entry({"a": 1, "b": "c"}, {"": "news", "b": "why"}))
    before, tree = yaml.safe_load(text), yaml.safe_load(added)
    section = tree
    for key in keys[:-1]:
        section = section[key]
    assert section.pop("reviews") == {"a": 1, "b": "c"}
    assert tree == before
    old, new = text.split("\n"), added.split("\n")
    changed = [line for line in old if line not in new]
    assert all(line.strip().startswith(f"{keys[-2]}: {{}}") for line in changed), changed
    first = next(number for number, line in enumerate(new) if line.strip() == "reviews: # news")
    assert [line.strip() for line in new[first + 1 : first + 4]] == ["a: 1", "# why", "b: c"]


def test_comments_on_the_next_section_stay_before_it() -> None:
    added = params_file.add_entry(TEXT, ("corpora", "reviews"), entry(a=1))
    assert "  reviews:\n    a: 1\n\n# Models, grouped by the stage" in added


def test_an_entry_has_the_indentation_of_the_others() -> None:
    text = "corpora:\n     plays:\n          a: 1\nseed: 1"
    added = params_file.add_entry(text, ("corpora", "reviews"), entry(a=1))
    assert added == "corpora:\n     plays:\n          a: 1\n\n     reviews:\n       a: 1\nseed: 1\n"


@pytest.mark.parametrize("string", STRINGS)
def test_any_string_is_the_same_for_both_readers_of_yaml(string: str) -> None:
    """This project reads YAML 1.1 and DVC YAML 1.2."""
    value = {"labels": [string], "columns": {string: string}}
    added = params_file.add_entry("corpora: {}\n", ("corpora", "x"), entry(reader=value))
    assert yaml.safe_load(added)["corpora"]["x"]["reader"] == value
    assert YAML(typ="safe").load(added)["corpora"]["x"]["reader"] == value


def test_numbers_and_flags_are_plain() -> None:
    value = {"a": 1, "b": 0.002, "c": True, "d": [1, 2.0], "e": {}, "f": []}
    added = params_file.add_entry("corpora: {}\n", ("corpora", "x"), entry(reader=value))
    line = "    reader: {a: 1, b: 0.002, c: true, d: [1, 2.0], e: {}, f: []}\n"
    assert added == f"corpora:\n  x:\n{line}"


def test_long_comments_are_wrapped() -> None:
    comments = {"a": "a long reason " * 20}
    added = params_file.add_entry("corpora: {}\n", ("corpora", "x"), Entry({"a": 1}, comments))
    assert max(map(len, added.split("\n"))) <= 120
    assert added.count("    # ") == 3


def test_a_name_in_use_is_refused() -> None:
    with pytest.raises(UserError, match=r"has an entry corpora\.verses\. Choose another name"):
        params_file.add_entry(TEXT, ("corpora", "verses"), entry(a=1))


def test_entries_within_braces_are_refused() -> None:
    with pytest.raises(UserError, match="corpora within braces"):
        params_file.add_entry("corpora: {a: {}}\n", ("corpora", "x"), entry(a=1))


def test_without_entries_only_the_common_values_remain(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(params_file.without_entries(TEXT), encoding="utf-8")
    loaded, shipped = params.load(file), params.load(PARAMS)
    assert (loaded.corpora, loaded.models, loaded.goals) == ({}, {}, ())
    assert (loaded.seed, loaded.tracking) == (shipped.seed, shipped.tracking)
    assert "seed: 1 # seed of models and experiments\n" in file.read_text(encoding="utf-8")
    assert "Shakespeare" not in file.read_text(encoding="utf-8")
    assert "plays" not in file.read_text(encoding="utf-8")


LSTM = ("models", "lstm", "opinions-lstm")
BLOCK = """\
models:
  lstm:
    mine: # a comment
      hidden: # widths
        - 1
        - 2 # second

      # on the optimizer
      optimizer:
        name: adam # after Kingma
        learning_rate: 0.1

    # on the next
    yours: {}
"""


def test_values_change_and_comments_stay() -> None:
    values = {"units": 131, "optimizer.learning_rate": 1e-05, "optimizer.warmup_steps": 7}
    text = params_file.set_values(TEXT, LSTM, values | {"seeds": [1, 2], "dropout": None})
    old, new = TEXT.split("\n"), text.split("\n")
    assert [line.strip() for line in new if line not in old] == [
        "units: 131",
        "optimizer: {name: adam, learning_rate: 1.0e-05, schedule: linear, clip_norm: 1.0, "
        "warmup_steps: 7}",
        "seeds: [1, 2]",
    ]
    assert len(new) == len(old)  # one line more, one less
    entry = yaml.safe_load(text)["models"]["lstm"]["opinions-lstm"]
    assert entry["optimizer"]["learning_rate"] == 1e-05
    assert "dropout" not in entry


def test_values_of_a_block() -> None:
    path = ("models", "lstm", "mine")
    values = {"hidden": (3,), "optimizer.learning_rate": None, "optimizer.clip_norm": 2.0}
    text = params_file.set_values(BLOCK, path, values | {"cache.window": 9})
    assert text == (
        "models:\n  lstm:\n    mine: # a comment\n      hidden: [3] # second\n\n"
        "      # on the optimizer\n      optimizer:\n        name: adam # after Kingma\n"
        "        clip_norm: 2.0\n      cache: {window: 9}\n\n    # on the next\n    yours: {}\n"
    )


def test_removing_the_first_and_the_only_key_of_braces() -> None:
    text = "models: {lstm: {mine: {a: 1, b: {c: 2}}}}\n"
    path = ("models", "lstm", "mine")
    assert "mine: {b: {c: 2}}" in params_file.set_values(text, path, {"a": None})
    assert "mine: {a: 1, b: {}}" in params_file.set_values(text, path, {"b.c": None})
    assert params_file.set_values(text, path, {"d": None, "b.d": None, "e.f": None}) == text


def test_an_entry_that_shares_values_is_refused() -> None:
    text = "base: &base {a: 1}\nmodels: {lstm: {mine: *base, yours: *base}}\n"
    with pytest.raises(UserError, match=r"models\.lstm\.mine shares values .* Write them out"):
        params_file.set_values(text, ("models", "lstm", "mine"), {"a": 2})
