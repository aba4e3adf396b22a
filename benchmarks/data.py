"""Speed and memory of the data stages on generated text, beside other libraries.

    python benchmarks/data.py [--megabytes 10 100 1000] [--peers PYTHON]

Each size of text goes through `fetch`, `preprocess` and `build_vocab` of a project of its own, each
in a process of its own: words, shuffled, without repeated rows, and at the smallest size sub-words,
too. The memory is the sum over a stage's processes of what they do not share (PSS), at its peak.
The other libraries do what comes nearest, on the same text in the same run: pyarrow counts its
words, sentencepiece learns and applies sub-words, and `tokenizers`, if PYTHON has it, byte pairs.
The tables and the curve in the README of this folder are from one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import page
import yaml

from pipelines import console

ROOT = Path(__file__).parents[1]
WORDS, SYLLABLES = 200_000, ["ka", "lo", "mi", "né", "ru", "sta", "ti", "vö", "wen", "za", "o", "e"]
STAGES = ("fetch", "preprocess", "build_vocab")
INTERVAL = 0.02  # seconds between two measurements of memory
PICTURE = ROOT / "docs" / "pictures" / "data-scaling.svg"
SUB_WORDS = 8000
PEER = """
import sys, time, json
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
start = time.process_time()
tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=8000, show_progress=False))
trained = time.process_time()
tokenizer.encode_batch(lines)
print(json.dumps([trained - start, time.process_time() - trained]))
"""


@dataclass(frozen=True)
class Cost:
    """Cost of a process and its children.

    Attributes:
        seconds: wall clock.
        core_seconds: of all cores together.
        peak: bytes of memory.
    """

    seconds: float
    core_seconds: float
    peak: int


def main() -> None:
    """Measure all sizes, and write the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--peers", type=Path, help="Python that has `tokenizers`")
    parser.add_argument("--folder", type=Path, help="for the texts and projects")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        texts = {size: _write_text(Path(folder), size) for size in options.megabytes}
        smallest = min(texts)
        peers = _measure_peers(texts[smallest], options.peers)
        console.echo(str(peers))
        subwords = {
            kind: _run_stages(Path(folder), texts[smallest], kind, smallest)["build_vocab"]
            for kind in ("bpe", "unigram")
        }
        costs = {
            size: _run_stages(Path(folder), text, "words", size) for size, text in texts.items()
        }
    _write_tables(costs, subwords, peers, smallest)
    _draw(costs)


def _write_text(folder: Path, megabytes: int) -> Path:
    """Write sentences of Zipf's law, each on its line."""
    random = np.random.default_rng(megabytes)
    lengths = random.integers(1, 7, WORDS)
    words = np.array(["".join(random.choice(SYLLABLES, length)) for length in lengths], object)
    cumulative = np.cumsum(1 / np.arange(1, WORDS + 1))
    path, size = folder / f"text-{megabytes}.txt", 0
    with path.open("wb") as file:
        while size < megabytes * 1_000_000:
            numbers = np.searchsorted(cumulative, random.random(1 << 20) * cumulative[-1])
            ends = np.cumsum(random.integers(5, 35, 1 << 15))
            rows = np.split(words[numbers[: ends[-1]]], ends[ends < len(numbers)])
            text = "".join(f"{' '.join(row).capitalize()}.\n" for row in rows if len(row))
            size += file.write(text.encode()[: megabytes * 1_000_000 - size])
    return path


def _run_stages(folder: Path, text: Path, tokens: str, megabytes: int) -> dict[str, Cost]:
    project = folder / f"{tokens}-{megabytes}"
    (project / "texts").mkdir(parents=True)
    os.link(text, project / "texts" / "text.txt")
    vocabulary = (
        {"max_size": SUB_WORDS} if tokens != "words" else {"max_size": 50_000, "min_count": 2}
    )
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["corpora"] = {
        "text": {
            "task": "language_modelling",
            "source": {"kind": "files", "paths": ["texts/text.txt"]},
            "reader": {"format": "lines"},
            "cleaning": {
                "unicode": "NFC",
                "lowercase": True,
                "max_length": 1000,
                "drop_repeated": True,
            },
            "tokens": tokens,
            "split": {"method": "shuffled", "valid": 0.05, "test": 0.05},
            "vocabulary": vocabulary,
            "checks": {"unknown_rate": {"max": 0.5}},
            "samples": {"beginning": "ka", "length": 10, "temperature": 1.0},
        }
    }
    tree["models"] = {family: {} for family in tree["models"]}
    tree["experiments"] = {key: {} for key in tree["experiments"]}
    tree["goals"] = []
    (project / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    costs = {}
    for stage in STAGES:
        costs[stage] = _measure([sys.executable, "-m", f"stages.{stage}", "text"], project)
        console.echo(f"{tokens}, {megabytes} MB, {stage}: {costs[stage]}")
    return costs


def _measure(command: Sequence[str], folder: Path) -> Cost:
    """Run a command, and return its cost."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before, start = os.times(), time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        peak = [0]
        watcher = threading.Thread(target=_watch, args=(process, peak))
        watcher.start()
        if process.wait() != 0:
            raise SystemExit(f"{' '.join(command)} failed.")
        watcher.join()
    after, end = os.times(), time.perf_counter()
    core_seconds = sum(after[2:4]) - sum(before[2:4])  # of children
    return Cost(end - start, core_seconds, peak[0])


def _watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_memory, _family(process.pid))))
        time.sleep(INTERVAL)


def _family(root: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    yield root
    for tasks in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _memory(process: int) -> int:
    """Return the bytes of a process, those that it shares divided by the sharers."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


# Other libraries ---------------------------------------------------------------------------------


def _measure_peers(text: Path, python: Path | None) -> dict[str, float]:
    """Return the core seconds of other libraries on a text."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import sentencepiece

    pa.set_cpu_count(1)
    lines = text.read_text(encoding="utf-8").lower().splitlines()
    seconds = {}
    start = time.process_time()
    array = pa.array(lines)
    pc.value_counts(pc.list_flatten(pc.split_pattern(array, " ")))
    seconds["pyarrow, count words"] = time.process_time() - start
    for kind in ("bpe", "unigram"):
        model = text.with_suffix(f".{kind}")
        start = time.process_time()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_prefix=str(model),
            model_type=kind,
            vocab_size=SUB_WORDS,
            hard_vocab_limit=False,
            num_threads=1,
            minloglevel=2,
        )
        trained = time.process_time()
        processor = sentencepiece.SentencePieceProcessor(model_file=f"{model}.model")
        processor.encode(lines, out_type=int, num_threads=1)
        seconds[f"sentencepiece, learn {kind}"] = trained - start
        seconds[f"sentencepiece, apply {kind}"] = time.process_time() - trained
    if python is not None:
        environment = {**os.environ, "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        environment.pop("PYTHONPATH", None)
        output = subprocess.run(
            [python, "-c", PEER, text],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        learn, apply = json.loads(output)
        seconds |= {"tokenizers, learn bpe": learn, "tokenizers, apply bpe": apply}
    return seconds


# Tables and picture ------------------------------------------------------------------------------


def _write_tables(
    costs: Mapping[int, Mapping[str, Cost]],
    subwords: Mapping[str, Cost],
    peers: Mapping[str, float],
    size: int,
) -> None:
    rows = [
        [
            f"{megabytes:,} MB, {stage}",
            f"{cost.seconds:.1f}",
            f"{cost.core_seconds:.1f}",
            f"{megabytes / cost.seconds:.1f}",
            f"{megabytes / cost.core_seconds:.1f}",
            f"{cost.peak / 2**20:,.0f}",
        ]
        for megabytes, stages in costs.items()
        for stage, cost in stages.items()
    ]
    head = ["words", "seconds", "core seconds", "MB/s", "MB a core second", "peak, MiB"]
    page.write("data", head, rows)
    names = {f"build_vocab, {kind}": cost.core_seconds for kind, cost in subwords.items()}
    table = [
        [name, f"{seconds:.1f}", f"{size / seconds:.1f}"]
        for name, seconds in (names | dict(peers)).items()
    ]
    page.write("data-peers", [f"{size:,} MB", "core seconds", "MB a core second"], table)


def _draw(costs: Mapping[int, Mapping[str, Cost]]) -> None:
    """Draw time and memory over the size of the text."""
    from matplotlib import pyplot as plt

    sizes = list(costs)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for stage in STAGES:
        seconds = [costs[size][stage].seconds for size in sizes]
        memory = [costs[size][stage].peak / 2**20 for size in sizes]
        left.plot(sizes, seconds, marker="o", label=stage)
        right.plot(sizes, memory, marker="o", label=stage)
    right.axhline(1536, color="gray", linestyle="--", linewidth=1, label="limit: 1.5 GiB")
    left.set(xlabel="MB of text", ylabel="seconds", xscale="log", yscale="log")
    right.set(xlabel="MB of text", ylabel="peak of memory, MiB", xscale="log", ylim=(0, 1700))
    for panel in (left, right):
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.minorticks_off()
        panel.legend(frameon=False, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    plt.rcParams["svg.hashsalt"] = "seqproof"
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
