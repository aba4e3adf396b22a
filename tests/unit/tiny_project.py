"""A project with one small model: DVC, Git and MLflow are real, its stages are not."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from filelock import FileLock

from pipelines import paths
from pipelines.config import params
from pipelines.lineage import dvc_project, hashing, lockfiles, provenance, run_tags, snapshots
from pipelines.lineage.stages import Inputs, LockedStage
from pipelines.tracking import run_store, runs, stage_runs
from pipelines.tracking.runs import Run
from pipelines.verification import output_hashes, verify_targets
from tests.unit.corpus_entries import COMMON_CHECKS, PLAIN

MODEL, EXPERIMENT = "mine-markov", "lower"
TRAIN, EVALUATE = f"train_baseline@{MODEL}", f"evaluate_baseline@{MODEL}"
CORPUS = PLAIN | {"source": {"kind": "files", "paths": ["texts/mine.txt"]}}
GRAPH = """
stages:
  fetch:
    foreach: ${corpora}
    do:
      cmd: python -m work fetch ${key}
      deps: ["texts", "work.py"]
      params: ["corpora.${key}.source"]
      outs: ["data/raw/${key}"]
  build_vocab:
    foreach: ${corpora}
    do:
      cmd: python -m work build_vocab ${key}
      deps: ["data/raw/${key}", "work.py"]
      outs: ["data/prepared/${key}/test.parquet", "data/vocabulary/${key}.json"]
  train_baseline:
    foreach: ${models.baseline}
    do:
      cmd: python -m work train_baseline ${key}
      deps: ["data/vocabulary/${item.corpus}.json", "work.py"]
      params:
        - seed
        - models.baseline.${key}
        - corpora.${item.corpus}.task
        - corpora.${item.corpus}.tokens
        - corpora.${item.corpus}.cleaning
      outs: ["models/${key}"]
      plots: ["plots/${key}.csv"]
  evaluate_baseline:
    foreach: ${models.baseline}
    do:
      cmd: python -m work evaluate ${key}
      deps:
        - data/prepared/${item.corpus}/test.parquet
        - data/vocabulary/${item.corpus}.json
        - models/${key}
        - plots/${key}.csv
        - work.py
      params: ["corpora.${item.corpus}"]
      metrics:
        - metrics/${key}.json:
            cache: false
      outs: ["predictions/${key}.parquet", "analyses/${key}.json"]
  report:
    cmd: python -m work report
    deps: ["metrics", "verified", "work.py"]
    outs: ["report.html"]
"""
WORK = """
import json, pathlib, shutil, sys
import yaml
order = yaml.safe_load(open("params.yaml"))["models"]["baseline"]["mine-markov"]["order"]
stage, name = sys.argv[1], sys.argv[-1]
def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if stage == "fetch":
    write(f"data/raw/{name}/mine.txt", open("texts/mine.txt").read())
if stage == "build_vocab":
    write(f"data/vocabulary/{name}.json", '["a", "b"]')
    write(f"data/prepared/{name}/test.parquet", "")
    shutil.copy("texts/test.parquet", f"data/prepared/{name}/test.parquet")
if stage == "train_baseline":
    write(f"models/{name}/model.json", json.dumps({"order": order}))
    write(f"models/{name}/counts", "counts " * order)
    losses = "epoch,tokens,train_loss,valid_loss\\n1,10,2.0,%s\\n" % order
    write(f"plots/{name}.csv", losses)
if stage == "evaluate":
    metrics = {"test_perplexity": 1.5 * order, "test_tokens": 7, "test_perplexity_signature": "e"}
    write(f"metrics/{name}.json", json.dumps(metrics))
    write(f"analyses/{name}.json", json.dumps({"sample": "the %s" % order}))
    import pandas as pd
    items = pd.read_parquet("data/prepared/mine/test.parquet").assign(tokens=3)
    items["nats"] = [order + 0.1 * (row % 3) for row in range(len(items))]
    write(f"predictions/{name}.parquet", "")
    items.to_parquet(f"predictions/{name}.parquet")
if stage == "report":
    write("report.html", "page")
"""


class Project:
    """A project's folder and its runs in MLflow."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str) -> str:
        """Run a command in the project."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        author = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "someone")
        author |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "someone@example.org")
        environment = {**clean, **author, "PATH": path, "DVC_NO_ANALYTICS": "true"}
        process = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout.strip()

    def locked(self) -> dict[str, LockedStage]:
        """Return the stages of dvc.lock."""
        return dvc_project.parse_lock((self.root / "dvc.lock").read_text(encoding="utf-8"))

    def runs(self) -> run_store.RunStore:
        """Return the runs, read again from MLflow."""
        return run_store.open_store(self.root)

    def seal(self) -> output_hashes.RecordSummary:
        """Seal the runs, as `seqproof seal` does."""
        with snapshots.open_snapshot(self.root) as snapshot:
            return output_hashes.record_outputs(
                lockfiles.lockfiles(self.root),
                self.runs(),
                lambda entry: output_hashes.model_hash(snapshot, entry),
            )

    def tags(self) -> list[dict[str, str]]:
        """Return the tags of each run, the newest first."""
        return [dict(run.tags) for run in self.runs().runs]

    def sql(self, statement: str) -> None:
        """Edit MLflow's database directly."""
        with sqlite3.connect(self.root / "mlflow.db") as database:
            assert database.execute(statement).rowcount > 0
        database.close()

    def flip_bit(self, path: str) -> None:
        """Flip one bit of a file, and keep its size and modification time."""
        file = self.root / path
        status = file.stat()
        file.chmod(0o644)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def replace(self, path: str, old: str, new: str, after: str = "") -> None:
        """Replace the first occurrence of a text after another text."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        start = text.index(after)
        head, tail = text[:start], text[start:]
        assert old in tail, (path, old)
        file.write_text(head + tail.replace(old, new, 1), encoding="utf-8")

    def cache_path(self, md5: str) -> str:
        """Return the path of an object in DVC's cache."""
        return f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"

    def track(self) -> None:
        """Log the run that the stages of dvc.lock would have made."""
        config = params.load(self.root / "params.yaml")
        identity = stage_runs.run_identity(config, MODEL)
        entries = self.locked()
        model = self.root / paths.model(MODEL)
        with runs.training(identity, self.root, uuid.uuid4().hex) as run:
            run.log_params(stage_runs.model_parameters(config.models[MODEL], config.seed))
            corpus = config.corpora["mine"].model_dump(mode="json", exclude_none=True)
            run.log_params({"corpora": {"mine": corpus}})
            self._log_provenance(run, "training", entries[TRAIN].inputs)
            run.set_tags({run_tags.MODEL_HASH: hashing.folder_sha256(model)})
            run.log_file(self.root / paths.history(MODEL), "history")
        with runs.evaluation(identity, self.root, hashing.folder_sha256(model)) as run:
            metrics = json.loads((self.root / paths.metrics(MODEL)).read_text(encoding="utf-8"))
            run.log_metrics({key: x for key, x in metrics.items() if not isinstance(x, str)})
            run.log_file(self.root / paths.analysis(MODEL), "analysis")
            run.log_file(self.root / paths.predictions(MODEL), "predictions")
            self._log_provenance(run, "evaluation", entries[EVALUATE].inputs)
            run.log_model(model, self.root / paths.vocabulary("mine"), ["in"], ["out"])
        assert run.failure is None

    def _log_provenance(self, run: Run, kind: str, inputs: Inputs) -> None:
        run.set_tags({run_tags.INPUT_HASH.format(kind): inputs.input_hash})
        run.log_text(provenance.record(inputs, self.root, {}), provenance.record_path(kind))

    def commit(self, message: str) -> str:
        """Commit all files and return the hash of the commit."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)
        return self.run("git", "rev-parse", "HEAD")


def _create(root: Path) -> Project:
    root.mkdir()
    project = Project(root)
    (root / "texts").mkdir()
    (root / "verified").mkdir()
    (root / "texts" / "mine.txt").write_text("the cat sees the tree\n", encoding="utf-8")
    (root / "verified" / "README.md").write_text("Verdicts.\n", encoding="utf-8")
    pd.DataFrame({"text": list("abcdefgh")}).to_parquet(root / "texts" / "test.parquet")
    model = {"model": "ngram", "corpus": "mine", "order": 3, "smoothing": "witten_bell"}
    families: dict[str, Any] = {family: {} for family in params.FAMILIES}
    tree: dict[str, Any] = {
        "goals": [],
        "seed": 1,
        "data_seed": 1,
        "threads": 1,
        "tracking": {"experiment_prefix": "seqproof/"},
        "checkpoints": {"every": 1000},
        "data": {"engine": "local"},
        "checks": COMMON_CHECKS,
        "corpora": {"mine": CORPUS},
        "models": families | {"baseline": {MODEL: model}},
        "experiments": {key: {} for key in params.Experiments.model_fields},
    }
    text = yaml.dump(tree, Dumper=_Plain, sort_keys=False)
    (root / "params.yaml").write_text(text, encoding="utf-8")
    (root / "dvc.yaml").write_text(GRAPH, encoding="utf-8")
    (root / "work.py").write_text(WORK, encoding="utf-8")
    ignored = "/data/\n/models/\n/plots/\n/predictions/\n/analyses/\n/report.html\n/mlflow.db*\n"
    (root / ".gitignore").write_text(f"{ignored}/mlartifacts/\n__pycache__/\n", encoding="utf-8")
    project.run("git", "init", "-q")
    project.run("dvc", "init", "-q")
    return project


class _Plain(yaml.SafeDumper):
    """YAML without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@pytest.fixture(scope="session")
def base(shared_folder: Path) -> Project:
    """A project that ran, with a committed experiment of another order; not yet sealed."""
    root, end = shared_folder / "proof", shared_folder / "proof.end"
    with FileLock(f"{root}.lock"):
        if not end.exists():
            shutil.rmtree(root, ignore_errors=True)  # of a process that failed
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv("MLFLOW_TRACKING_URI", raising=False)
                _run(_create(root))
            end.touch()
    return Project(root)


def _run(project: Project) -> None:
    project.commit("code")
    project.run("dvc", "repro")
    project.track()
    first = project.commit("results")
    text = (project.root / "params.yaml").read_text(encoding="utf-8")
    (project.root / "params.yaml").write_text(text.replace("order: 3", "order: 2"), "utf-8")
    project.run("dvc", "repro")
    project.track()
    experiment = project.commit("experiment")
    ref = f"refs/exps/{first[:2]}/{first[2:]}/{EXPERIMENT}"
    project.run("git", "update-ref", ref, experiment)
    project.run("git", "reset", "-q", "--hard", first)
    project.run("dvc", "checkout", "-q", "--force")


def copy_project(base: Project, root: Path) -> Project:
    """Copy a project with its artifacts."""
    from mlflow.tracking._tracking_service import utils

    # MLflow caches the artifact folder of each run, which differs between the copies.
    utils._artifact_repos_cache.clear()
    shutil.copytree(base.root, root, symlinks=True)
    return Project(root)


@pytest.fixture
def project(base: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the project to edit; it is the current folder."""
    root = tmp_path / "project"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    copy = copy_project(base, root)
    monkeypatch.chdir(root)
    return copy


@pytest.fixture(scope="session")
def sealed(base: Project, tmp_path_factory: pytest.TempPathFactory) -> run_store.RunStore:
    """Sealed runs of another copy: for tests that edit files and no run."""
    copy = copy_project(base, tmp_path_factory.mktemp("sealed") / "project")
    copy.seal()
    return copy.runs()


@pytest.fixture
def target(project: Project, sealed: run_store.RunStore) -> Iterator[verify_targets.VerifyTarget]:
    """The model of the copy with the sealed runs; files are read when they are needed."""
    with snapshots.open_snapshot(project.root) as snapshot:
        yield verify_targets.of_model(MODEL, snapshot, sealed)
