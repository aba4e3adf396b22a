"""DVC projects: parsing dvc.lock, and hashing files whatever DVC has cached."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.dependency import param

from pipelines.errors import UserError
from pipelines.lineage import dvc_project, snapshots
from pipelines.lineage.stages import FileHash, Stage

LOCK = """\
schema: '2.0'
stages:
  fetch@a:
    cmd: python -m stages.fetch a
    deps:
    - path: stages
      hash: md5
      md5: 00.dir
      size: 7
      nfiles: 2
    params:
      other.yaml:
        rate: 2
      params.yaml:
        rate: 1e-3
        corpora.a:
          text: "two\\n  lines"
    outs:
    - path: data/b
      hash: md5
      md5: '11'
      size: 5
    - path: data/a
      hash: md5
      md5: '22'
      size: 6
  report:
    cmd: python -m stages.report
"""


def test_parsing_by_blocks_gives_the_same_as_parsing_the_whole_file():
    by_stage = dvc_project.parse_lock(LOCK)
    whole = dvc_project.parse_lock(LOCK.replace("schema: '2.0'", "schema: '2.0' # of DVC"))
    assert by_stage == whole
    entry = by_stage["fetch@a"]
    assert list(entry.outs.items()) == [("data/b", "11"), ("data/a", "22")]
    assert entry.inputs.files == {"stages": "00.dir"}
    assert entry.inputs.params == {
        "rate": 0.001,
        "corpora.a": {"text": "two\n  lines"},
        "other.yaml:rate": 2,
    }
    assert entry.sizes == {"stages": 7, "data/b": 5, "data/a": 6}
    assert entry.counts == {"stages": 2}
    assert by_stage["report"].outs == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stages: 3\n",
        LOCK.replace("md5: '11'", "etag: '11'"),
        LOCK.replace("size: 5", "size: five"),
        LOCK.replace("hash: md5", "hash: md6"),
        LOCK.replace("  report:", "  fetch@a:"),
        LOCK.replace("    outs:", "    outs"),
    ],
)
def test_a_damaged_lock_is_an_error(text):
    with pytest.raises(UserError, match=r"dvc\.lock is damaged.*seqproof run"):
        dvc_project.parse_lock(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A DVC project with one stage and two commits."""
    (tmp_path / "folder").mkdir()
    for name, text in (
        ("folder/one", "1"),
        ("folder/two", "2"),
        ("params.yaml", "rate: 1\n"),
        (
            "dvc.yaml",
            "stages: {s: {cmd: run, deps: [folder], params: [rate], outs: [out],"
            " metrics: [{score: {cache: false}}]}}\n",
        ),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q")
    dvc_project.initialise(tmp_path)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "params.yaml").write_text("rate: 2\n", encoding="utf-8")
    git(tmp_path, "commit", "-qam", "second")
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", "-C", str(root), *author, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_stages_and_params_of_the_workspace_and_of_a_commit(root):
    first = git(root, "rev-parse", "HEAD~1")
    for commit, rate in ((None, 2), (first, 1)):
        with snapshots.open_snapshot(root, commit) as snapshot:
            stage = snapshot.stages["s"]
            assert stage == Stage("run", ("folder",), {"out": True, "score": False}, {"rate": rate})
            assert snapshot.text("params.yaml") == f"rate: {rate}\n"
            assert snapshot.text("nothing") is snapshot.text("folder") is None
            assert snapshot.locked == {}


def test_params_are_those_of_dvc(root):
    keys = {"plain": "rate, deep.pair, other.yaml: [y]", "absent": "rate.x", "list": "deep.list.1"}
    stages = (f"{name}: {{cmd: run, params: [{keys[name]}]}}" for name in keys)
    (root / "dvc.yaml").write_text(f"stages: {{{', '.join(stages)}}}", encoding="utf-8")
    text = "{rate: 2, deep: {list: [5, 6], pair: {x: 1}}}"
    (root / "params.yaml").write_text(text, encoding="utf-8")
    (root / "other.yaml").write_text("{y: 3, z: 4}", encoding="utf-8")
    with snapshots.open_snapshot(root) as snapshot:
        values = {name: stage.params for name, stage in snapshot.stages.items()}
    assert values["plain"] == {"rate": 2, "deep.pair": {"x": 1}, "other.yaml:y": 3}
    assert values["absent"] == {}
    assert values["list"] == {"deep.list.1": 6}


def test_params_are_parsed_once_for_all_stages(root, monkeypatch):
    stages = (f"{name}: {{cmd: run {name}, params: [rate]}}" for name in "abc")
    (root / "dvc.yaml").write_text(f"stages: {{{', '.join(stages)}}}", encoding="utf-8")
    parsed, load_path = [], param.load_path
    monkeypatch.setattr(param, "load_path", lambda *file: parsed.append(file) or load_path(*file))
    with snapshots.open_snapshot(root) as snapshot:
        assert [stage.params for stage in snapshot.stages.values()] == [{"rate": 2}] * 3
    assert len(parsed) == 1


def test_a_modified_byte_changes_the_hash_though_size_and_time_are_the_same(root):
    first = git(root, "rev-parse", "HEAD~1")
    with snapshots.open_snapshot(root) as snapshot:
        before = snapshot.file_hash("folder")
        assert (before.size, before.count) == (2, 2)
        assert before.md5.endswith(".dir")
    status = (root / "folder" / "one").stat()
    (root / "folder" / "one").write_text("3", encoding="utf-8")
    os.utime(root / "folder" / "one", ns=(status.st_atime_ns, status.st_mtime_ns))
    with snapshots.open_snapshot(root) as snapshot:
        after = snapshot.file_hash("folder")
        assert after.md5 != before.md5
        assert snapshot.file_hash("folder/one") == FileHash(
            "eccbc87e4b5ce2fe28308fd9f2a7baf3", 1, None
        )
        assert snapshot.file_hash("out") is snapshot.file_hash("folder/one/x") is None
    with snapshots.open_snapshot(root, first) as snapshot:
        assert snapshot.file_hash("folder") == before


def test_experiments_and_revisions(root):
    head = git(root, "rev-parse", "HEAD")
    assert dvc_project.experiments(root) == {}
    git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/mine", head)
    git(root, "update-ref", "refs/exps/exec/EXEC_HEAD", head)
    assert dvc_project.experiments(root) == {"mine": head}
    assert dvc_project.revision(root, "mine") == dvc_project.revision(root, head[:7]) == head
    assert dvc_project.revision(root, "HEAD~1") == git(root, "rev-parse", "HEAD~1")
    assert dvc_project.revision(root, "nothing") is dvc_project.revision(root, "-x") is None


def test_folders_that_the_cache_lacks(root):
    with snapshots.open_snapshot(root) as snapshot:
        assert snapshot.members("0" * 32 + ".dir") == {}
        path = snapshot.cache_path("ab" + "0" * 30 + ".dir")
        assert path == root / ".dvc/cache/files/md5/ab" / ("0" * 30 + ".dir")
        path.parent.mkdir(parents=True)
        for damaged in ("", "[", "{}", '["a"]', '[{"relpath": "a"}]', "[1]"):
            path.write_text(damaged, encoding="utf-8")
            assert snapshot.members("ab" + "0" * 30 + ".dir") == {}
            assert path.is_file()


def test_a_repository_without_commits_has_no_revision(tmp_path):
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert dvc_project.revision(tmp_path, "main") is None


def test_a_process_that_is_killed_while_it_writes_the_locks_of_dvc(root):
    program = """
import json, os, sys
from pathlib import Path
from pipelines.lineage import dvc_project

def dump(content, file):
    file.write(json.dumps(content)[:5])
    file.flush()
    os._exit(9)

with dvc_project.open_project(Path.cwd()) as repo:
    json.dump = dump
    repo.status()
"""
    process = subprocess.run([sys.executable, "-c", program], cwd=root, check=False)
    assert process.returncode == 9
    with dvc_project.open_project(root) as repo:
        (address,) = repo.status()
    assert address.endswith("dvc.yaml:s")
