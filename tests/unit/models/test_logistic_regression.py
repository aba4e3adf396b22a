"""Logistic regression on tf-idf: scikit-learn's probabilities from our tokens and our files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from threadpoolctl import threadpool_info, threadpool_limits

from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.models import logistic_regression, serialization
from pipelines.tasks import classification
from pipelines.tasks.classification import TASK
from pipelines.text import vocabulary
from pipelines.training import result
from tests.unit.small_training import RowRecorder

ROOT = Path(__file__).parents[3]


def random_frame(rows, labels, seed=1):
    """Texts of frequent and rare words, of which the first depends on the label."""
    random = np.random.default_rng(seed)
    chosen = random.integers(len(labels), size=rows)
    words = random.zipf(1.4, size=(rows, 8)) % 50
    texts = [
        " ".join([f"first{label}" if random.random() < 0.6 else "x", *(f"w{word}" for word in row)])
        for label, row in zip(chosen, words, strict=True)
    ]
    return pd.DataFrame({"text": texts, "label": [labels[label] for label in chosen]})


def vocabularies_of(frame, max_size=1000):
    words = vocabulary.build(list(frame["text"]), "words", max_size, 1)
    return vocabulary.Vocabularies({"text": words}, tuple(sorted(set(frame["label"]))))


def train(make, frame, valid, callbacks=(), max_size=1000, **changes):
    spec = make.spec("logistic_regression", **changes)
    vocabularies = vocabularies_of(frame, max_size)
    return TASK.train(spec, (frame, valid), vocabularies, callbacks), spec, vocabularies


def save_and_load(trained, spec, vocabularies, folder):
    folder.mkdir(exist_ok=True)
    vocabulary.save(vocabularies, folder / "vocabulary.json")
    result.save(trained, spec, folder / "vocabulary.json", folder / "model")
    return predictor.load(folder / "model", folder / "vocabulary.json")


def probabilities(loaded, frame):
    return np.exp(classification.log_softmax(classification.predict_logits(loaded, frame["text"])))


@pytest.mark.parametrize("labels", [("bad", "good"), ("anger", "joy", "fear")])
@pytest.mark.parametrize(
    "options",
    [
        {"ngrams": 1, "min_count": 1},
        {"ngrams": 2, "min_count": 2, "sublinear_tf": True, "class_weights": "balanced"},
    ],
    ids=["plain", "options"],
)
def test_probabilities_are_those_of_scikit_learns_pipeline(make, tmp_path, labels, options):
    frame, test = random_frame(120, labels), random_frame(40, labels, seed=2)
    # A small vocabulary of the corpus hides no word from this model.
    trained, spec, vocabularies = train(make, frame, frame, max_size=5, c_values=(3.0,), **options)
    loaded = save_and_load(trained, spec, vocabularies, tmp_path)
    vectorizer = TfidfVectorizer(
        token_pattern=r"\S+",
        ngram_range=(1, options["ngrams"]),
        min_df=options["min_count"],
        sublinear_tf=options.get("sublinear_tf", False),
    )
    regression = LogisticRegression(C=3.0, class_weight=options.get("class_weights"))
    regression.fit(vectorizer.fit_transform(frame["text"]), frame["label"])
    expected = regression.predict_proba(vectorizer.transform(test["text"]))
    assert tuple(regression.classes_) == vocabularies.labels
    np.testing.assert_allclose(probabilities(loaded, test), expected, atol=1e-5)
    predicted = TASK.predict(loaded, list(test["text"]))
    assert predicted == list(regression.predict(vectorizer.transform(test["text"])))
    count = (len(vectorizer.vocabulary_) + 1) * len(labels)
    assert serialization.count_parameters(loaded.model) == count


def test_the_validation_split_chooses_c(make):
    labels = ("a", "b", "c")
    frame, valid = random_frame(90, labels), random_frame(60, labels, seed=3)
    recorder = RowRecorder()
    candidates = (1e-4, 0.1, 3.0, 1e3)
    trained, spec, vocabularies = train(make, frame, valid, [recorder], c_values=candidates)
    (row,) = trained.history.to_dict("records")
    assert recorder.rows == [row]
    assert (row["epoch"], row["tokens"]) == (1, 90 * 9)
    scores = {c: row[f"c_{c:g}_valid_macro_f1"] for c in candidates}
    assert len(set(scores.values())) > 2
    assert row["c"] == trained.model.c == max(candidates, key=scores.__getitem__)
    for c in candidates:
        alone, _, _ = train(make, frame, valid, c_values=(c,))
        assert "c" not in alone.history
        model = predictor.Predictor(alone.model, spec, vocabularies)
        predicted = TASK.predict(model, list(valid["text"]))
        score = f1_score(valid["label"], predicted, average="macro")
        assert scores[c] == alone.history["valid_macro_f1"][0] == pytest.approx(score)
        same = np.array_equal(alone.model.weights, trained.model.weights)
        assert same == (c == row["c"])
    assert row["valid_macro_f1"] == scores[row["c"]]
    model = predictor.Predictor(trained.model, spec, vocabularies)
    for part, column in ((frame, "train_loss"), (valid, "valid_loss")):
        loss = log_loss(part["label"], probabilities(model, part))
        assert row[column] == pytest.approx(loss, rel=1e-5)


def test_of_equal_candidates_the_smallest_c_is_chosen(make):
    frame = pd.DataFrame({"text": ["good", "bad"] * 3, "label": ["positive", "negative"] * 3})
    trained, _, _ = train(make, frame, frame, c_values=(0.5, 1.0, 2.0))
    assert trained.history["c_2_valid_macro_f1"][0] == trained.history["valid_macro_f1"][0] == 1
    assert trained.model.c == 0.5


def test_two_fits_have_the_same_bytes(make, tmp_path):
    frame = random_frame(60, ("a", "b", "c"))
    contents = []
    for name in ("first", "second"):
        save_and_load(*train(make, frame, frame), tmp_path / name)
        folder = tmp_path / name / "model"
        contents.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {
        logistic_regression.FILE,
        serialization.HYPERPARAMETERS,
        serialization.SPEC,
        serialization.VOCABULARY,
    }


def test_one_thread_fits(make, monkeypatch):
    """With several, sums are rounded according to their number."""
    threads = []
    fit = LogisticRegression.fit

    def record_threads(*arguments):
        threads.extend(library["num_threads"] for library in threadpool_info())
        return fit(*arguments)

    monkeypatch.setattr(LogisticRegression, "fit", record_threads)
    frame = random_frame(30, ("a", "b"))
    with threadpool_limits(2):
        train(make, frame, frame)
        assert 2 in {library["num_threads"] for library in threadpool_info()}
    assert set(threads) == {1}


def test_neither_training_nor_prediction_starts_tensorflow(make, tmp_path):
    frame = random_frame(30, ("a", "b"))
    trained, spec, vocabularies = train(make, frame, frame)
    save_and_load(trained, spec, vocabularies, tmp_path)
    script = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "import pandas as pd\n"
        "from pipelines.evaluation.evaluate import evaluate\n"
        "from pipelines.inference import predictor\n"
        "from pipelines.tasks.classification import TASK\n"
        "folder = Path(sys.argv[1])\n"
        "frame = pd.DataFrame(json.loads(sys.argv[2]))\n"
        "model = predictor.load(folder / 'model', folder / 'vocabulary.json')\n"
        "TASK.train(model.spec, (frame, frame), model.vocabularies)\n"
        "evaluate(model, frame)\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    arguments = [str(tmp_path), json.dumps(frame.to_dict("list"))]
    output = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert output.stdout.splitlines()[-1:] == ["set()"], output.stderr


def test_one_label_is_an_error(make):
    frame = random_frame(10, ("a",))
    with pytest.raises(UserError, match=r"'c' has only one label.*two or more"):
        train(make, frame, frame)


def test_a_min_count_that_leaves_no_n_gram_is_an_error(make):
    frame = random_frame(10, ("a", "b"))
    with pytest.raises(UserError, match=r"no n-gram.*'min_count: 99'.*'c'.*Lower it"):
        train(make, frame, frame, min_count=99)


@pytest.mark.parametrize("damage", ["missing", "no table", "other columns", "another C"])
def test_a_damaged_file_is_an_error(make, tmp_path, damage):
    frame = random_frame(30, ("a", "b"))
    save_and_load(*train(make, frame, frame), tmp_path)
    file = tmp_path / "model" / logistic_regression.FILE
    if damage == "missing":
        file.unlink()
    elif damage == "no table":
        file.write_bytes(b"no table")
    elif damage == "another C":
        file = file.with_name(serialization.HYPERPARAMETERS)
        file.write_text('{"c": 3.0}', encoding="utf-8")
    else:
        parquet.write_parquet(parquet.read_parquet(file).drop(columns="idf"), file)
    with pytest.raises(UserError, match=rf"{file.name}.*seqproof run"):
        serialization.load(tmp_path / "model")
