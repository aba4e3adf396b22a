"""The JSON file of an analysis."""

import json

import numpy as np
import pytest

from pipelines.errors import UserError
from pipelines.evaluation.analysis import (
    Analysis,
    AttentionMap,
    Confusion,
    LengthScores,
    read_analysis,
    write_analysis,
)
from pipelines.evaluation.calibration import reliability

LENGTHS = LengthScores("tokens", "accuracy", (3, 5), (2, 2), (0.5, 1 / 3))


def test_a_file_restores_its_analysis(tmp_path):
    weights = np.random.default_rng(1).random((2, 3)).astype(np.float32)
    analysis = Analysis(
        LENGTHS,
        (AttentionMap(weights, ("a", "b", "c"), ("d", "e")),),
        Confusion(("bad", "good"), np.array([[1, 2], [3, 4]])),
        reliability(np.array([0.6, 0.9]), np.array([True, False])),
        "the end\nof the text",
    )
    write_analysis(analysis, tmp_path / "m.json")
    restored = read_analysis(tmp_path / "m.json")
    assert restored.lengths.values == (0.5, 0.333333)
    (attention,) = restored.attention
    np.testing.assert_allclose(attention.weights, weights, rtol=1e-5)
    assert (attention.source, attention.target) == (("a", "b", "c"), ("d", "e"))
    assert restored.confusion.labels == ("bad", "good")
    assert restored.confusion.counts.tolist() == [[1, 2], [3, 4]]
    assert restored.reliability.counts.tolist() == analysis.reliability.counts.tolist()
    assert restored.sample == analysis.sample


def test_the_bytes_are_stable(tmp_path):
    weights = np.array([[1 / 3, 2 / 3]])
    for name, shift in (("one", 0.0), ("other", 1e-12)):
        attention = AttentionMap(weights + shift, ("a", "b"), ("c",))
        write_analysis(Analysis(LENGTHS, (attention,)), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    write_analysis(read_analysis(tmp_path / "one"), tmp_path / "again")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "again").read_bytes()


def test_an_empty_translation_has_an_empty_map(tmp_path):
    attention = AttentionMap(np.zeros((0, 2), np.float32), ("a", "b"), ())
    write_analysis(Analysis(LENGTHS, (attention,)), tmp_path / "m.json")
    (restored,) = read_analysis(tmp_path / "m.json").attention
    assert restored.weights.shape == (0, 2)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"lengths": {"a": 1}}'])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "m.json"
    with pytest.raises(UserError, match=r"m\.json"):
        read_analysis(path)
    path.write_text(content)
    with pytest.raises(UserError, match=r"m\.json"):
        read_analysis(path)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["lengths"], []),
        (["lengths", "values"], []),
        (["lengths", "values", 0], None),
        (["lengths", "counts", 0], 1e300),
        (["lengths", "longest"], [[1]]),
        (["attention", 0, "source"], ["a"]),
        (["attention", 0, "target", 0], None),
        (["confusion", "labels", 1], -1),
        (["confusion", "counts"], [[1]]),
        (["confusion", "counts", 0, 1], 2**64),
        (["reliability", "accuracy"], [0.5]),
        (["sample"], 3),
    ],
)
def test_values_of_other_types_or_sizes_are_refused(tmp_path, keys, value):
    path = tmp_path / "m.json"
    analysis = Analysis(
        LENGTHS,
        (AttentionMap(np.ones((2, 3)), ("a", "b", "c"), ("d", "e")),),
        Confusion(("bad", "good"), np.array([[1, 2], [3, 4]])),
        reliability(np.array([0.6, 0.9]), np.array([True, False])),
    )
    write_analysis(analysis, path)
    tree = json.loads(path.read_text(encoding="utf-8"))
    node = tree
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(UserError, match=r"m\.json is damaged. Run `seqproof run`"):
        read_analysis(path)
