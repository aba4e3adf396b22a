"""Imports of a training, done once for all attempts."""

import gc
import warnings

from pipelines import console

with console.quiet_imports(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import git  # noqa: F401 - MLflow asks it for the commit
    import mlflow.artifacts
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking.context.registry  # noqa: F401
    import tensorflow as tf

    from pipelines.evaluation import evaluate  # noqa: F401
    from pipelines.models import classifier, language_model, pretrained, seq2seq, tagger  # noqa: F401
    from pipelines.training import device, tensorboard, trainer  # noqa: F401
    from stages import fine_tune, train_baseline, train_lstm, train_seq2seq  # noqa: F401

# To optimize a graph takes longer than its few steps. Setting this does not start TensorFlow.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
gc.freeze()  # a collection would copy the pages that the attempts share
gc.set_threshold(100_000, 10, 10)  # as in programs
