"""Trainings that are killed at random moments and resumed, each attempt in its own process."""

import contextlib
import io
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from pipelines import paths
from pipelines.config import params
from pipelines.data import parquet
from pipelines.text import vocabulary
from pipelines.training import checkpoints
from tests.faults import child
from tests.unit.corpus_entries import COMMON_CHECKS

ROOT = Path(__file__).parents[2]
# Every attempt is forked from a server that has imported TensorFlow and never used it: that takes
# two seconds instead of eight. The process of the tests has used TensorFlow, whose threads would be
# missing in a fork.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.faults.heavy"])
ADAM = {"name": "adam", "learning_rate": 0.01, "schedule": "linear", "clip_norm": 1.0}
PLATEAU = {
    "name": "adam",
    "learning_rate": 0.02,
    "schedule": "plateau",
    "factor": 0.5,
    "patience": 1,
    "clip_norm": 1.0,
}
RECURRENT = {"cell": "lstm", "embedding": 6, "units": 8, "layers": 1, "dropout": 0.2}
CLASSIFIER = {**RECURRENT, "model": "classifier", "corpus": "moods", "bidirectional": False}
# Together they have everything that draws random numbers, remembers or accumulates.
MODELS = {
    "seq2seq": {
        **RECURRENT,
        "model": "seq2seq",
        "corpus": "turned",
        "cell": "gru",
        "bidirectional": True,
        "attention": "additive",
        "scheduled_sampling": 0.5,
        "unknown_replacement": 5.0,
        "label_smoothing": 0.1,
        "batch_tokens": 40,
        "epochs": 4,
        "optimizer": ADAM,
    },
    "ngram": {"model": "ngram", "corpus": "plain", "order": [2, 3], "smoothing": "kneser_ney"},
    "bag-of-words": {
        "model": "bag_of_words",
        "corpus": "moods",
        "hidden": [8],
        "dropout": 0.3,
        "batch_size": 4,
        "epochs": 6,
        "gradient_accumulation_steps": 2,
        "optimizer": ADAM,
    },
    "language-model": {
        **RECURRENT,
        "model": "language_model",
        "corpus": "plain",
        "batch_size": 4,
        "bptt_steps": 10,
        "random_bptt_steps": True,
        "unknown_replacement": 5.0,
        "weight_drop": 0.2,
        "word_dropout": 0.1,
        "average_epochs": 2,
        "ngram": {"order": [1, 2], "smoothing": "witten_bell"},
        "cache": {"window": 20},
        "epochs": 3,
        "optimizer": PLATEAU,
    },
    "classifier": {
        **CLASSIFIER,
        "bidirectional": True,
        "pooling": "attention",
        "class_weights": "balanced",
        "unknown_replacement": 5.0,
        "variational": True,
        "seeds": [4, 2],
        "batch_size": 4,
        "epochs": 3,
        "optimizer": ADAM,
    },
    "tagger": {
        **RECURRENT,
        "model": "tagger",
        "corpus": "tagged",
        "bidirectional": True,
        "crf": True,
        "unknown_replacement": 5.0,
        "batch_size": 4,
        "epochs": 4,
        "optimizer": {**ADAM, "name": "adamw", "weight_decay": 0.01, "warmup_steps": 5},
    },
    "fine-tuned": {
        **CLASSIFIER,
        "pooling": "mean",
        "init_from": "start",
        "ensemble_size": 2,
        "patience": 2,
        "batch_size": 4,
        "epochs": 4,
        "optimizer": {
            **ADAM,
            "name": "sgd",
            "learning_rate": 0.5,
            "weight_decay": 0.01,
            "nonmonotone_interval": 1,
        },
    },
}
PRETRAINED = "start"  # the language model that the fine-tuned classifier starts from
ALL_MODELS = {
    PRETRAINED: {
        **RECURRENT,
        "model": "language_model",
        "corpus": "plain",
        "batch_size": 4,
        "bptt_steps": 10,
        "epochs": 1,
        "optimizer": ADAM,
    },
    **MODELS,
}
FAMILIES = {
    "ngram": "baseline",
    "bag-of-words": "baseline",
    "fine-tuned": "fine_tuned",
    "seq2seq": "seq2seq",
}  # of the other models: lstm
LINES = [
    f"the {subject} {verb} the {noun}"
    for subject in ("cat", "dog", "man")
    for verb in ("sees", "likes")
    for noun in ("tree", "house", "sea", "hill", "cow", "pig")
]
FRAMES = {
    "plain": pd.DataFrame({"text": LINES}),
    "moods": pd.DataFrame(
        {"text": LINES, "label": ["good" if "likes" in line else "bad" for line in LINES]}
    ),
    "tagged": pd.DataFrame({"text": LINES, "tags": ["O B-subject O B-object I-object"] * 36}),
    "turned": pd.DataFrame(
        {"source": LINES, "target": [" ".join(line.split(" ")[::-1]) for line in LINES]}
    ),
}
INTERVAL = 3  # steps between two checkpoints


def _corpus(task: params.Task, **changes: object) -> dict[str, object]:
    defaults = {
        "task": task,
        "source": {"kind": "files", "paths": ["texts/none.txt"]},
        "reader": {"format": "lines"},
        "cleaning": {
            "unicode": "NFC",
            "lowercase": False,
            "max_length": 100,
            "drop_repeated": False,
        },
        "tokens": "words",
        "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
        "vocabulary": {"max_size": 100, "min_count": 1},
        "checks": {"rows": {"min": 1}, "unknown_rate": {"max": 1.0}},
    }
    return defaults | changes


def _corpora() -> dict[str, object]:
    samples = {"beginning": "the", "length": 5, "temperature": 1.0}
    table = {"format": "table", "separator": ","}
    labelled = {**table, "columns": {"text": "text", "label": "label"}}
    tagged = {**table, "columns": {"text": "text", "tags": "tags"}}
    parallel = {**table, "columns": {"source": "source", "target": "target"}}
    checks = {"rows": {"min": 1}, "unknown_rate": {"max": 1.0}}
    return {
        "plain": _corpus("language_modelling", samples=samples),
        "moods": _corpus(
            "classification",
            reader=labelled,
            checks=checks | {"labels": {"values": ["bad", "good"]}},
        ),
        "tagged": _corpus("tagging", reader=tagged, tokens="spaces", checks=checks),
        "turned": _corpus(
            "translation", reader=parallel, checks=checks | {"length_ratio": {"max": 9.0}}
        ),
    }


def _family(name: str) -> str:
    return FAMILIES.get(name, "lstm")


def make_project(folder: Path) -> None:
    """Make a folder with params.yaml, frames and vocabularies for the training stages."""
    from tests.unit.data import whole_frames  # not in the attempts: it imports the data checks

    folder.mkdir(parents=True)
    models: dict[str, dict[str, object]] = {family: {} for family in params.FAMILIES}
    for name, entry in ALL_MODELS.items():
        models[_family(name)][name] = entry
    tree = {
        "seed": 1,
        "data_seed": 1,
        "threads": 1,
        "tracking": {"experiment_prefix": ""},
        "checkpoints": {"every": INTERVAL},
        "data": {"engine": "local"},
        "checks": COMMON_CHECKS,
        "corpora": _corpora(),
        "models": models,
        "experiments": {key: {} for key in params.Experiments.model_fields},
        "goals": [],
    }
    (folder / paths.PARAMS).write_text(yaml.safe_dump(tree), encoding="utf-8")
    config = params.load(folder / paths.PARAMS)
    for corpus, frame in FRAMES.items():
        parquet.write_parquet(frame, folder / paths.train_frame(corpus))
        parquet.write_parquet(frame.iloc[::3], folder / paths.valid_frame(corpus))
        vocabularies = whole_frames.build_vocabularies(frame, config.corpora[corpus])
        vocabulary.save(vocabularies, folder / paths.vocabulary(corpus))


# One attempt ------------------------------------------------------------------------------------


def start(
    folder: Path, name: str, fault: child.Fault = child.no_fault, *options: str
) -> ForkServerProcess:
    """Start a process that trains a model.

    Args:
        folder: made by `make_project`.
        name: the model.
        fault: injected into the process.
        options: options of the stage.
    """
    (folder / f"{name}.begun").unlink(missing_ok=True)
    stage = params.FAMILIES[_family(name)]
    process = FORKSERVER.Process(target=child.train, args=(folder, stage, [name, *options], fault))
    with contextlib.chdir(ROOT):  # where the server looks for modules
        process.start()
    return process


def wait(process: ForkServerProcess) -> int:
    """Wait for the end of a process; return its exit code, or minus the signal that ended it."""
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def train(folder: Path, name: str, fault: child.Fault = child.no_fault, *options: str) -> int:
    """Train a model in a process; return its exit code, or minus the signal that ended it."""
    return wait(start(folder, name, fault, *options))


class Costs(NamedTuple):
    """Processor seconds of an undisturbed training.

    Attributes:
        startup: until the first step.
        training: from the first step to the end of the process.
    """

    startup: float
    training: float


def measure(folder: Path, name: str) -> Costs:
    """Train a model without faults and measure what it costs."""
    assert train(folder, name) == 0, read_log(folder, name)
    end = float((folder / f"{name}.ended").read_text(encoding="utf-8"))
    startup = _begin(folder, name) or end
    return Costs(startup, end - startup)


def _begin(folder: Path, name: str) -> float | None:
    """Return the processor seconds until the first step; None if the training has not begun."""
    marker = folder / f"{name}.begun"
    text = marker.read_text(encoding="utf-8") if marker.exists() else ""
    return float(text) if text.endswith("\n") else None


def _wait_for_seconds(process: ForkServerProcess, seconds: float) -> None:
    """Wait until a process has used so many processor seconds, or has ended.

    So a fault comes at the same moment on a fast machine, on a slow one, and beside other work.
    """
    with contextlib.suppress(OSError):  # it has ended
        while process.is_alive() and time.clock_gettime(~process.pid << 3 | 2) < seconds:
            time.sleep(0.005)


def _wait_for_first_step(folder: Path, name: str, process: ForkServerProcess) -> float:
    """Wait until the training begins or the process ends; return the processor seconds so far."""
    while (begin := _begin(folder, name)) is None and process.is_alive():
        time.sleep(0.005)
    return begin or 0.0


def read_log(folder: Path, name: str) -> str:
    """Return everything that the processes of a training printed."""
    return (folder / f"{name}.log").read_text(encoding="utf-8")


def read_outs(folder: Path, name: str) -> dict[str, bytes]:
    """Return the outs of a training by path."""
    files = [*(folder / paths.model(name)).rglob("*"), folder / paths.history(name)]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}


# Faults -----------------------------------------------------------------------------------------

FAULTS = ("kill -9", "kill -9 inside a write", "power lost", "disk full", "SIGTERM", "Ctrl-C")


@dataclass
class InterruptedTraining:
    """What happened during an interrupted training.

    Attributes:
        faults: number of injections of each fault.
        resumable: number of injections of each fault after which there was a checkpoint.
        codes: exit codes after each fault, or minus the signal that ended the process.
        resumed: number of processes that resumed from a checkpoint.
        too_late: number of faults after the training had already finished.
        log: everything that was printed.
    """

    faults: Counter[str] = field(default_factory=Counter)
    resumable: Counter[str] = field(default_factory=Counter)
    codes: dict[str, Counter[int]] = field(default_factory=dict)
    resumed: int = 0
    too_late: int = 0
    log: str = ""


def interrupt_repeatedly(
    folder: Path, name: str, kills: int, costs: Costs, seed: int
) -> InterruptedTraining:
    """Interrupt a training many times, each time at a random moment, and then let it finish.

    Args:
        folder: made by `make_project`.
        name: one of MODELS.
        kills: number of interruptions; a fault that comes after the end of the training is
            replaced by another.
        costs: of the undisturbed training.
        seed: of moments and faults.
    """
    rng, training = random.Random(f"{name} {seed}"), InterruptedTraining()
    while training.faults.total() < kills and training.too_late < 10 * kills:
        fault = FAULTS[(training.faults.total() + training.too_late) % len(FAULTS)]
        code = _interrupt(folder, name, fault, rng, costs)
        if _discard_finished(folder, name):
            training.too_late += 1
        else:
            training.faults[fault] += 1
            training.resumable[fault] += _has_checkpoint(folder)
            training.codes.setdefault(fault, Counter())[code] += 1
    code = train(folder, name)
    training.log = read_log(folder, name)
    training.resumed = training.log.count("Resumed from the checkpoint")
    assert code == 0, training.log
    return training


def _has_checkpoint(folder: Path) -> bool:
    """Return True if there is an intact checkpoint."""
    # Damaged checkpoints are removed when they are read, so a copy is read.
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        copy = shutil.copytree(folder / ".seqproof", Path(scratch, "copy"))
        folders = [file.parent for file in copy.rglob(checkpoints.ATTEMPT)]
        return any(checkpoints.CheckpointManager(path, INTERVAL).latest() for path in folders)


def _discard_finished(folder: Path, name: str) -> bool:
    """Return True if the training finished before it was interrupted, and delete its outs."""
    history = folder / paths.history(name)
    if not history.is_file() or list((folder / ".seqproof").rglob(checkpoints.ATTEMPT)):
        return False
    shutil.rmtree(folder / paths.model(name))
    history.unlink()
    return True


def _interrupt(folder: Path, name: str, fault: str, rng: random.Random, costs: Costs) -> int:
    """Run a training with a fault; return its exit code."""
    if fault == "disk full":
        disk = partial(child.limit_disk, rng.randrange(60_000), child.raise_no_space)
        return train(folder, name, disk)
    if fault == "kill -9 inside a write":
        return train(
            folder, name, partial(child.limit_disk, rng.randrange(60_000), child.kill_process)
        )
    number = {"SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}.get(fault, signal.SIGKILL)
    process = start(folder, name)
    if rng.random() < 0.2 or name == "ngram":  # which is counted in one go
        _wait_for_seconds(process, rng.random() * costs.startup)
    else:
        begin = _wait_for_first_step(folder, name, process)
        _wait_for_seconds(process, begin + rng.random() * costs.training)
    with contextlib.suppress(ProcessLookupError):  # it has finished
        os.kill(process.pid, number)
    code = wait(process)
    if fault == "power lost":
        _truncate_random_file(folder / ".seqproof", rng)
    return code


def _truncate_random_file(folder: Path, rng: random.Random) -> None:
    """Truncate the newest checkpoint or some arrays, as a loss of power may."""
    files = sorted(folder.rglob(f"*{checkpoints.INDEX_SUFFIX}"))[-1:]
    files += sorted(folder.rglob(f"*{checkpoints.ARRAYS_SUFFIX}"))
    if files:
        file = rng.choice(files)
        file.write_bytes(file.read_bytes()[: rng.randrange(max(1, file.stat().st_size))])
