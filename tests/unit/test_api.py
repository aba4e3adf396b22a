"""The project from Python, in a project with two small classifiers."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipelines import api, paths
from pipelines.data import parquet
from pipelines.text import vocabulary

ROOT = Path(__file__).parents[2]
MODELS = {"baseline": "contrasts-perceptron", "lstm": "contrasts-lstm"}
SMALL = {"epochs": 1, "batch_size": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project whose corpus is prepared, with a trained perceptron."""
    root = tmp_path_factory.mktemp("api")
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["goals"] = []
    tree["experiments"] = {key: {} for key in tree["experiments"]}
    tree["corpora"] = {"contrasts": tree["corpora"]["contrasts"]}
    tree["models"] = {
        family: {name: entries[name] | SMALL for name in entries if name == MODELS.get(family)}
        for family, entries in tree["models"].items()
    }
    tree["models"]["baseline"]["contrasts-perceptron"]["seeds"] = [1, 2]
    (root / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    rows = [
        {"text": f"not {first} , {second} at all", "label": label}
        for first, second, label in (("good", "bad", "negative"), ("bad", "good", "positive"))
    ]
    frame = pd.DataFrame(rows * 8)
    for split in ("train", "valid", "test"):
        parquet.write_parquet(frame, root / paths.frame("contrasts", split))
    words = vocabulary.build(list(frame["text"]), "words", 100, 1)
    path = root / paths.vocabulary("contrasts")
    path.parent.mkdir(parents=True, exist_ok=True)
    vocabulary.save(vocabulary.Vocabularies({"text": words}, ("negative", "positive")), path)
    project = api.Project(root)
    perceptron = project.train("contrasts-perceptron")
    project.save(perceptron, root / paths.model("contrasts-perceptron"))
    return root


def test_the_code_of_the_page_runs(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    names = {}
    exec(code, names)
    output = capsys.readouterr().out
    assert re.search(r"\['(negative|positive)', '(negative|positive)'\]", output)
    assert "accuracy" in output
    perceptron, lstm = names["perceptron"], names["lstm"]
    assert lstm.predictors[0].spec.entry.units == 32
    assert list(lstm.history["epoch"]) == [1, 2]
    # Word counts of all texts are the same.
    assert perceptron.metrics["test_accuracy"] == 0.5
    assert perceptron.metrics["seeds"] == len(perceptron.predictors) == 2
    saved = {file.name for file in Path("exports/contrasts-lstm").iterdir()}
    assert saved == {"model.json", "model.weights.h5", "vocabulary.json"}
    assert not Path("models/contrasts-lstm").exists()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("contrasts-lstn", {}, "no model 'contrasts-lstn'; did you mean 'contrasts-lstm'"),
        ("contrasts-lstm", {"unit": 3}, "^unit is not a valid key; did you mean 'units'"),
        ("contrasts-lstm", {"units": "x"}, "^units is 'x': it must be an integer"),
        ("contrasts-lstm", {"corpus": "verses"}, "^'corpus' cannot be replaced"),
        ("contrasts-lstm", {"workers": 2}, "^'contrasts-lstm' has 'workers: 2'.*workers=None"),
    ],
)
def test_invalid_values_are_refused(folder, name, changes, message):
    with pytest.raises(api.UserError, match=message):
        api.Project(folder).train(name, **changes)


def test_models_that_cannot_be_compared_or_loaded_are_refused(folder):
    project = api.Project(folder)
    with pytest.raises(api.UserError, match="contains no model"):
        project.load("contrasts-lstm")
    with pytest.raises(api.UserError, match="at least two models"):
        api.compare(project.load("contrasts-perceptron"))


def test_texts_are_a_list_and_a_folder_of_other_files_is_not_replaced(folder, tmp_path):
    project = api.Project(folder)
    model = project.load("contrasts-perceptron")
    with pytest.raises(api.UserError, match="needs a list of texts"):
        model.predict("a text")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(api.UserError, match="holds something else"):
        project.save(model, tmp_path)
    vocabulary_file = folder / paths.vocabulary("contrasts")
    hidden = vocabulary_file.rename(vocabulary_file.with_suffix(".hidden"))
    try:
        with pytest.raises(api.UserError, match=r"seqproof run build_vocab@contrasts"):
            project.save(model, tmp_path / "new")
    finally:
        hidden.rename(vocabulary_file)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "notes.txt").is_file()
