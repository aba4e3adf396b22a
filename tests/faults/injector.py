"""Trainings that are killed at random moments and gone on with, each in a process of its own."""

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

import pandas as pd
import yaml

from pipelines.config import params
from pipelines.data import parquet
from pipelines.text import vocabulary
from pipelines.training import checkpoints
from tests.faults import child

ROOT = Path(__file__).parents[2]
# A server that has imported TensorFlow, and never used it, is forked for every try: what would take
# eight seconds takes two. Tests have used TensorFlow, and its threads would be missing in a fork.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.heavy"])
STAGES = ("train_baseline", "train_lstm", "fine_tune", "train_seq2seq")
ADAM = {"name": "adam", "learning_rate": 0.01, "schedule": "linear", "clip_norm": 1.0}
PLATEAU = {
    "name": "adam",
    "learning_rate": 0.02,
    "schedule": "plateau",
    "factor": 0.5,
    "patience": 1,
}
CELL = {"cell": "lstm", "embedding": 6, "units": 8, "layers": 1, "dropout": 0.2}
READER = {**CELL, "model": "classifier", "corpus": "moods", "bidirectional": False}
# Everything that draws, remembers or accumulates stands in one of them.
MODELS = {
    "ngram": {"model": "ngram", "corpus": "plain", "order": 3, "smoothing": "kneser_ney"},
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
        **CELL,
        "model": "language_model",
        "corpus": "plain",
        "batch_size": 4,
        "bptt_steps": 10,
        "random_bptt_steps": True,
        "weight_drop": 0.2,
        "word_dropout": 0.1,
        "average_epochs": 2,
        "ngram": {"order": 2, "smoothing": "witten_bell", "weight": 0.2},
        "epochs": 3,
        "optimizer": {**PLATEAU, "clip_norm": 1.0},
    },
    "classifier": {
        **READER,
        "bidirectional": True,
        "pooling": "attention",
        "class_weights": "balanced",
        "variational": True,
        "batch_size": 4,
        "epochs": 5,
        "optimizer": ADAM,
    },
    "fine-tuned": {
        **READER,
        "pooling": "last",
        "init_from": "start",
        "batch_size": 4,
        "epochs": 4,
        "optimizer": {**ADAM, "name": "adamw", "weight_decay": 0.01, "warmup_steps": 5},
    },
    "seq2seq": {
        **CELL,
        "model": "seq2seq",
        "corpus": "turned",
        "cell": "gru",
        "bidirectional": True,
        "attention": "additive",
        "scheduled_sampling": 0.5,
        "label_smoothing": 0.1,
        "batch_tokens": 40,
        "epochs": 4,
        "optimizer": {**ADAM, "name": "adam"},
    },
    "ensemble": {
        **READER,
        "pooling": "mean",
        "ensemble_size": 2,
        "patience": 2,
        "batch_size": 4,
        "epochs": 4,
        "optimizer": {**ADAM, "name": "sgd", "learning_rate": 0.5},
    },
    "group": {
        **READER,
        "pooling": "max",
        "seeds": [4, 2],
        "batch_size": 4,
        "epochs": 3,
        "optimizer": ADAM,
    },
}
START = {  # the language model that the fine-tuned classifier starts from
    **CELL,
    "model": "language_model",
    "corpus": "plain",
    "batch_size": 4,
    "bptt_steps": 10,
    "epochs": 1,
    "optimizer": ADAM,
}
LINES = [
    f"the {who} {what} the {whom}"
    for who in ("cat", "dog", "man")
    for what in ("sees", "likes")
    for whom in ("tree", "house", "sea", "hill", "cow", "pig")
]
EVERY = 3  # steps between two checkpoints


def _corpus(task: params.Task, **changes: object) -> dict[str, object]:
    plain = {
        "task": task,
        "source": {"kind": "files", "paths": ["texts/none.txt"]},
        "reader": {"format": "lines"},
        "cleaning": {"lowercase": False, "max_length": 100, "drop_repeated": False},
        "tokens": "words",
        "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
        "vocabulary": {"max_size": 100, "min_count": 1},
        "checks": {"min_rows": 1, "max_unknown_rate": 1.0},
    }
    return plain | changes


def _corpora() -> dict[str, object]:
    samples = {"beginning": "the", "length": 5, "temperature": 1.0}
    table = {"format": "table", "separator": ","}
    labelled = {**table, "columns": {"text": "text", "label": "label"}}
    paired = {**table, "columns": {"source": "source", "target": "target"}}
    checks = {"min_rows": 1, "max_unknown_rate": 1.0}
    return {
        "plain": _corpus("language_modelling", samples=samples),
        "moods": _corpus(
            "classification", reader=labelled, checks=checks | {"labels": ["bad", "good"]}
        ),
        "turned": _corpus("translation", reader=paired, checks=checks | {"max_length_ratio": 9.0}),
    }


FRAMES = {
    "plain": pd.DataFrame({"text": LINES}),
    "moods": pd.DataFrame(
        {"text": LINES, "label": ["good" if "likes" in line else "bad" for line in LINES]}
    ),
    "turned": pd.DataFrame(
        {"source": LINES, "target": [" ".join(line.split(" ")[::-1]) for line in LINES]}
    ),
}


def make(folder: Path) -> None:
    """A folder with parameters, frames and vocabularies, ready for the stages that train."""
    (folder / "data").mkdir(parents=True)
    families: dict[str, dict[str, object]] = {family: {} for family in params.FAMILIES}
    for name, entry in {**MODELS, "start": START}.items():
        family = {"ngram": "baseline", "bag-of-words": "baseline"}.get(name)
        family = {"seq2seq": "seq2seq", "fine-tuned": "fine_tuned"}.get(name, family)
        families[family or "lstm"][name] = entry
    tree = {
        "seed": 1,
        "data_seed": 1,
        "tracking": {"experiment_prefix": ""},
        "checkpoints": {"every": EVERY},
        "corpora": _corpora(),
        "models": families,
        "experiments": {key: {} for key in params.Experiments.model_fields},
        "goals": [],
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    settings = params.load(folder / "params.yaml")
    for name, frame in FRAMES.items():
        parquet.write_parquet(frame, folder / "data" / f"{name}-train.parquet")
        parquet.write_parquet(frame.iloc[::3], folder / "data" / f"{name}-valid.parquet")
        built = vocabulary.build_vocabularies(frame, settings.corpora[name])
        vocabulary.save(built, folder / "data" / f"{name}.json")


# One try ----------------------------------------------------------------------------------------


def begin(
    folder: Path, name: str, fault: child.Fault = child.nothing, *words: str
) -> ForkServerProcess:
    """A process that trains the model in its folder, with more words for the stage."""
    (folder / f"{name}.begun").unlink(missing_ok=True)
    process = FORKS.Process(
        target=child.train, args=(folder, _stage(name), _words(name, words), fault)
    )
    with contextlib.chdir(ROOT):  # where the server looks for modules
        process.start()
    return process


def end(process: ForkServerProcess) -> int:
    """Wait for it; its exit code, or minus the signal that ended it."""
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def train(folder: Path, name: str, fault: child.Fault = child.nothing, *words: str) -> int:
    """Both in one."""
    return end(begin(folder, name, fault, *words))


@dataclass(frozen=True)
class Times:
    """How many seconds a process takes until it trains, and how many from there to its end."""

    before: float
    training: float


def timed(folder: Path, name: str) -> Times:
    """Train the model in peace, and look at the clock."""
    started = time.monotonic()
    process = begin(folder, name)
    _wait(folder, name, process)
    begun = time.monotonic()
    assert end(process) == 0, (folder / f"{name}.log").read_text(encoding="utf-8")
    return Times(begun - started, time.monotonic() - begun)


def _wait(folder: Path, name: str, process: ForkServerProcess) -> None:
    """Until it trains, or has ended."""
    mark = folder / f"{name}.begun"
    while not mark.exists() and process.is_alive():
        time.sleep(0.005)


def _stage(name: str) -> str:
    known = {"ngram": "train_baseline", "bag-of-words": "train_baseline"}
    known |= {"seq2seq": "train_seq2seq", "fine-tuned": "fine_tune"}
    return known.get(name, "train_lstm")


def _words(name: str, more: tuple[str, ...]) -> list[str]:
    corpus = {**MODELS, "start": START}[name]["corpus"]
    words = [name, *more, "--train", f"data/{corpus}-train.parquet"]
    words += ["--valid", f"data/{corpus}-valid.parquet", "--vocabulary", f"data/{corpus}.json"]
    words += ["--model", f"models/{name}", "--history", f"plots/{name}.csv"]
    return [*words, "--start", "models/start"] if name == "fine-tuned" else words


def outs(folder: Path, name: str) -> dict[str, bytes]:
    """What the training left, by its path."""
    files = [*(folder / "models" / name).rglob("*"), folder / "plots" / f"{name}.csv"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}


# Faults -----------------------------------------------------------------------------------------


def _tear(folder: Path, draw: random.Random) -> None:
    """Cut the newest checkpoint, or some arrays, as a lost power may."""
    files = sorted(folder.rglob(f"*{checkpoints.INDEX}"))[-1:]
    files += sorted(folder.rglob(f"*{checkpoints.ARRAYS}"))
    if files:
        torn = draw.choice(files)
        torn.write_bytes(torn.read_bytes()[: draw.randrange(max(1, torn.stat().st_size))])


FAULTS = ("kill -9", "kill -9 inside a write", "power lost", "disk full", "SIGTERM", "Ctrl-C")


@dataclass
class Story:
    """What happened to one training.

    Attributes:
        faults: how often each was injected.
        saved: how often there was a checkpoint to go on from, after each fault.
        codes: what processes ended with, minus the signal's number if by one, after each fault.
        went_on: how often a process went on from a checkpoint.
        too_late: how often the training had ended before it could be interrupted.
        log: all that was printed.
    """

    faults: Counter[str] = field(default_factory=Counter)
    saved: Counter[str] = field(default_factory=Counter)
    codes: dict[str, Counter[int]] = field(default_factory=dict)
    went_on: int = 0
    too_late: int = 0
    log: str = ""


def torment(folder: Path, name: str, kills: int, times: Times, seed: int) -> Story:
    """Interrupt a training again and again, each time at a random moment, and then let it finish.

    Args:
        folder: made by `make`.
        name: of MODELS.
        kills: how many interruptions; of those that came too late, for a training that had already
            ended, another is drawn.
        times: what it takes without any.
        seed: of moments and faults.
    """
    draw, story = random.Random(f"{name} {seed}"), Story()
    while story.faults.total() < kills and story.too_late < 2 * kills:
        fault = FAULTS[(story.faults.total() + story.too_late) % len(FAULTS)]
        code = _interrupted(folder, name, fault, draw, times)
        if _ended(folder, name):
            story.too_late += 1
        else:
            story.faults[fault] += 1
            story.saved[fault] += _saved(folder)
            story.codes.setdefault(fault, Counter())[code] += 1
    code = train(folder, name)
    story.log = (folder / f"{name}.log").read_text(encoding="utf-8")
    story.went_on = story.log.count("Goes on after step")
    assert code == 0, story.log
    return story


def _saved(folder: Path) -> bool:
    """Whether there is a whole checkpoint; looked for in a copy, for torn ones are taken away."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        copy = shutil.copytree(folder / ".seqproof", Path(scratch, "copy"))
        desks = [attempt.parent for attempt in copy.rglob(checkpoints.ATTEMPT)]
        return any(checkpoints.Checkpoints(desk, EVERY).newest() for desk in desks)


def _ended(folder: Path, name: str) -> bool:
    """Whether the training was done before it was interrupted; what it left is taken away then."""
    table = folder / "plots" / f"{name}.csv"
    if not table.is_file() or list((folder / ".seqproof").rglob(checkpoints.ATTEMPT)):
        return False
    shutil.rmtree(folder / "models" / name)
    table.unlink()
    return True


def _interrupted(folder: Path, name: str, fault: str, draw: random.Random, times: Times) -> int:
    if fault == "disk full":
        return train(
            folder, name, partial(child.small_disk, draw.randrange(60_000), child.no_space)
        )
    if fault == "kill -9 inside a write":
        return train(folder, name, partial(child.small_disk, draw.randrange(60_000), child.die))
    number = {"SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}.get(fault, signal.SIGKILL)
    process = begin(folder, name)
    if draw.random() < 0.2 or name == "ngram":  # which is counted in one go
        time.sleep(draw.random() * times.before)
    else:
        _wait(folder, name, process)
        time.sleep(draw.random() * times.training)
    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.kill(process.pid, number)
    code = end(process)
    if fault == "power lost":
        _tear(folder / ".seqproof", draw)
    return code
