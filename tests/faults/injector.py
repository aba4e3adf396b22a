"""Trainings that are killed at random moments and gone on with, each in a process of its own.

A process that has imported TensorFlow is forked for every try: what would take eight seconds a kill
takes two. Nothing here is part of the program: faults are put into its child from outside.
"""

import contextlib
import errno
import io
import os
import random
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from pipelines import console, params
from pipelines.text import frames, vocabulary
from pipelines.training import checkpoints

# Imported here for the children, who then need not.
with console.quiet_imports(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow.artifacts
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking.context.registry  # noqa: F401

    from pipelines.inference import evaluation, predictor, scoring  # noqa: F401
    from pipelines.models import classifier, language_model, seq2seq, warm_start  # noqa: F401
    from pipelines.training import device, learn, loop, past  # noqa: F401
    from stages import fine_tune, train_baseline, train_lstm, train_seq2seq

STAGES = {
    "train_baseline": train_baseline.main,
    "train_lstm": train_lstm.main,
    "fine_tune": fine_tune.main,
    "train_seq2seq": train_seq2seq.main,
}
ADAM = {"method": "adam", "rate": 0.01, "decay": "linear", "clip_norm": 1.0}
PLATEAU = {"method": "adam", "rate": 0.02, "decay": "plateau", "factor": 0.5, "patience": 1}
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
        "accumulate": 2,
        "optimizer": ADAM,
    },
    "language-model": {
        **CELL,
        "model": "language_model",
        "corpus": "plain",
        "batch_size": 4,
        "steps": 10,
        "random_steps": True,
        "weight_drop": 0.2,
        "word_dropout": 0.1,
        "average": 2,
        "ngram": {"order": 2, "smoothing": "witten_bell", "share": 0.2},
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
        "optimizer": {**ADAM, "method": "adamw", "weight_decay": 0.01, "warmup": 5},
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
        "optimizer": {**ADAM, "method": "adam"},
    },
    "ensemble": {
        **READER,
        "pooling": "mean",
        "ensemble": 2,
        "patience": 2,
        "batch_size": 4,
        "epochs": 4,
        "optimizer": {**ADAM, "method": "sgd", "rate": 0.5},
    },
}
START = {  # the language model that the fine-tuned classifier starts from
    **CELL,
    "model": "language_model",
    "corpus": "plain",
    "batch_size": 4,
    "steps": 10,
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
    families: dict[str, dict[str, object]] = {stage: {} for stage in STAGES}
    for name, entry in {**MODELS, "start": START}.items():
        stage = {"ngram": "train_baseline", "bag-of-words": "train_baseline"}.get(name)
        stage = {"seq2seq": "train_seq2seq", "fine-tuned": "fine_tune"}.get(name, stage)
        families[stage or "train_lstm"][name] = entry
    tree = {
        "seed": 1,
        "tracking": {"experiment_prefix": ""},
        "checkpoints": {"every": EVERY},
        "corpora": _corpora(),
        **{f"{stage} models": entries for stage, entries in families.items()},
        "models": {**MODELS, "start": START},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    settings = params.load(folder / "params.yaml")
    for name, frame in FRAMES.items():
        frames.write(frame, folder / "data" / f"{name}-train.parquet")
        frames.write(frame.iloc[::3], folder / "data" / f"{name}-valid.parquet")
        built = vocabulary.of_frame(frame, settings.corpora[name])
        vocabulary.save(built, folder / "data" / f"{name}.json")


# One try ----------------------------------------------------------------------------------------

Fault = Callable[[], None]  # put into the child before it trains


def _nothing() -> None:
    """No fault."""


def begin(folder: Path, name: str, fault: Fault = _nothing) -> int:
    """Fork a child that trains the model in its folder; its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        log = Path(f"{name}.log").open("a", encoding="utf-8")  # noqa: SIM115, closed by the end
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout = sys.stderr = log
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else _interrupt)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        stage = _stage(name)
        sys.argv = [stage, *_words(name)]
        fault()
        console.launch(stage, STAGES[stage])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except KeyboardInterrupt:  # before the stage began
        code = console.INTERRUPTED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def end(child: int) -> int:
    """Wait for it; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(folder: Path, name: str, fault: Fault = _nothing) -> int:
    """Both in one."""
    return end(begin(folder, name, fault))


def _stage(name: str) -> str:
    known = {"ngram": "train_baseline", "bag-of-words": "train_baseline"}
    known |= {"seq2seq": "train_seq2seq", "fine-tuned": "fine_tune"}
    return known.get(name, "train_lstm")


def _words(name: str) -> list[str]:
    corpus = {**MODELS, "start": START}[name]["corpus"]
    words = [name, "--train", f"data/{corpus}-train.parquet"]
    words += ["--valid", f"data/{corpus}-valid.parquet", "--vocabulary", f"data/{corpus}.json"]
    words += ["--model", f"models/{name}", "--history", f"plots/{name}.csv"]
    return [*words, "--start", "models/start"] if name == "fine-tuned" else words


def outs(folder: Path, name: str) -> dict[str, bytes]:
    """What the training left, by its path."""
    files = [*(folder / "models" / name).rglob("*"), folder / "plots" / f"{name}.csv"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}


# Faults -----------------------------------------------------------------------------------------


class _Disk:
    """A file on a disk that takes so many bytes more, in all its files together."""

    left = 0

    def __init__(self, file: object, full: Callable[[], None]) -> None:
        self.file, self.full = file, full

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)

    def write(self, part: bytes) -> int:
        """Write what fits."""
        fits = bytes(part[: max(0, _Disk.left)])
        _Disk.left -= len(part)
        written = self.file.write(fits)
        if _Disk.left < 0:
            self.file.flush()
            self.full()
        return written


def _checkpoints_on(disk: int, full: Callable[[], None]) -> Fault:
    def fault() -> None:
        _Disk.left, whole = disk, checkpoints._whole

        @contextlib.contextmanager
        def small(path: Path) -> Iterator[_Disk]:
            with whole(path) as file:
                yield _Disk(file, full)

        checkpoints._whole = small

    return fault


def dies_after(steps: int) -> Fault:
    """Killed as this step begins."""

    def fault() -> None:
        step = loop.Training._train

        def counted(self: loop.Training, *arguments: object) -> None:
            if self.steps == steps:
                _die()
            step(self, *arguments)

        loop.Training._train = counted

    return fault


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint")


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


def torment(folder: Path, name: str, kills: int, seconds: float, seed: int) -> Story:
    """Interrupt a training again and again, each time at a random moment, and then let it finish.

    Args:
        folder: made by `make`.
        name: of MODELS.
        kills: how many interruptions; of those that came too late, for a training that had already
            ended, another is drawn.
        seconds: what the training takes without any.
        seed: of moments and faults.
    """
    draw, story = random.Random(f"{name} {seed}"), Story()
    while story.faults.total() < kills and story.too_late < 2 * kills:
        fault = FAULTS[(story.faults.total() + story.too_late) % len(FAULTS)]
        code = _interrupted(folder, name, fault, draw, seconds)
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
    """Whether there is a whole checkpoint; said nowhere if one is torn."""
    desks = [attempt.parent for attempt in (folder / ".seqproof").rglob(checkpoints.ATTEMPT)]
    with contextlib.redirect_stdout(io.StringIO()):
        return any(checkpoints.Checkpoints(desk, EVERY).newest() for desk in desks)


def _ended(folder: Path, name: str) -> bool:
    """Whether the training was done before it was interrupted; what it left is taken away then."""
    table = folder / "plots" / f"{name}.csv"
    if not table.is_file() or list((folder / ".seqproof").rglob(checkpoints.ATTEMPT)):
        return False
    shutil.rmtree(folder / "models" / name)
    table.unlink()
    return True


def _interrupted(folder: Path, name: str, fault: str, draw: random.Random, seconds: float) -> int:
    if fault == "disk full":
        return train(folder, name, _checkpoints_on(draw.randrange(60_000), _no_space))
    if fault == "kill -9 inside a write":
        return train(folder, name, _checkpoints_on(draw.randrange(60_000), _die))
    number = {"SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}.get(fault, signal.SIGKILL)
    child = begin(folder, name)
    time.sleep(draw.uniform(0.3, 1) * seconds)  # what comes before is the start of Python
    os.kill(child, number)
    code = end(child)
    if fault == "power lost":
        _tear(folder / ".seqproof", draw)
    return code
