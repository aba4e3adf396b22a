"""A project of one small model: DVC, Git and MLflow are real, what its stages do is not."""

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

from pipelines.config import params
from pipelines.lineage import dvc_project, lockfiles, provenance, snapshots
from pipelines.tracking import run_store, runs, stage_runs
from pipelines.verification import output_hashes, verify_targets

MODEL, EXPERIMENT = "mine-markov", "lower"
CORPUS = {
    "task": "language_modelling",
    "source": {"kind": "files", "paths": ["texts/mine.txt"]},
    "reader": {"format": "lines"},
    "cleaning": {"lowercase": False, "max_length": 200, "drop_repeated": False},
    "tokens": "characters",
    "split": {"method": "contiguous", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 100, "min_count": 1},
    "checks": {"min_rows": 10, "max_unknown_rate": 0.5},
    "samples": {"beginning": "the", "length": 20, "temperature": 0.8},
}
GRAPH = """
stages:
  fetch:
    foreach: ${corpora}
    do:
      cmd: python -m work fetch ${key} --raw data/raw/${key}
      deps: ["texts", "work.py"]
      params: ["corpora.${key}.source"]
      outs: ["data/raw/${key}"]
  build_vocab:
    foreach: ${corpora}
    do:
      cmd: python -m work build_vocab ${key} --raw data/raw/${key} --test data/test.parquet --vocabulary data/${key}.json
      deps: ["data/raw/${key}", "work.py"]
      outs: ["data/test.parquet", "data/${key}.json"]
  train_baseline:
    foreach: ${models.baseline}
    do:
      cmd: python -m work train_baseline ${key} --vocabulary data/${item.corpus}.json --model models/${key} --history plots/${key}.csv
      deps: ["data/${item.corpus}.json", "work.py"]
      params:
        - seed
        - models.baseline.${key}
        - corpora.${item.corpus}.task
        - corpora.${item.corpus}.tokens
        - corpora.${item.corpus}.cleaning
      outs: ["models/${key}"]
      plots: ["plots/${key}.csv"]
  evaluate:
    foreach: ${models.baseline}
    do:
      cmd: python -m work evaluate ${key} --test data/test.parquet --vocabulary data/${item.corpus}.json --model models/${key} --history plots/${key}.csv --metrics metrics/${key}.json --predictions predictions/${key}.parquet --pictures pictures/${key}
      deps: ["data/test.parquet", "data/${item.corpus}.json", "models/${key}", "plots/${key}.csv", "work.py"]
      params: ["seed", "models.baseline.${key}", "corpora.${item.corpus}"]
      metrics:
        - metrics/${key}.json:
            cache: false
      outs: ["predictions/${key}.parquet", "pictures/${key}"]
  report:
    cmd: python -m work report --metrics metrics --verified verified --page report.html
    deps: ["metrics", "verified", "work.py"]
    outs: ["report.html"]
"""  # noqa: E501
WORK = """
import json, pathlib, shutil, sys
import yaml
order = yaml.safe_load(open("params.yaml"))["models"]["mine-markov"]["order"]
stage = sys.argv[1]
given = dict(zip(sys.argv, sys.argv[1:]))
def put(option, name, text):
    path = pathlib.Path(given[option], name) if name else pathlib.Path(given[option])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if stage == "fetch":
    put("--raw", "mine.txt", open("texts/mine.txt").read())
if stage == "build_vocab":
    shutil.copy("texts/test.parquet", given["--test"])
    put("--vocabulary", "", '["a", "b"]')
if stage == "train_baseline":
    put("--model", "model.json", json.dumps({"order": order}))
    put("--model", "counts", "counts " * order)
    put("--history", "", "epoch,tokens,train_loss,valid_loss\\n1,10,2.0,%s\\n" % order)
if stage == "evaluate":
    said = {"test_perplexity": 1.5 * order, "test_tokens": 7, "test_perplexity_signature": "e"}
    put("--metrics", "", json.dumps(said))
    import pandas as pd
    put("--predictions", "", "")
    told = pd.read_parquet(given["--test"]).assign(tokens=3)
    told["nats"] = [order + 0.1 * (place % 3) for place in range(len(told))]
    told.to_parquet(given["--predictions"])
    put("--pictures", "sample.txt", "the %s" % order)
    put("--pictures", "curve.svg", "<svg>%s</svg>" % order)
if stage == "report":
    put("--page", "", "page")
"""


class Project:
    """A project's folder, and its runs as MLflow keeps them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *words: str) -> str:
        """A command in it."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        who = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "someone")
        who |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "someone@example.org")
        environment = {**clean, **who, "PATH": path, "DVC_NO_ANALYTICS": "true"}
        done = subprocess.run(
            words, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def locked(self) -> dict[str, dvc_project.LockedStage]:
        """Its dvc.lock."""
        return dvc_project.parse_lock((self.root / "dvc.lock").read_text(encoding="utf-8"))

    def ledger(self) -> run_store.RunStore:
        """Its runs, asked for anew."""
        return run_store.open_store(self.root)

    def seal(self) -> output_hashes.RecordSummary:
        """What `seqproof seal` does."""
        with snapshots.opened(self.root) as version:
            return output_hashes.record_outputs(
                lockfiles.lockfiles(self.root),
                self.ledger(),
                lambda entry: output_hashes.model_hash(version, entry),
            )

    def tags(self) -> list[dict[str, str]]:
        """The tags of each run, the newest first."""
        return [dict(run.tags) for run in self.ledger().runs]

    def sql(self, statement: str) -> None:
        """Change something in MLflow behind its back."""
        with sqlite3.connect(self.root / "mlflow.db") as store:
            assert store.execute(statement).rowcount > 0
        store.close()

    def change(self, path: str) -> None:
        """Change one bit of a file, and neither its size nor its time."""
        file = self.root / path
        was = file.stat()
        file.chmod(0o644)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))

    def replace(self, path: str, old: str, new: str, after: str = "") -> None:
        """Change a text once, behind another text."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        start = text.index(after)
        head, rest = text[:start], text[start:]
        assert old in rest, (path, old)
        file.write_text(head + rest.replace(old, new, 1), encoding="utf-8")

    def cached(self, md5: str) -> str:
        """Where DVC's cache keeps something."""
        return f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"

    def track(self) -> None:
        """The run that the stages of dvc.lock would have made."""
        tree = params.load(self.root / "params.yaml")
        identity = stage_runs.run_identity(tree, MODEL)
        entries = self.locked()
        training, evaluation = entries[f"train_baseline@{MODEL}"], entries[f"evaluate@{MODEL}"]
        model = self.root / "models" / MODEL
        with runs.training(identity, self.root, uuid.uuid4().hex) as run:
            run.log_params(stage_runs.model_parameters(tree.models[MODEL], tree.seed))
            corpus = tree.corpora["mine"].model_dump(mode="json", exclude_none=True)
            run.log_params({"corpora": {"mine": corpus}})
            self._note(run, "training", training.inputs)
            run.set_tags({runs.MODEL_HASH: provenance.folder_hash(model)})
            run.log_file(self.root / "plots" / f"{MODEL}.csv", "history")
        with runs.evaluation(identity, self.root, provenance.folder_hash(model)) as run:
            said = json.loads((self.root / "metrics" / f"{MODEL}.json").read_text(encoding="utf-8"))
            run.log_metrics({key: one for key, one in said.items() if not isinstance(one, str)})
            run.log_folder(self.root / "pictures" / MODEL, "pictures")
            run.log_file(self.root / "predictions" / f"{MODEL}.parquet", "predictions")
            self._note(run, "evaluation", evaluation.inputs)
            run.log_model(model, self.root / "data" / "mine.json", ["in"], ["out"])
        assert run.failure is None

    def _note(self, run: runs.Run, work: str, inputs: dvc_project.Inputs) -> None:
        run.set_tags({runs.INPUT_HASH.format(work): inputs.key})
        run.log_text(provenance.record(inputs, self.root, {}), f"provenance/{work}.json")

    def commit(self, message: str) -> str:
        """Commit all, and give the commit's hash."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)
        return self.run("git", "rev-parse", "HEAD")


def _made(root: Path) -> Project:
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
        "tracking": {"experiment_prefix": "seqproof/"},
        "checkpoints": {"every": 1000},
        "corpora": {"mine": CORPUS},
        "models": families | {"baseline": {MODEL: model}},
        "experiments": {key: {} for key in params.Experiments.model_fields},
    }
    text = yaml.dump(tree, Dumper=_Plain, sort_keys=False)
    (root / "params.yaml").write_text(text, encoding="utf-8")
    (root / "dvc.yaml").write_text(GRAPH, encoding="utf-8")
    (root / "work.py").write_text(WORK, encoding="utf-8")
    ignored = "/data/\n/models/\n/plots/\n/predictions/\n/pictures/\n/report.html\n/mlflow.db*\n"
    (root / ".gitignore").write_text(f"{ignored}/mlartifacts/\n__pycache__/\n", encoding="utf-8")
    project.run("git", "init", "-q")
    project.run("dvc", "init", "-q")
    return project


class _Plain(yaml.SafeDumper):
    """Without anchors for what stands there twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Run, tracked and committed, with an experiment of another order; not yet sealed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        project = _made(tmp_path_factory.mktemp("proof") / "project")
        project.commit("code")
        project.run("dvc", "repro")
        project.track()
        first = project.commit("results")
        text = (project.root / "params.yaml").read_text(encoding="utf-8")
        (project.root / "params.yaml").write_text(text.replace("order: 3", "order: 2"), "utf-8")
        project.run("dvc", "repro")
        project.track()
        other = project.commit("of an experiment")
        place = f"refs/exps/{first[:2]}/{first[2:]}/{EXPERIMENT}"
        project.run("git", "update-ref", place, other)
        project.run("git", "reset", "-q", "--hard", first)
        project.run("dvc", "checkout", "-q", "--force")
    return project


def copied(base: Project, root: Path) -> Project:
    """A copy of a project, with artifacts of its own."""
    from mlflow.tracking._tracking_service import utils

    # MLflow remembers for each run of a process where its artifacts are: here, of every copy.
    utils._artifact_repos_cache.clear()
    shutil.copytree(base.root, root, symlinks=True)
    copy = Project(root)
    for table, column in (
        ("runs", "artifact_uri"),
        ("experiments", "artifact_location"),
        ("logged_models", "artifact_location"),
    ):
        copy.sql(f"update {table} set {column} = replace({column}, '{base.root}/', '{root}/')")
    return copy


@pytest.fixture
def project(base: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it, to be changed; commands run there."""
    root = tmp_path / "project"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    copy = copied(base, root)
    monkeypatch.chdir(root)
    return copy


@pytest.fixture(scope="session")
def sealed(base: Project, tmp_path_factory: pytest.TempPathFactory) -> run_store.RunStore:
    """The runs of another copy, sealed: for tests that change files, and no run."""
    copy = copied(base, tmp_path_factory.mktemp("sealed") / "project")
    copy.seal()
    return copy.ledger()


@pytest.fixture
def subject(project: Project, sealed: run_store.RunStore) -> Iterator[verify_targets.VerifyTarget]:
    """The model of the copy beside the sealed runs; files are read when they are asked for."""
    with snapshots.opened(project.root) as version:
        yield verify_targets.of_model(MODEL, version, sealed)
