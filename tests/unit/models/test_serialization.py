"""Models on disk: they are loaded as they were saved, and damage is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.models.ensemble import Ensemble
from pipelines.models.ngram import NGram
from pipelines.text import encoding, vocabulary

KINDS = {
    "bag_of_words": {},
    "language_model": {"tied_embeddings": True},
    "classifier": {"pooling": "attention"},
    "seq2seq": {"tied_embeddings": "all", "attention": "coverage", "scheduled_sampling": 0.2},
}


def save_model(make, folder, kind, members=1, **changes):
    """Save a model with initial weights; return it with its spec and its vocabulary file."""
    spec = make.spec(kind, ensemble_size=members if members > 1 else None, **changes)
    model = serialization.combine_members(
        [serialization.build(spec.entry, make.vocabularies(kind)) for _ in range(members)]
    )
    vocabulary_file = folder / "vocabulary.json"
    vocabulary.save(make.vocabularies(kind), vocabulary_file)
    serialization.save(model, spec, vocabulary_file, folder / "model")
    return model, spec, vocabulary_file


def predict(model, kind):
    ids = tf.constant([[4, 5, 6], [5, 4, 0]])
    outputs = model(ids, ids) if kind == "seq2seq" else model(ids)
    return outputs[0] if isinstance(outputs, tuple) else outputs


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_equals_the_saved_one(make, kind, tmp_path):
    model, spec, vocabulary_file = save_model(make, tmp_path, kind, **KINDS[kind])
    loaded, loaded_spec, vocabularies = serialization.load(tmp_path / "model", vocabulary_file)
    assert loaded_spec == spec
    assert vocabularies == make.vocabularies(kind)
    for weights, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    np.testing.assert_array_equal(predict(loaded, kind), predict(model, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_an_ensemble_has_a_weight_file_per_member(make, kind, tmp_path):
    model, _, vocabulary_file = save_model(make, tmp_path, kind, members=2, **KINDS[kind])
    names = {file.name for file in (tmp_path / "model").glob("*.h5")}
    assert names == {serialization.WEIGHTS, "model-2.weights.h5"}
    loaded, _, _ = serialization.load(tmp_path / "model", vocabulary_file)
    assert isinstance(loaded, Ensemble)
    first, second = (predict(member, kind) for member in loaded.members)
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(predict(loaded, kind), predict(model, kind))
    parameters = serialization.count_parameters(loaded.members[0])
    assert serialization.count_parameters(loaded) == 2 * parameters
    sizes = {"parameters": 2 * parameters, "member/parameters": parameters}
    assert serialization.sizes(loaded) == sizes


def test_a_missing_member_is_refused(make, tmp_path):
    _, _, vocabulary_file = save_model(make, tmp_path, "bag_of_words", members=2)
    (tmp_path / "model" / "model-2.weights.h5").unlink()
    with pytest.raises(UserError, match=r"model-2\.weights\.h5"):
        serialization.load(tmp_path / "model", vocabulary_file)


def test_a_model_with_another_vocabulary_is_refused(make, tmp_path):
    _, _, vocabulary_file = save_model(make, tmp_path, "bag_of_words")
    vocabulary.save(make.vocabularies("seq2seq"), vocabulary_file)
    with pytest.raises(UserError, match=r"model.*another vocabulary.*vocabulary\.json"):
        serialization.load(tmp_path / "model", vocabulary_file)


def test_a_folder_without_a_model_is_refused(make, tmp_path):
    with pytest.raises(UserError, match="missing-model contains no model"):
        serialization.load(tmp_path / "missing-model")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (serialization.SPEC, b"{}"),
        (serialization.SPEC, b"no json"),
        (serialization.SPEC, None),
        (serialization.VOCABULARY, None),
        (serialization.WEIGHTS, b"\x89HDF"),
        (serialization.WEIGHTS, None),
    ],
)
def test_a_damaged_model_is_refused(make, tmp_path, name, content):
    _, _, vocabulary_file = save_model(make, tmp_path, "bag_of_words")
    if content is None:
        (tmp_path / "model" / name).unlink()
    else:
        (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(UserError, match=r"seqproof run"):
        serialization.load(tmp_path / "model", vocabulary_file)


def tamper(path, change):
    """Change the content of a JSON file."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    change(tree)
    path.write_text(json.dumps(tree), encoding="utf-8")


TAMPERED_SPECS = {
    "other tokens": (lambda tree: tree.update(tokens="characters"), "has words, and the model ch"),
    "unknown tokens": (lambda tree: tree.update(tokens="wirds"), "tokens: Input should be"),
    "tokens as a list": (lambda tree: tree.update(tokens=["words"]), "tokens: Input should be"),
    "another task": (lambda tree: tree.update(task="tagging"), "classifier is not for tagging"),
    "absurd units": (lambda tree: tree["model"].update(units=65536), r"h5 is damaged .*fewer wei"),
    "absurd embedding": (lambda tree: tree["model"].update(embedding=65536), "fewer weights"),
    "text for a seed": (lambda tree: tree.update(seed="1"), "seed: Input should be a valid int"),
    "a negative seed": (lambda tree: tree.update(seed=-1), "seed: Input should be greater"),
    "no cleaning": (lambda tree: tree.pop("cleaning"), "cleaning: Field required"),
    "a list": (lambda tree: tree.update(model=[]), "model: Input should be"),
    "another key": (lambda tree: tree.update(extra=1), "extra: Extra inputs"),
    "another cell": (lambda tree: tree["model"].update(cell="rnn"), "h5 is missing or damaged"),
}


@pytest.mark.parametrize("case", TAMPERED_SPECS)
def test_a_tampered_spec_is_refused(make, tmp_path, case):
    change, message = TAMPERED_SPECS[case]
    _, _, vocabulary_file = save_model(make, tmp_path, "classifier")
    tamper(tmp_path / "model" / serialization.SPEC, change)
    with pytest.raises(UserError, match=message):
        serialization.load(tmp_path / "model", vocabulary_file)


def test_a_deeply_nested_spec_is_refused(make, tmp_path):
    save_model(make, tmp_path, "bag_of_words")
    (tmp_path / "model" / serialization.SPEC).write_text('{"model": ' + "[" * 10**5)
    with pytest.raises(UserError, match="recursion limit"):
        serialization.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 2}, "seed"),
        ({"tokens": "characters"}, "tokens"),
        ({"cleaning": {"lowercase": False}}, "cleaning.lowercase"),
        ({"entry": {"epochs": 7}}, "model.epochs"),
    ],
)
def test_a_model_of_other_parameters_is_refused(make, tmp_path, change, message):
    _, spec, vocabulary_file = save_model(make, tmp_path, "bag_of_words")
    serialization.load(tmp_path / "model", vocabulary_file, expected=spec)
    ((key, value),) = change.items()
    if isinstance(value, dict):
        value = getattr(spec, key).model_copy(update=value)
    expected = replace(spec, **{key: value})
    with pytest.raises(UserError, match=rf"other parameters than params\.yaml has \({message}\)"):
        serialization.load(tmp_path / "model", vocabulary_file, expected=expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree.update(labels="abc"), "labels: Input should be a valid array"),
        (lambda tree: tree.update(labels=["b", "a"]), "labels are not in order"),
        (lambda tree: tree.update(labels=["a", "a"]), "labels are not in order"),
        (lambda tree: tree.pop("labels"), "labels are not those of classification"),
        (lambda tree: tree.update(columns={}), "columns: Dictionary should have at least 1"),
        (lambda tree: tree.update(columns=[]), "columns: Input should be an object"),
        (lambda tree: tree.update(columns={"source": tree["columns"]["text"]}), "is for source"),
        (lambda tree: tree["columns"]["text"].update(tokens="abc"), "tokens: Input should be"),
        (lambda tree: tree["columns"]["text"]["counts"].append(-1), "counts.*greater than or"),
        (lambda tree: tree["columns"]["text"]["tokens"].append(4), "valid string"),
    ],
)
def test_a_tampered_vocabulary_is_refused(make, tmp_path, change, message):
    save_model(make, tmp_path, "bag_of_words")
    tamper(tmp_path / "model" / serialization.VOCABULARY, change)
    with pytest.raises(UserError, match=message) as error:
        serialization.load(tmp_path / "model")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(make, tmp_path, value):
    model, spec, vocabulary_file = save_model(make, tmp_path, "bag_of_words")
    weights = model.get_weights()
    weights[0][0, 0] = value
    model.set_weights(weights)
    serialization.save(model, spec, vocabulary_file, tmp_path / "model")
    with pytest.raises(UserError, match=r"weights\.h5 is damaged \(a weight is infinite or no num"):
        serialization.load(tmp_path / "model")


def save_ngram(make, folder):
    """Save an n-gram model of order 3 and its vocabulary; return the model's folder."""
    vocabularies = make.vocabularies("ngram")
    stream = encoding.encode_stream(make.frame("ngram"), vocabularies)
    size = len(vocabularies.columns["text"])
    model = NGram.count(stream, 3, size, "witten_bell")
    vocabulary.save(vocabularies, folder / "vocabulary.json")
    serialization.save(model, make.spec("ngram"), folder / "vocabulary.json", folder / "model")
    return folder / "model"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.rename(columns={"n": "k"}), "columns are not n, code and count"),
        (lambda table: table.astype(float), "columns are not n, code and count"),
        (lambda table: table[table["n"] < 3], r"lengths \[1, 2\], and the model has the order 3"),
        (lambda table: table.assign(code=-table["code"]), "1-grams are not those of"),
        (lambda table: table.assign(code=table["code"] + 10**6), "1-grams are not those of"),
        (lambda table: table[::-1], "1-grams are not those of"),
        (lambda table: table.assign(count=0), "1-grams are not those of"),
        (lambda table: table[:0], r"lengths \[\]"),
    ],
)
def test_tampered_counts_are_refused(make, tmp_path, change, message):
    folder = save_ngram(make, tmp_path)
    serialization.load(folder)
    file = folder / "counts.parquet"
    parquet.write_parquet(change(parquet.read_parquet(file)), file)
    with pytest.raises(UserError, match=rf"counts\.parquet is damaged .*{message}"):
        serialization.load(folder)


@pytest.mark.parametrize("order", [2, "3", [3], None])
def test_a_tampered_order_is_refused(make, tmp_path, order):
    folder = save_ngram(make, tmp_path)
    tamper(folder / serialization.HYPERPARAMETERS, lambda tree: tree.update(order=order))
    with pytest.raises(UserError, match=r"hyperparameters\.json is damaged"):
        serialization.load(folder)


def test_weights_of_another_shape_are_refused(make, tmp_path):
    for units in (8, 9):
        save_model(make, tmp_path / str(units), "classifier", units=units)
    weights = (tmp_path / "8" / "model" / serialization.WEIGHTS).read_bytes()
    (tmp_path / "9" / "model" / serialization.WEIGHTS).write_bytes(weights)
    with pytest.raises(UserError, match=r"model\.weights\.h5 is missing or damaged"):
        serialization.load(tmp_path / "9" / "model")
