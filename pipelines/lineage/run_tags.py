"""Tags that connect MLflow runs to stages of DVC.

`{}` stands for the part of a run: "training" or "evaluation".
"""

from __future__ import annotations

INPUT_HASH = "seqproof.{}.key"  # hash of the stage's inputs
MODEL_HASH = "seqproof.model_hash"  # hash of the model's folder
COMMIT, DIRTY = "git", "dirty"  # Git's state when the run began
# Of a run that no training opened: where its model comes from.
ORIGIN = "seqproof.training"
RESTORED = "taken from the cache"
PARENT = "mlflow.parentRunId"  # the run of a seed group, on the runs of its seeds

# Written by `seqproof seal` when the stage has ended.
OUTS = "seqproof.{}.outs"  # MD5 of each out, as JSON
SEALED = "seqproof.{}.sealed"  # the input hash that these outs belong to
LOCKS = "seqproof.locks"  # commits and experiments whose dvc.lock has the outs
