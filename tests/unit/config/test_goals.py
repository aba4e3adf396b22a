"""Goals of params.yaml and their error messages."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import params
from pipelines.config import parts as model_parts
from pipelines.errors import UserError
from pipelines.evaluation import metrics

TEXT = (Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8")
GOAL = {
    "models": ["verses-fixed", "verses-attention"],
    "metric": "test_bleu",
    "target": 20,
    "published": 28.3,
    "reference": "a GRU",
    "source": "a paper",
    "protocol": {
        "kind": "single",
        "split": "test2016",
        "decoding": "greedy",
        "tokens": "13a",
        "case": "lower",
    },
}
PROTOCOL: dict[str, Any] = GOAL["protocol"]
NGRAM = {"order": 3, "smoothing": "kneser_ney"}
TITLES = {"ngram": "n-grams", "cache": "a cache"}
REFERENCE = "set all of 'published', 'reference', 'source' and 'protocol'"
INVALID: dict[str, tuple[list[dict[str, Any]], str]] = {
    "an unknown model": (
        [GOAL | {"models": ["verses-fixt"]}],
        r"goals\.0\.models: .*'verses-fixt'; did you mean 'verses-fixed'\? known:",
    ),
    "models of two corpora": (
        [GOAL | {"models": ["verses-fixed", "dates-fixed"]}],
        r"goals\.0\.models must share one corpus.*'verses' and 'dates'",
    ),
    "a published number without a source": (
        [{**GOAL, "source": None}],
        f"goals.0: 'source' is missing: {REFERENCE}",
    ),
    "a source without a number": (
        [{**GOAL, "published": None}],
        f"goals.0: 'published' is missing: {REFERENCE}",
    ),
    "a published number without a protocol": (
        [{**GOAL, "protocol": None}],
        f"goals.0: 'protocol' is missing: {REFERENCE}",
    ),
    "an unknown key of a protocol": (
        [GOAL | {"protocol": PROTOCOL | {"decodign": "greedy"}}],
        r"goals\.0\.protocol\.decodign is not a valid key; did you mean 'decoding'",
    ),
    "an unknown kind of model": (
        [GOAL | {"protocol": PROTOCOL | {"kind": "ensembel"}}],
        r"goals\.0\.protocol\.kind is 'ensembel'; did you mean 'ensemble'",
    ),
    "a protocol without a split": (
        [GOAL | {"protocol": {"kind": "single"}}],
        r"goals\.0\.protocol\.split is missing",
    ),
    "a part that no model has": (
        [GOAL | {"part": "member"}],
        r"goals\.0\.part: 'verses-fixed' has no part 'member': it has no parts",
    ),
    "two numbers of one reference": (
        [GOAL, GOAL | {"published": 28.4}],
        r"goals\.1\.published is 28\.4.*28\.3.*'reference'",
    ),
    "an unknown key": (
        [GOAL | {"tarjet": 1}],
        r"goals\.0\.tarjet is not a valid key; did you mean 'target'",
    ),
}


def load(folder: Path, goals: list[dict[str, Any]]) -> params.Params:
    """Load params.yaml with other goals."""
    assert "\ngoals: []\n" in TEXT
    path = folder / "params.yaml"
    path.write_text(TEXT.replace("goals: []", f"goals: {json.dumps(goals)}"), encoding="utf-8")
    return params.load(path)


@pytest.mark.parametrize("name", INVALID)
def test_invalid_goals(tmp_path: Path, name: str) -> None:
    goals, message = INVALID[name]
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, goals)
    assert "\n" not in str(error.value)


def test_a_target_alone_and_one_number_for_several_models_are_goals(tmp_path: Path) -> None:
    target_only = {"models": ["dates-fixed"], "metric": "test_exact_match", "target": 0.9}
    other = GOAL | {"metric": "test_exact_match"}
    goals = load(tmp_path, [GOAL, GOAL | {"models": ["verses-fixed"]}, other, target_only]).goals
    assert [goal.target for goal in goals] == [20, 20, 20, 0.9]


def without(key: str) -> dict[str, Any]:
    """Return a goal whose protocol lacks a key."""
    return GOAL | {"protocol": {name: text for name, text in PROTOCOL.items() if name != key}}


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (without("decoding"), r"goals\.0\.protocol\.decoding is missing: test_bleu depends on it"),
        (without("case"), r"goals\.0\.protocol\.case is missing: test_bleu depends on it"),
        (
            GOAL | {"protocol": PROTOCOL | {"teacher_forcing": True}},
            r"goals\.0\.protocol\.teacher_forcing has no meaning for test_bleu: remove it",
        ),
        (
            GOAL | {"metric": "test_perplexity"},
            r"goals\.0\.protocol\.case has no meaning for test_perplexity: remove it",
        ),
    ],
)
def test_a_protocol_has_the_keys_that_its_metric_depends_on(
    tmp_path: Path, goal: dict[str, Any], message: str
) -> None:
    config = load(tmp_path, [goal])
    with pytest.raises(UserError, match=rf"params\.yaml: {message}"):
        metrics.check_goals(config)
    metrics.check_goals(load(tmp_path, [GOAL]))


def test_parts_follow_from_the_entry_of_a_model(tmp_path: Path) -> None:
    tree = yaml.safe_load(TEXT)
    lstm = tree["models"]["lstm"]
    lstm["opinions-lstm"]["ensemble_size"] = 3
    tree["goals"] = [
        {"models": ["opinions-lstm"], "part": "member", "metric": "test_accuracy", "target": 0.7}
    ]
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert params.load(path).goals[0].part == "member"
    tree["goals"][0]["part"] = "membr"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(UserError, match=r"goals\.0\.part: .*'membr'; did you mean 'member'"):
        params.load(path)
    assert params.load(path, with_goals=False).goals == ()


@pytest.mark.parametrize(
    ("family", "name", "changes", "parts", "kind"),
    [
        ("lstm", "shakespeare-lstm", {}, (), "single"),
        ("lstm", "shakespeare-lstm", {"ensemble_size": 2}, ("member",), "ensemble"),
        ("lstm", "shakespeare-lstm", {"ngram": NGRAM}, ("network", "ngram"), "mixture"),
        ("lstm", "shakespeare-lstm", {"cache": {"window": 9}}, ("network",), "mixture"),
        (
            "lstm",
            "shakespeare-lstm",
            {"ngram": NGRAM, "ensemble_size": 2},
            ("network", "ngram", "member"),
            "mixture",
        ),
        ("baseline", "shakespeare-markov", {"cache": {"window": 9}}, ("ngram",), "mixture"),
    ],
)
def test_kind_and_parts_of_models(
    family: str, name: str, changes: dict[str, Any], parts: tuple[str, ...], kind: str
) -> None:
    tree = yaml.safe_load(TEXT)
    tree["models"][family][name] |= changes
    config = params.Params.model_validate(tree)
    entry = config.models[name]
    assert model_parts.parts_of(entry, config.corpora["shakespeare"]) == parts
    assert model_parts.kind_of(entry) == kind
    for part in parts:
        ensemble = part == "network" and "ensemble_size" in changes
        assert model_parts.kind_of(entry, part) == ("ensemble" if ensemble else "single")
    if kind == "mixture":
        others = [text for key, text in TITLES.items() if key in changes]
        assert model_parts.title_of(entry) == f"mixture with {' and '.join(others)}"
