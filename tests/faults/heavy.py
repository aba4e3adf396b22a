"""Imports of a training and of `seqproof run`, done once for all processes."""

import gc
import importlib
import warnings

from pipelines import console

LIBRARIES = (
    *("tensorflow", "sklearn.metrics", "pyarrow.pandas_compat", "git", "alembic.command"),
    *("mlflow.artifacts", "mlflow.store.tracking.sqlalchemy_workspace_store"),
    *("mlflow.system_metrics.metrics.cpu_monitor", "mlflow.tracking.context.registry"),
    *("sqlalchemy.dialects.sqlite", "rich.progress"),
    # of `seqproof run`
    *("dvc.repo", "dvc.stage.cache", "dvc.stage.serialize", "scmrepo.git", "commands.app"),
    "commands.run",
)
PARTS = {
    "evaluation": ("evaluate",),
    "inference": ("sampling",),
    "layers.cells": ("gru", "lstm"),
    "lineage": ("dvc_project",),
    "models": ("bag_of_words", "classifier", "language_model", "pretrained", "seq2seq", "tagger"),
    "tasks": ("classification", "language_modelling", "tagging", "translation"),
    "tracking": ("epoch_logger", "stage_runs"),
    "training": ("device", "history", "mixtures", "tensorboard", "trainer"),
}
STAGES = ("fine_tune", "train_baseline", "train_lstm", "train_seq2seq")

with console.quiet_imports(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in LIBRARIES:
        importlib.import_module(name)
    for package, modules in PARTS.items():
        for name in modules:
            importlib.import_module(f"pipelines.{package}.{name}")
    for name in STAGES:
        importlib.import_module(f"stages.{name}")
    import tensorflow as tf

# To optimize a graph takes longer than its few steps. Setting this does not start TensorFlow.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
gc.freeze()  # a collection would copy the pages that the attempts share
gc.set_threshold(100_000, 10, 10)  # as in programs
