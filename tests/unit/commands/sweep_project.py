"""A project whose model is trained by a short script: DVC, Git, MLflow and params.yaml are real."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from pipelines.lineage import dvc_project
from tests.faults.forked_run import ForkedRun
from tests.unit.config.shipped import TEXT

ROOT = Path(__file__).resolve().parents[3]
MODEL, TRAIN, EVALUATE = "opinions-mlp", "train_baseline@opinions-mlp", "evaluate_baseline"
GRAPH = f"""
stages:
  prepare:
    cmd: python work.py prepare
    deps: [work.py, texts]
    outs: [data/prepared]
  train_baseline:
    foreach: [{MODEL}]
    do:
      cmd: python work.py train
      deps: [work.py, data/prepared]
      params: [seed, models.baseline.{MODEL}]
      outs: [models/{MODEL}]
      plots: [plots/{MODEL}.csv]
  evaluate_baseline:
    foreach: [{MODEL}]
    do:
      cmd: python work.py evaluate
      deps: [work.py, models/{MODEL}, plots/{MODEL}.csv]
      metrics: [{{metrics/{MODEL}.json: {{cache: false}}}}]
      outs: [predictions/{MODEL}.parquet]
"""
WORK = """
import json, os, pathlib, sys, time
import yaml
entry = yaml.safe_load(open("params.yaml"))["models"]["baseline"]["opinions-mlp"]
trace = pathlib.Path(TRACE)
with trace.open("a+") as lines:
    lines.write(json.dumps([sys.argv[1], entry]) + "\\n")
    lines.seek(0)
    number = sum(line.startswith('["train"') for line in lines)
def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if sys.argv[1] == "prepare":
    write("data/prepared/a", open("texts/a.txt").read())
if sys.argv[1] == "train":
    if entry["dropout"] > 0.8:
        sys.exit("seqproof: The training diverged: its loss is not finite.")
    best = 1 - abs(entry["dropout"] - 0.3) - abs(entry["optimizer"]["learning_rate"] - 0.005)
    rows = []
    for seed in entry.get("seeds", [None]):
        for epoch in range(1, 4):
            row = {} if seed is None else {"seed": seed}
            row |= {"epoch": epoch, "tokens": 10 * epoch, "train_loss": 1.0 / epoch,
                    "valid_loss": 1.0, "valid_macro_f1": best - 0.1 / epoch}
            rows.append(row)
            with open(os.environ["SEQPROOF_EPOCHS"], "a") as lines:
                lines.write(json.dumps(row) + "\\n")
            while epoch == 2 and pathlib.Path(f"{trace}.wait-{number}").exists():
                time.sleep(0.02)
    header = ",".join(rows[0])
    lines = "\\n".join(",".join(f"{x:.9g}" for x in row.values()) for row in rows)
    write("plots/opinions-mlp.csv", f"{header}\\n{lines}\\n")
    write("models/opinions-mlp/weights", json.dumps(entry))
if sys.argv[1] == "evaluate":
    import pandas as pd
    right = 0.5 + 0.5 * (json.load(open("models/opinions-mlp/weights"))["hidden"] == [8])
    frames = []
    for seed in entry["seeds"]:
        labels = ["negative", "neutral", "positive"] * 60
        guesses = [x if i < right * 180 else "neutral" for i, x in enumerate(labels)]
        texts = [f"text {i}" for i in range(180)]
        frame = pd.DataFrame({"text": texts, "label": labels, "predicted": guesses})
        frames.append(frame.assign(seed=seed, nats=1.0, tokens=2))
    pathlib.Path("predictions").mkdir(exist_ok=True)
    pd.concat(frames, ignore_index=True).to_parquet("predictions/opinions-mlp.parquet")
    write("metrics/opinions-mlp.json", "{}")
"""
SWEEP = {
    "model": MODEL,
    "parameters": {
        "dropout": {"low": 0.0, "high": 0.9, "step": 0.1},
        "hidden": [[8], [16]],
        "optimizer.learning_rate": {"low": 0.0005, "high": 0.05, "log": True},
    },
    "trials": 7,
    "pruner": "median",
    "metric": "valid_macro_f1",
    "seed": 3,
    "confirm_seeds": [11, 12, 13],
}


class SweepProject:
    """The project.

    Args:
        folder: its root.

    Attributes:
        errors: what the last command has printed for errors.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.errors = folder, ""
        self.trace = folder.parent / f"{folder.name}.trace"
        self._errors = Path(f"{self.trace}.errors")

    @classmethod
    def create(cls, folder: Path) -> "SweepProject":
        """Create a project in which nothing has run."""
        (folder / "texts").mkdir(parents=True)
        (folder / "texts" / "a.txt").write_text("a text\n")
        (folder / "dvc.yaml").write_text(GRAPH)
        project = cls(folder)
        (folder / "work.py").write_text(f"TRACE = {str(project.trace)!r}\n{WORK}")
        ignored = "/data/\n/models/\n/plots/\n/predictions/\n/.seqproof/\n/mlflow.db*\n"
        (folder / ".gitignore").write_text(f"{ignored}/mlartifacts/\n")
        tree = yaml.safe_load(TEXT)
        tree["models"]["baseline"][MODEL]["hidden"] = [16]
        tree["sweeps"] = {"tuning": SWEEP}
        (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        dvc_project.initialise(folder)
        return project

    def start(self, command: str, *arguments: str) -> ForkedRun:
        """Start a command of `seqproof` in the project."""
        self._errors.touch()
        return ForkedRun(self.folder, arguments, command, self._errors)

    def _finish(self, process: ForkedRun) -> str:
        """Wait for the end of a command; return its output."""
        output = process.communicate()
        self.errors = self._errors.read_text(encoding="utf-8")
        self._errors.unlink()
        return output

    def run(self, command: str, *arguments: str) -> str:
        """Run a command of `seqproof`; return its output."""
        process = self.start(command, *arguments)
        output = self._finish(process)
        assert process.returncode == 0, output + self.errors
        return output

    def stop(self, number: int, trainings: int) -> str:
        """Send a signal to a sweep while it trains; return its output for errors.

        Args:
            number: of the signal.
            trainings: number of trainings that have started until then; the last of them waits in
                its second epoch until it is killed or stopped.
        """
        Path(f"{self.trace}.wait-{trainings}").touch()
        process = self.start("sweep", "tuning")
        while len(self.entries("train")) < trainings:
            assert process.poll() is None, self._finish(process) + self.errors
            time.sleep(0.01)
        process.send_signal(number)
        self._finish(process)
        return self.errors

    def entries(self, step: str) -> list[dict[str, Any]]:
        """Return the model's entry of each run of a step."""
        text = self.trace.read_text() if self.trace.exists() else ""
        whole_lines = text.rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in whole_lines]
        return [entry for name, entry in lines if name == step]
