"""Imports of a training, done once for all attempts."""

import warnings

from pipelines import console

with console.quiet_imports(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow.artifacts
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking.context.registry  # noqa: F401

    from pipelines.evaluation import evaluate  # noqa: F401
    from pipelines.models import classifier, language_model, pretrained, seq2seq, tagger  # noqa: F401
    from pipelines.training import device, tensorboard, trainer  # noqa: F401
    from stages import fine_tune, train_baseline, train_lstm, train_seq2seq  # noqa: F401
