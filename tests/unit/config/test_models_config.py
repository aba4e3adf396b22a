"""Error messages about the keys of models."""

from pathlib import Path

import pytest

from pipelines import types
from pipelines.config import params
from pipelines.errors import UserError
from tests.unit.config.shipped import TEXT

# ruff: noqa: E501
OPTIMIZER = "optimizer: {name: adam, learning_rate: 0.002, schedule: linear"
ATTENTION = "attention: general"
TIED = f"tied_embeddings: target\n      {ATTENTION}"  # of verses-attention
LANGUAGE = "      bptt_steps: 32"  # of the first language model
TUNED = (
    "{model: classifier, corpus: opinions, init_from: shakespeare-lstm, cell: lstm, embedding: 100, "
    "units: 256, layers: 1, bidirectional: false, pooling: last, dropout: 0.5, batch_size: 64, "
    "epochs: 2, optimizer: {name: adam, learning_rate: 0.001, schedule: linear, clip_norm: 1.0}}"
)
# By a name for the case: text of the shipped file, its replacement, and the error message.
INVALID = {
    "plateau without its factor": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "plateau, patience: 2"),
        r"opinions-perceptron.optimizer: 'schedule: plateau' needs 'factor'",
    ),
    "plateau without its patience": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "plateau, factor: 0.5"),
        r"optimizer: 'schedule: plateau' needs 'patience'",
    ),
    "exponential without its first epoch": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "exponential, factor: 0.5"),
        r"optimizer: 'schedule: exponential' needs 'decay_after_epoch'",
    ),
    "factor of a linear schedule": (
        OPTIMIZER,
        f"{OPTIMIZER}, factor: 0.5",
        r"optimizer: 'factor' has no effect with 'schedule: linear'",
    ),
    "first epoch of a constant schedule": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "constant, decay_after_epoch: 3"),
        r"optimizer: 'decay_after_epoch' has no effect with 'schedule: constant'",
    ),
    "patience of an exponential schedule": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "exponential, factor: 0.5, decay_after_epoch: 2, patience: 3"),
        r"optimizer: 'patience' has no effect with 'schedule: exponential'",
    ),
    "AdamW without weight decay": (
        OPTIMIZER,
        OPTIMIZER.replace("adam,", "adamw,"),
        r"optimizer: 'name: adamw' needs 'weight_decay'",
    ),
    "weight decay of Adam": (
        OPTIMIZER,
        f"{OPTIMIZER}, weight_decay: 0.1",
        r"optimizer: 'weight_decay' has no effect with 'name: adam'",
    ),
    "optimizer that does not exist": (
        OPTIMIZER,
        OPTIMIZER.replace("adam,", "Adam,"),
        r"optimizer.name is 'Adam'; did you mean 'adam'\? known: adam, adamw, sgd",
    ),
    "factor above 1": (
        OPTIMIZER,
        OPTIMIZER.replace("linear", "plateau, factor: 1.5, patience: 1"),
        r"optimizer.factor is 1.5: it must be less than 1",
    ),
    "optimizer that is null": (
        "optimizer: {name: adam, learning_rate: 0.002, schedule: linear, clip_norm: 1.0}",
        "optimizer:",
        r"opinions-perceptron.optimizer is null: it must be a map",
    ),
    "unordered candidates of C": (
        "c_values: [1.0, 2.0,",
        "c_values: [2.0, 1.0,",
        r"opinions-logistic: 'c_values' must be in increasing order",
    ),
    "no candidate of C": (
        "c_values: [1.0, 2.0, 4.0, 8.0, 16.0]",
        "c_values: []",
        r"opinions-logistic.c_values is \[\]: it must not be empty",
    ),
    "a seed of a model without chance": (
        "      sublinear_tf: true",
        "      sublinear_tf: true\n      seeds: [1, 2]",
        r"opinions-logistic.seeds is not a valid key of this kind of model: it belongs to bag_of",
    ),
    "unknown words without a share": (
        LANGUAGE,
        f"{LANGUAGE}\n      unknown_replacement: 0.0",
        r"shakespeare-rnn.unknown_replacement is 0.0: it must be greater than 0",
    ),
    "both batch sizes": (
        "      batch_size: 64\n      epochs: 6",
        "      batch_size: 64\n      batch_tokens: 900\n      epochs: 6",
        r"opinions-perceptron: set exactly one of 'batch_size' and 'batch_tokens'",
    ),
    "no batch size": (
        "      batch_size: 64\n      epochs: 6",
        "      epochs: 6",
        r"opinions-perceptron: set exactly one of 'batch_size' and 'batch_tokens'",
    ),
    "forget bias of a cell without a forget gate": (
        "      cell: rnn",
        "      cell: rnn\n      forget_bias: 1.0",
        r"shakespeare-rnn: 'forget_bias' has no effect with 'cell: rnn'",
    ),
    "residual of one layer": (
        "      cell: rnn",
        "      cell: rnn\n      residual: true",
        r"shakespeare-rnn: 'residual' needs 'layers' above 1",
    ),
    "average of one epoch": (
        "      cell: rnn",
        "      cell: rnn\n      average_epochs: 1",
        r"shakespeare-rnn.average_epochs is 1: it must be greater than or equal to 2",
    ),
    "average of more epochs than there are": (
        "      cell: rnn",
        "      cell: rnn\n      average_epochs: 99",
        r"shakespeare-rnn: 'average_epochs: 99' must be at most 'epochs: \d+'",
    ),
    "accumulation of one batch": (
        "      cell: rnn",
        "      cell: rnn\n      gradient_accumulation_steps: 1",
        r"shakespeare-rnn.gradient_accumulation_steps is 1: it must be greater than or equal to 2",
    ),
    "cell in capitals": (
        "cell: lstm",
        "cell: LSTM",
        r"shakespeare-lstm.cell is 'LSTM'; did you mean 'lstm'\? known: gru, irnn, lstm, rnn",
    ),
    "temporal regularization of one step": (
        "      bptt_steps: 32",
        "      bptt_steps: 1\n      temporal_activation_regularization: 2.0",
        r"shakespeare-rnn: 'temporal_activation_regularization' needs 'bptt_steps' above 1",
    ),
    "precision of a bag of words": (
        "      hidden: []",
        "      hidden: []\n      precision: bfloat16",
        r"precision is not a valid key.*: it belongs to language_model, classifier, tagger, seq2seq",
    ),
    "precision that does not exist": (
        "      bptt_steps: 32",
        "      bptt_steps: 32\n      precision: float16",
        r"precision is 'float16'; did you mean 'bfloat16'",
    ),
    "attention that is null": (
        ATTENTION,
        "attention:",
        r"verses-attention.attention is 'null'; known: none, additive, dot, general, scaled, coverage",
    ),
    "copied states of different widths": (
        ATTENTION,
        f"{ATTENTION}\n      bridge: copy",
        r"verses-attention: 'bridge: copy' .*'bridge: dense'",
    ),
    "decoder without the source": (
        "attention: none",
        "attention: none\n      bridge: zero",
        r"verses-fixed: 'bridge: zero' with 'attention: none'",
    ),
    "input feeding without attention": (
        "attention: none",
        "attention: none\n      input_feeding: true",
        r"verses-fixed: 'input_feeding' needs an 'attention'",
    ),
    "tied embeddings of two vocabularies": (
        TIED,
        TIED.replace("target", "all"),
        r"verses-attention.tied_embeddings: 'all' needs one vocabulary.*corpora.verses.vocabulary.shared",
    ),
    "tied embeddings that are true": (
        TIED,
        TIED.replace("target", "true"),
        r"verses-attention.tied_embeddings is 'true'; .*known: target, all",
    ),
    "sub-word sampling of words": (
        ATTENTION,
        f"{ATTENTION}\n      subword_sampling: 0.1",
        r"verses-attention.subword_sampling.*corpora.verses.*'tokens: words'",
    ),
    "ensemble of one": (
        ATTENTION,
        f"{ATTENTION}\n      ensemble_size: 1",
        r"ensemble_size is 1: it must be greater than or equal to 2",
    ),
    "seed group of one": (
        ATTENTION,
        f"{ATTENTION}\n      seeds: [1]",
        r"verses-attention.seeds",
    ),
    "repeated seed": (
        ATTENTION,
        f"{ATTENTION}\n      seeds: [1, 2, 1]",
        r"verses-attention: 'seeds: \[1, 2, 1\]' repeats a seed",
    ),
    "seed and seeds": (
        ATTENTION,
        f"{ATTENTION}\n      seed: 1\n      seeds: [1, 2]",
        r"verses-attention: set 'seed' or 'seeds', not both",
    ),
    "seed group of ensembles": (
        ATTENTION,
        f"{ATTENTION}\n      ensemble_size: 2\n      seeds: [1, 2]",
        r"verses-attention: .*'seeds'.*'ensemble_size'",
    ),
    "n-grams with a weight": (
        LANGUAGE,
        f"{LANGUAGE}\n      ngram: {{order: 5, smoothing: kneser_ney, weight: 0.2}}",
        r"shakespeare-rnn.ngram.weight is not a valid key; known: order, smoothing",
    ),
    "cache of no tokens": (
        LANGUAGE,
        f"{LANGUAGE}\n      cache: {{window: 0}}",
        r"shakespeare-rnn.cache.window is 0: it must be greater than or equal to 1",
    ),
    "n-grams of order 0": (
        LANGUAGE,
        f"{LANGUAGE}\n      ngram: {{order: 0, smoothing: kneser_ney}}",
        r"shakespeare-rnn.ngram.order is 0: it must be greater than or equal to 1",
    ),
    "candidate orders that do not ascend": (
        "order: 3",
        "order: [3, 2]",
        r"baseline.shakespeare-markov: 'order: \[3, 2\]' must ascend: sort it",
    ),
    "repeated candidate order": (
        "order: 3",
        "order: [3, 3]",
        r"baseline.shakespeare-markov: 'order: \[3, 3\]' must ascend",
    ),
    "candidate order of text": (
        "order: 3",
        "order: [3, four]",
        r"baseline.shakespeare-markov.order.1 is 'four': it must be an integer",
    ),
    "no candidate order": (
        "order: 3",
        "order: []",
        r"baseline.shakespeare-markov.order is \[\]: it must not be empty",
    ),
    "candidate order above the limit": (
        "order: 3",
        "order: [3, 13]",
        r"shakespeare-markov.order.1 is 13: it must be less than or equal to 12",
    ),
    "averaged SGD with Adam": (
        OPTIMIZER,
        f"{OPTIMIZER}, nonmonotone_interval: 5",
        r"optimizer: 'nonmonotone_interval' has no effect with 'name: adam'",
    ),
    "averaged SGD and averaged epochs": (
        OPTIMIZER,
        f"average_epochs: 2\n      {OPTIMIZER.replace('adam', 'sgd')}, nonmonotone_interval: 5",
        r"opinions-perceptron: 'average_epochs' and 'optimizer.nonmonotone_interval' both average",
    ),
    "init_from a model of another shape": (
        "fine_tuned: {}",
        f"fine_tuned: {{tuned: {TUNED}}}",
        r"fine_tuned.tuned.embedding is 100, .*'shakespeare-lstm'.* 64",
    ),
    "init_from an unknown model": (
        "fine_tuned: {}",
        f"fine_tuned: {{tuned: {TUNED.replace('speare', 'spear')}}}",
        r"tuned.init_from: .*no language model .*did you mean 'shakespeare-lstm'",
    ),
    "init_from a translation model": (
        "fine_tuned: {}",
        f"fine_tuned: {{tuned: {TUNED.replace('shakespeare-lstm', 'verses-fixed')}}}",
        r"init_from: .*no language model 'verses-fixed'; known: shakespeare-rnn, shakesp",
    ),
    "init_from with a bidirectional model": (
        "fine_tuned: {}",
        f"fine_tuned: {{tuned: {TUNED.replace('bidirectional: false', 'bidirectional: true')}}}",
        r"fine_tuned.tuned: 'init_from' needs 'bidirectional: false'",
    ),
    "beam of 0": (
        "length_ratio: {max: 2.0}}",
        "length_ratio: {max: 2.0}}\n    search: {beam: 0}",
        r"corpora.verses.search.beam is 0: it must be greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_values(case, tmp_path):
    valid, invalid, message = INVALID[case]
    assert valid in TEXT
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(valid, invalid, 1), encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        params.load(path)
    assert str(error.value).count("\n") == 0
    assert str(error.value).startswith(str(path))


def test_cells_are_the_modules_of_their_package(monkeypatch, tmp_path):
    cells = Path(types.__file__).parent / "layers" / "cells"
    assert set(params.cell_names()) == {file.stem for file in cells.glob("[a-z]*.py")}
    (tmp_path / "layers" / "cells").mkdir(parents=True)
    (tmp_path / "layers" / "cells" / "mgu.py").touch()
    monkeypatch.setattr(types, "__file__", str(tmp_path / "types.py"))
    assert params.cell_names() == ("mgu",)
