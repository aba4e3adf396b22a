"""Speed of translation beside JoeyNMT: greedy search and a beam of 5.

    python benchmarks/decoding.py PROJECT --corpus verses

PROJECT has the prepared corpus. Both programs train the same translator on the same words for the
same epochs: embeddings 256, bidirectional LSTM 512, decoder 512, additive attention, input feeding,
Adam 1e-3, batches of 64. Then they translate the test split in turns; a translation ends where its
model ends it. Writes the table in the README of this folder; words and BLEU there tell that the
models are trained. The first round compiles and does not count.

JoeyNMT is installed into `.seqproof/joeynmt`, apart from the project's own packages; where that
fails, the benchmark says so and measures ours alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import page
import worker

from pipelines import console
from pipelines.config import params

with console.quiet_imports():
    import numpy as np
    import pandas as pd
    import sacrebleu

    from pipelines.data import parquet
    from pipelines.inference.decoding import Decoder
    from pipelines.layers import threads
    from pipelines.models import serialization
    from pipelines.tasks import translation
    from pipelines.text import encoding, vocabulary

ROOT = Path(__file__).resolve().parents[1]
# JoeyNMT imports the last two, and names them nowhere.
PACKAGES = ("torch==2.13.0", "joeynmt==2.3.0", "importlib_metadata", "setuptools<81")
LIMIT = 60  # words of a translation, of both programs
BEAMS = (1, 5)
MODEL = {
    "model": "seq2seq",
    "cell": "lstm",
    "embedding": 256,
    "units": 512,
    "layers": 1,
    "bidirectional": True,
    "attention": "additive",
    "input_feeding": True,
    "dropout": 0.3,
    "batch_size": 64,
    "optimizer": {
        "name": "adam",
        "learning_rate": 0.001,
        "schedule": "constant",
        "clip_norm": 1.0,
    },
}
HEADER = [
    "search, program",
    "sentences/s",
    "ours, relative to it",
    "words of a translation",
    "BLEU",
]
Seconds = dict[str, float]  # "wall" and "processor"


class JoeyNMT:
    """JoeyNMT in a process of its own, which trains as soon as it is started.

    Args:
        python: Python that has JoeyNMT.
        folder: the sentences; it gets the translations.
        options: threads and epochs.
    """

    def __init__(self, python: str, folder: Path, options: argparse.Namespace) -> None:
        script = Path(__file__).with_name("joeynmt_models.py")
        self.process = subprocess.Popen(
            [python, str(script), str(folder), str(options.threads), str(options.epochs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "joeynmt.log").open("w", encoding="utf-8"),
            env=os.environ | {"OMP_NUM_THREADS": str(options.threads)},
            text=True,
        )
        self.folder = folder

    def translate(self, beam: int) -> Seconds:
        """Translate the test split, and return the seconds."""
        seconds = worker.ask(self.process, beam)
        if seconds is None:
            log = (self.folder / "joeynmt.log").read_text(encoding="utf-8")
            raise SystemExit(f"JoeyNMT failed:\n{log[-2000:]}")
        return seconds

    def translations(self, beam: int) -> list[str]:
        """Return the translations of the last call with this beam."""
        text = (self.folder / f"joeynmt-{beam}.txt").read_text(encoding="utf-8")
        return text.removesuffix("\n").split("\n")


def joeynmt_python() -> str | None:
    """Return the Python of JoeyNMT's environment, made the first time; None if that fails."""
    folder = ROOT / ".seqproof" / "joeynmt"
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", *PACKAGES]
        process = subprocess.run(install, stderr=subprocess.PIPE, text=True, check=False)
        if process.returncode:
            sys.stdout.write(f"JoeyNMT is not measured: pip cannot install it.\n{process.stderr}\n")
            return None
        done.touch()
    return str(python)


class Ours:
    """The same translator of seqproof.

    Args:
        project: the project of the corpus.
        corpus: its name.
        epochs: epochs of the training.
    """

    def __init__(self, project: Path, corpus: str, epochs: int) -> None:
        data, config = project / "data", params.load(project / "params.yaml").corpora[corpus]
        self.splits: dict[str, pd.DataFrame] = {
            split: parquet.read_parquet(data / "prepared" / corpus / f"{split}.parquet")
            for split in ("train", "valid", "test")
        }
        self.columns = {
            name: vocabulary.build(list(self.splits["train"][name]), config.tokens, 10_000, 2)
            for name in ("source", "target")
        }
        entry = params.Seq2SeqConfig.model_validate(MODEL | {"corpus": corpus, "epochs": epochs})
        self._spec = serialization.ModelSpec(
            entry, "translation", config.tokens, config.cleaning, 1
        )
        self._sources = encoding.encode_rows(self.splits["test"]["source"], self.columns["source"])

    def write_words(self, folder: Path) -> None:
        """Write the words of all splits, one sentence a line."""
        for split, table in self.splits.items():
            for name, column in self.columns.items():
                text = "".join(" ".join(column.split(row)) + "\n" for row in table[name])
                path = folder / f"{split}.{name}"
                path.write_text(text, encoding="utf-8", newline="\n")

    def train(self, folder: Path) -> None:
        """Train the translator, or load the weights that the folder has."""
        vocabularies = vocabulary.Vocabularies(self.columns)
        weights = folder / "seqproof.npz"
        if weights.exists():
            model = serialization.build(self._spec.entry, vocabularies)
            model.set_weights(list(np.load(weights).values()))
        else:
            splits = self.splits["train"], self.splits["valid"]
            model = translation.TASK.train(self._spec, splits, vocabularies).model
            np.savez(weights, *model.get_weights())
        self._decoders = {beam: Decoder(model, LIMIT, params.Search(beam=beam)) for beam in BEAMS}

    def translate(self, beam: int) -> Seconds:
        """Translate the test split, and return the seconds."""
        wall, processor = time.perf_counter(), time.process_time()
        self._hypotheses = self._decoders[beam](self._sources)
        return {
            "wall": time.perf_counter() - wall,
            "processor": time.process_time() - processor,
        }

    def translations(self, beam: int) -> list[str]:
        """Return the translations of the last call."""
        column = self.columns["target"]
        return [" ".join(column.decode_tokens(row[0].ids)) for row in self._hypotheses]


def compare(
    programs: dict[str, Any], beam: int, rounds: int, clock: str, references: list[str]
) -> dict[str, list[float]]:
    """Return sentences per second, words of a translation and BLEU of each program."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    results: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, program in programs.items():
            answer = program.translate(beam)[clock]
            if number:
                seconds[name].append(answer)
            else:
                texts = program.translations(beam)
                words = sum(len(text.split()) for text in texts) / len(texts)
                bleu = sacrebleu.corpus_bleu(texts, [references], tokenize="none", force=True)
                results[name] = [words, bleu.score]
    for name, times in seconds.items():
        results[name].insert(0, len(references) / statistics.median(times))
    return results


def main() -> None:
    """Train both programs, measure both searches, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--corpus", default="verses")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock", choices=("wall", "processor"), default="wall", help="for a busy machine"
    )
    parser.add_argument("--joeynmt", help="Python that has JoeyNMT; otherwise it is installed")
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    options = parser.parse_args()
    threads.use_search_threads(options.threads)
    ours = Ours(options.project, options.corpus, options.epochs)
    column = ours.columns["target"]
    references = [" ".join(column.split(text)) for text in ours.splits["test"]["target"]]
    python = options.joeynmt or joeynmt_python()
    with tempfile.TemporaryDirectory() as name:
        folder = options.models or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        ours.write_words(folder)
        programs: dict[str, Any] = {"seqproof": ours}
        if python is not None:
            programs["JoeyNMT"] = JoeyNMT(python, folder, options)
        ours.train(folder)
        rows = []
        for beam in BEAMS:
            results = compare(programs, beam, options.rounds, options.clock, references)
            for program, (rate, words, bleu) in results.items():
                ratio = results["seqproof"][0] / rate
                title = f"{'greedy' if beam == 1 else f'beam {beam}'}, {program}"
                rows.append([title, f"{rate:,.0f}", f"{ratio:.2f}", f"{words:.1f}", f"{bleu:.1f}"])
                console.echo(" | ".join(rows[-1]))
        if python is not None:
            programs["JoeyNMT"].process.communicate()
            page.write("decoding", HEADER, rows)


if __name__ == "__main__":
    main()
