"""Keys of models: what each belongs to and needs, in one sentence where it is not so."""

from pathlib import Path

import pytest

from pipelines.config import params
from pipelines.errors import UserError

TEXT = (Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8")

# ruff: noqa: E501
OPTIMIZER = "optimizer: {method: adam, rate: 0.002, decay: linear"
ATTENTION = "attention: general"
LANGUAGE = "    steps: 64"  # of the first language model
# Each is one edit of the shipped file.
REFUSED = {
    "plateau without its factor": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "plateau, patience: 2"),
        r"opinions-perceptron.optimizer: 'decay: plateau' needs 'factor'",
    ),
    "plateau without its patience": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "plateau, factor: 0.5"),
        r"optimizer: 'decay: plateau' needs 'patience'",
    ),
    "exponential without its beginning": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "exponential, factor: 0.5"),
        r"optimizer: 'decay: exponential' needs 'after'",
    ),
    "factor of no decay": (
        OPTIMIZER,
        f"{OPTIMIZER}, factor: 0.5",
        r"optimizer: 'factor' means nothing with 'decay: linear': take it out",
    ),
    "after of no decay": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "constant, after: 3"),
        r"optimizer: 'after' means nothing with 'decay: constant': take it out",
    ),
    "patience of another decay": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "exponential, factor: 0.5, after: 2, patience: 3"),
        r"optimizer: 'patience' means nothing with 'decay: exponential': take it out",
    ),
    "AdamW without its decay of weights": (
        OPTIMIZER,
        OPTIMIZER.replace("adam,", "adamw,"),
        r"optimizer: 'method: adamw' needs 'weight_decay'",
    ),
    "decay of weights with Adam": (
        OPTIMIZER,
        f"{OPTIMIZER}, weight_decay: 0.1",
        r"optimizer: 'weight_decay' means nothing with 'method: adam': take it out",
    ),
    "optimizer that does not exist": (
        OPTIMIZER,
        OPTIMIZER.replace("adam,", "Adam,"),
        r"optimizer.method is 'Adam'; did you mean 'adam'\? known: adam, adamw, sgd",
    ),
    "factor above 1": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "plateau, factor: 1.5, patience: 1"),
        r"optimizer.factor is 1.5: it must be less than 1",
    ),
    "optimizer that is no map": (
        "optimizer: {method: adam, rate: 0.002, decay: linear, clip_norm: 1.0}",
        "optimizer:",
        r"opinions-perceptron.optimizer is null: it must be a map",
    ),
    "two sizes of a batch": (
        "    batch_size: 64\n    epochs: 6",
        "    batch_size: 64\n    batch_tokens: 900\n    epochs: 6",
        r"opinions-perceptron: give 'batch_size' or 'batch_tokens', one of the two",
    ),
    "no size of a batch": (
        "    batch_size: 64\n    epochs: 6",
        "    epochs: 6",
        r"opinions-perceptron: give 'batch_size' or 'batch_tokens', one of the two",
    ),
    "forget bias of a cell that forgets nothing": (
        "    cell: rnn",
        "    cell: rnn\n    forget_bias: 1.0",
        r"shakespeare-rnn: 'forget_bias' means nothing with 'cell: rnn': take it out",
    ),
    "residual with nothing below": (
        "    cell: rnn",
        "    cell: rnn\n    residual: true",
        r"shakespeare-rnn: 'residual' adds the outputs of the layer below: give 'layers' above 1",
    ),
    "mean of one epoch": (
        "    cell: rnn",
        "    cell: rnn\n    average: 1",
        r"shakespeare-rnn.average is 1: it must be greater than or equal to 2",
    ),
    "mean of more epochs than there are": (
        "    cell: rnn",
        "    cell: rnn\n    average: 99",
        r"shakespeare-rnn: 'average: 99' is of more epochs than \d+",
    ),
    "gradients of one batch added up": (
        "    cell: rnn",
        "    cell: rnn\n    accumulate: 1",
        r"shakespeare-rnn.accumulate is 1: it must be greater than or equal to 2",
    ),
    "cell in capitals": (
        "cell: lstm",
        "cell: LSTM",
        r"shakespeare-lstm.cell is 'LSTM'; did you mean 'lstm'\? known: rnn, irnn, gru, lstm",
    ),
    "change of one step": (
        "    steps: 64",
        "    steps: 1\n    tar: 2.0",
        r"shakespeare-rnn: 'tar' compares each step with the one before: give 'steps' above 1",
    ),
    "precision of a bag of words": (
        "    hidden: []",
        "    hidden: []\n    precision: bfloat16",
        r"precision is no known key here: it belongs to language_model, classifier, seq2seq",
    ),
    "precision that does not exist": (
        "    steps: 64",
        "    steps: 64\n    precision: float16",
        r"precision is 'float16'; did you mean 'bfloat16'",
    ),
    "attention of nothing": (
        ATTENTION,
        "attention:",
        r"verses-attention.attention is 'null'; known: none, additive, dot, general, scaled, coverage",
    ),
    "copied states of another width": (
        ATTENTION,
        f"{ATTENTION}\n    bridge: copy",
        r"verses-attention: 'bridge: copy' needs states as wide .*: use 'bridge: dense'",
    ),
    "nothing told of the source": (
        "attention: none",
        "attention: none\n    bridge: zero",
        r"verses-fixed: 'bridge: zero' with 'attention: none' tells the decoder nothing",
    ),
    "feeding without attention": (
        "attention: none",
        "attention: none\n    input_feeding: true",
        r"verses-fixed: 'input_feeding' feeds what was attended to: give an 'attention'",
    ),
    "tied vocabularies that are two": (
        ATTENTION,
        f"{ATTENTION}\n    tied: all",
        r"verses-attention.tied: 'all' needs one vocabulary .* corpora.verses 'vocabulary.shared: true'",
    ),
    "tied yes or no": (
        ATTENTION,
        f"{ATTENTION}\n    tied: true",
        r"verses-attention.tied is 'true'; .*known: target, all",
    ),
    "other sub-words of words": (
        ATTENTION,
        f"{ATTENTION}\n    resample: 0.1",
        r"verses-attention.resample draws other sub-words, and corpora.verses has 'tokens: words'",
    ),
    "ensemble of one": (
        ATTENTION,
        f"{ATTENTION}\n    ensemble: 1",
        r"ensemble is 1: it must be greater than or equal to 2",
    ),
    "a group of one": (
        ATTENTION,
        f"{ATTENTION}\n    seeds: [1]",
        r"verses-attention.seeds",
    ),
    "a seed twice": (
        ATTENTION,
        f"{ATTENTION}\n    seeds: [1, 2, 1]",
        r"verses-attention: 'seeds: \[1, 2, 1\]' has a seed twice",
    ),
    "a seed and seeds": (
        ATTENTION,
        f"{ATTENTION}\n    seed: 1\n    seeds: [1, 2]",
        r"verses-attention: give 'seed' or 'seeds', one of the two",
    ),
    "a group of ensembles": (
        ATTENTION,
        f"{ATTENTION}\n    ensemble: 2\n    seeds: [1, 2]",
        r"verses-attention: 'seeds' trains models that are compared, and 'ensemble'",
    ),
    "n-grams with all of the probability": (
        LANGUAGE,
        f"{LANGUAGE}\n    ngram: {{order: 5, smoothing: kneser_ney, share: 1.0}}",
        r"shakespeare-rnn.ngram.share is 1.0: it must be less than 1",
    ),
    "n-grams of no length": (
        LANGUAGE,
        f"{LANGUAGE}\n    ngram: {{order: 0, smoothing: kneser_ney, share: 0.5}}",
        r"shakespeare-rnn.ngram.order is 0: it must be greater than or equal to 1",
    ),
    "start from a model of another shape": (
        "    pooling: last",
        "    pooling: last\n    init_from: shakespeare-lstm",
        r"opinions-rnn.cell is rnn, and that of 'shakespeare-lstm', .* is lstm: make them the same",
    ),
    "start from an unknown model": (
        "    pooling: last",
        "    pooling: last\n    init_from: shakespear-lstm",
        r"opinions-rnn.init_from: no language model .* did you mean 'shakespeare-lstm'",
    ),
    "start from a translator": (
        "    pooling: last",
        "    pooling: last\n    init_from: verses-fixed",
        r"init_from: no language model is called 'verses-fixed'; known: shakespeare-rnn, shakesp",
    ),
    "start both ways": (
        "bidirectional: true\n    pooling: last",
        "bidirectional: true\n    pooling: last\n    init_from: shakespeare-lstm",
        r"opinions-lstm: 'init_from' needs 'bidirectional: false'",
    ),
    "beam of 0": (
        "max_length_ratio: 3.0}",
        "max_length_ratio: 3.0}\n    search: {beam: 0}",
        r"corpora.verses.search.beam is 0: it must be greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_sentence(case, tmp_path):
    right, wrong, sentence = REFUSED[case]
    assert right in TEXT
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(UserError, match=sentence) as refusal:
        params.load(path)
    assert str(refusal.value).count("\n") == 0
    assert str(refusal.value).startswith(str(path))
