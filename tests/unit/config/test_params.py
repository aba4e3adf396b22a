"""Error messages of params.yaml name the file, the key and a similar valid key."""

import re

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from tests.unit.config.shipped import PATH, TEXT

# ruff: noqa: E501
INVALID = {
    "misspelt key": (
        "order: 3",
        "ordr: 3",
        r"models.baseline.shakespeare-markov.ordr is not a valid key; did you mean 'order'",
    ),
    "misspelt top level": ("seed: 1", "sead: 1", r"sead is not a valid key; did you mean 'seed'"),
    "key of no section": (
        "seed: 1",
        "seed: 1\nfoo: 2",
        r"foo is not a valid key; known: seed, data_seed, threads",
    ),
    "key in a source": (
        "member: iam",
        "membr: iam",
        r"corpora.shakespeare.source.membr is not a valid key; did you mean 'member'",
    ),
    "wrong type": (
        "order: 3",
        "order: three",
        r"models.baseline.shakespeare-markov.order is 'three': it must be an integer",
    ),
    "text for a number": ("max_size: 200", "max_size: '200'", r"vocabulary.max_size is '200'"),
    "true for a number": (
        "order: 3",
        "order: true",
        r"shakespeare-markov.order is true: it must be an integer",
    ),
    "negative rate": (
        "learning_rate: 0.002",
        "learning_rate: -1",
        r"opinions-perceptron.optimizer.learning_rate is -1: it must be greater than 0",
    ),
    "rate that is not a number": (
        "learning_rate: 0.002",
        "learning_rate: .nan",
        r"optimizer.learning_rate is nan",
    ),
    "batch of 0": (
        "batch_size: 64",
        "batch_size: 0",
        r"batch_size is 0: it must be greater than or equal to 1",
    ),
    "dropout of 1": ("dropout: 0.5", "dropout: 1.0", r"dropout is 1.0: it must be less than 1"),
    "attention on a language model": (
        "      bptt_steps: 32",
        "      bptt_steps: 32\n      attention: dot",
        r"models.lstm.shakespeare-rnn.attention is not a valid key of this kind of model: it belongs to seq2seq\.",
    ),
    "key of several other kinds": (
        "      bptt_steps: 32",
        "      bptt_steps: 32\n      batch_tokens: 100",
        r"batch_tokens is not a valid key of this kind of model: it belongs to bag_of_words, classifier, tagger, seq2seq\.",
    ),
    "search on a model": (
        "attention: general",
        "attention: general\n      search: {beam: 5}",
        r"verses-attention.search is not a valid key of this kind of model: it belongs to a corpus\.",
    ),
    "attention that does not exist": (
        "attention: general",
        "attention: generol",
        r"verses-attention.attention is 'generol'; did you mean 'general'\? known: none, additive",
    ),
    "dot attention on unequal widths": (
        "attention: general",
        "attention: dot",
        r"verses-attention: 'attention: dot' needs .*same width",
    ),
    "kind that does not exist": (
        "kind: package",
        "kind: packag",
        r"source.kind is 'packag'; did you mean 'package'",
    ),
    "model that does not exist": (
        "model: ngram",
        "model: ngrm",
        r"shakespeare-markov.model is 'ngrm'; did you mean 'ngram'",
    ),
    "corpus that does not exist": (
        "corpus: shakespeare",
        "corpus: shakespear",
        r"no corpus 'shakespear'; did you mean 'shakespeare'",
    ),
    "corpus of another task": (
        "corpus: shakespeare",
        "corpus: verses",
        r"shakespeare-markov.model: ngram is for language_modelling, but the corpus 'verses' is for translation",
    ),
    "name with a capital": (
        "  shakespeare-markov:",
        "  Shakespeare_Markov:",
        r"lower-case letters",
    ),
    "no training rows": (
        "valid: 0.05, test: 0.05",
        "valid: 0.5, test: 0.5",
        r"'valid' \+ 'test' is 1",
    ),
    "labels on a translation": (
        "length_ratio: {max: 4.0}",
        "length_ratio: {max: 4.0}, labels: {values: [a]}",
        r"'checks.labels.values' belongs to classification",
    ),
    "rule that does not exist": (
        "unknown_rate: {max: 0.15}",
        "max_unknown_rate: 0.15",
        r"corpora.contrasts.checks.max_unknown_rate is not a valid key; did you mean 'unknown_rate'",
    ),
    "number that a rule does not have": (
        "rows: {min: 8000}",
        "rows: {minimum: 8000}",
        r"corpora.contrasts.checks.rows.minimum is not a valid key; did you mean 'min'",
    ),
    "rule of all corpora": (
        "dropped: {max: 0.5, level: error}",
        "dropped: {max: 0.5, level: stop}",
        r"params.yaml:23: checks.dropped.level is 'stop'; known: error, warn",
    ),
    "rule without a level": (
        "dropped: {max: 0.5, level: error}",
        "dropped: {max: 0.5}",
        r"params.yaml:23: checks.dropped.level is missing",
    ),
    "rule that is no map": (
        "rows: {min: 8000}",
        "rows: 8000",
        r"corpora.contrasts.checks.rows is 8000: it must be a map",
    ),
    "labels missing": (
        ", labels: {values: [negative, neutral, positive]}",
        "",
        r"corpora.opinions: 'checks.labels.values' is missing",
    ),
    "reader of another task": (
        "reader: {format: plays}",
        "reader: {format: bible, source: k, targets: {fr: l}}",
        r"'reader.format: bible' is for translation",
    ),
    "dates in the wrong order": (
        'start: "1950',
        'start: "2950',
        r"'start' \(2950-01-01\) must not be after 'end'",
    ),
    "wrong hash": ("sha256: 856c", "sha256: xyzc", r"source.sha256 is 'xyzc"),
    "rate that is infinite": (
        "learning_rate: 0.002",
        "learning_rate: .inf",
        r"rate is inf: it must be a finite number",
    ),
    "rate that YAML reads as text": (
        "learning_rate: 0.002",
        "learning_rate: 4e-3",
        r"rate is '4e-3': it is text to YAML: write 4e-3 as 4.0e-3",
    ),
    "absurd width": (
        "units: 256",
        "units: 999999999",
        r"units is 999999999: it must be less than or equal to 65536",
    ),
    "number for a list": ("hidden: []", "hidden: 3", r"hidden is 3: it must be a list"),
    "repeated key": (
        "seed: 1",
        "seed: 1\nseed: 2",
        r"params\.yaml:6 is not valid YAML: the key 'seed' is repeated",
    ),
    "repeated model": (
        "  opinions-mlp:",
        "  shakespeare-markov:",
        r"the key 'shakespeare-markov' is repeated",
    ),
    "family misspelt": (
        "  lstm:",
        "  lsmt:",
        r"models.lsmt is not a valid key; did you mean 'lstm'",
    ),
    "empty list": (
        "values: [negative, neutral, positive]",
        "values: []",
        r"checks.labels.values is \(\): it must not be empty|values is \[\]: it must not be empty",
    ),
    "invalid YAML": ("seed: 1", "seed: [", r"is not valid YAML"),
    "conflict of a merge": (
        "seed: 1\n",
        "<<<<<<< HEAD\nseed: 1\n=======\nseed: 2\n>>>>>>> main\n",
        r"params\.yaml:\d+ is not valid YAML: it has a conflict of a Git merge\. Keep one side",
    ),
    "missing section": (
        "tracking:\n  experiment_prefix",
        "tracking2:\n  experiment_prefix",
        r"tracking2 is not a valid key; did you mean 'tracking'",
    ),
    "split by a column of another task": (
        "split: {method: contiguous, by: document",
        "split: {method: contiguous, by: source",
        r"'split.by' is 'source'; known: text",
    ),
}


def _load(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return params.load(path)


def test_the_shipped_file_is_valid():
    loaded = params.load(PATH)
    kinds = {model.model for model in loaded.models.values()}
    assert kinds == set(params.TASK_OF) - {"tagger"}  # which only templates have
    assert set(loaded.corpora) == {"shakespeare", "opinions", "contrasts", "verses", "dates"}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_values(case, tmp_path):
    valid, invalid, message = INVALID[case]
    assert valid in TEXT
    with pytest.raises(UserError, match=message) as error:
        _load(tmp_path, TEXT.replace(valid, invalid, 1))
    assert str(error.value).count("\n") == 0
    assert str(error.value).startswith(str(tmp_path / "params.yaml"))


def test_a_model_under_the_wrong_stage_is_refused(tmp_path):
    entry = re.search(r"    opinions-rnn:\n(      .*\n)+", TEXT).group()
    moved = TEXT.replace(entry, "").replace("    verses-fixed:", f"{entry}\n    verses-fixed:")
    with pytest.raises(UserError, match=r"models\.seq2seq\.opinions-rnn: .*models\.lstm"):
        _load(tmp_path, moved)


def test_a_model_outside_the_families_is_refused(tmp_path):
    model = "{model: ngram, corpus: shakespeare, order: 2, smoothing: witten_bell}"
    stray = TEXT.replace("  baseline:", f"  stray: {model}\n  baseline:", 1)
    with pytest.raises(UserError, match=r"models\.stray is not a valid key.*baseline, lstm"):
        _load(tmp_path, stray)


def test_a_name_in_two_families_is_refused(tmp_path):
    twice = TEXT.replace("    verses-fixed:", "    opinions-lstm:", 1)
    with pytest.raises(UserError, match=r"models\.seq2seq\.opinions-lstm.*models\.lstm"):
        _load(tmp_path, twice)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"params\.yaml is empty"),
        (b"seed: 1\nsed: \xe9\n", r"params\.yaml:2 is not UTF-8"),
        (b"seed: 1\nsed: \0\n", r"params\.yaml:2 .*0x00"),
        (b"seed: 1\ncheckpoints:\n\tevery: 1\n", r"params\.yaml:3 .* tab "),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, data, message):
    (tmp_path / "params.yaml").write_bytes(data)
    with pytest.raises(UserError, match=message):
        params.load(tmp_path / "params.yaml")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(UserError, match=r"params\.yaml is a folder"):
        params.load(tmp_path / "params.yaml")


def test_a_name_that_contains_the_unknown_key_is_suggested(tmp_path):
    with pytest.raises(UserError, match=r"optimizer\.rate .*did you mean 'learning_rate'"):
        _load(tmp_path, TEXT.replace("learning_rate: 0.002", "rate: 0.002", 1))


def test_a_missing_file_and_a_list_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"params\.yaml does not exist.*project's root"):
        params.load(tmp_path / "params.yaml")
    with pytest.raises(UserError, match="must be a map"):
        _load(tmp_path, "- 1\n")


@pytest.mark.parametrize(
    "value",
    ["2020-02-30", "0x_", "!!int x", "!!set [a]", "!!float ''", "1" * 5000, '"a\\0"', '"\\ud800"'],
)
def test_invalid_yaml_is_one_message(value, tmp_path):
    line = TEXT[: TEXT.index("seed: 1")].count("\n") + 1
    with pytest.raises(UserError, match=rf"params\.yaml:{line} is not valid YAML: .+") as error:
        _load(tmp_path, TEXT.replace("seed: 1", f"seed: {value}", 1))
    assert len(str(error.value)) < 300


BASE = "corpora:\n  a0: &a0 {k0: x, k1: x}\n"
BOMBS = {
    "values of values": "".join(
        f"  a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]\n" for n in range(1, 9)
    ),
    "merges of merges": "".join(
        f"  a{n}: &a{n} {{<<: [{', '.join(10 * [f'*a{n - 1}'])}]}}\n" for n in range(1, 9)
    ),
    "itself": "  a1: &a1 [*a1]\n",
    "a merge of itself": "  a1: &a1 {<<: *a1}\n",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_aliases_cannot_multiply_without_bound(bomb, tmp_path):
    with pytest.raises(UserError, match=r"params\.yaml:\d .*aliases .* more than 200,000 values"):
        _load(tmp_path, BASE + bomb)


def test_a_file_that_is_too_deep_or_too_large(tmp_path):
    with pytest.raises(UserError, match="nested too deeply"):
        _load(tmp_path, TEXT.replace("seed: 1", f"seed: {'[' * 3000}", 1))
    with pytest.raises(UserError, match="more than 1,024 KiB"):
        _load(tmp_path, f"{TEXT}#{'x' * 2**20}\n")


@pytest.mark.parametrize(
    ("valid", "invalid", "message"),
    [
        ("    tokens: words", "    tokens: wrods", r"opinions\.tokens is"),
        ("corpus: verses", "corpus: verse", "no corpus 'verse'"),
        ("locales: [de, el", "locales: [1, el", r"locales\.0 is 1"),
        ("order: 3", "ordr: 3", r"shakespeare-markov\.ordr is not a valid key"),
    ],
)
def test_an_error_names_the_line_of_the_key(tmp_path, valid, invalid, message):
    line = TEXT[: TEXT.index(valid)].count("\n") + 1
    with pytest.raises(UserError, match=rf"params\.yaml:{line}: .*{message}"):
        _load(tmp_path, TEXT.replace(valid, invalid, 1))


def test_the_line_of_a_missing_key_is_that_of_its_section(tmp_path):
    line = TEXT[: TEXT.index("  opinions:")].count("\n") + 1
    with pytest.raises(UserError, match=rf"params\.yaml:{line}: corpora\.opinions\.tokens is miss"):
        _load(tmp_path, TEXT.replace("    tokens: words\n", "", 1))
    with pytest.raises(UserError, match=r"params\.yaml: seed is missing"):
        _load(tmp_path, TEXT.replace("seed: 1", "", 1))


@pytest.mark.parametrize("value", ["020", "1:30", "-007"])
def test_numbers_that_dvc_reads_differently_are_refused(value, tmp_path):
    with pytest.raises(UserError, match=rf"'{value}' is an ambiguous number"):
        _load(tmp_path, TEXT.replace("units: 256", f"units: {value}", 1))


def test_an_endless_value_is_shortened(tmp_path):
    lines = ["corpora: {a0: &a0 [x, x, x, x]"]
    lines += [f"  , a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 10)]
    bomb = "\n".join([*lines, "  }", "seed: *a9", ""])
    with pytest.raises(UserError) as error:
        _load(tmp_path, bomb)
    assert len(str(error.value)) < 1000
    with pytest.raises(UserError, match=r"attention is 'y+\.\.\.'") as error:
        _load(tmp_path, TEXT.replace("attention: general", f"attention: {'y' * 10**6}", 1))
    assert len(str(error.value)) < 500


def test_a_key_that_is_not_text(tmp_path):
    with pytest.raises(
        UserError, match=r"models\.baseline\.shakespeare-markov: the key null must be"
    ):
        _load(tmp_path, TEXT.replace("      model: ngram", "      null: 3\n      model: ngram", 1))


def test_params_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        params.load(PATH).seed = 2


def test_an_unknown_name_suggests_a_similar_one():
    with pytest.raises(
        UserError, match="no model 'verses-atention'; did you mean 'verses-attention'"
    ):
        params.require(params.load(PATH).models, "verses-atention", "model")
