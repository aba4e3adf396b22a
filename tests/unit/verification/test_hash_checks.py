"""Level 0: unchanged models have no findings, and every modified byte is reported."""

from dataclasses import replace

import pytest

from pipelines.errors import UserError
from pipelines.lineage import snapshots
from pipelines.verification import hash_checks, verify_targets
from tests.unit.tiny_project import EVALUATE, MODEL, TRAIN

RUN = f"(select run_uuid from runs where name = '{MODEL}' order by start_time limit 1)"
TEST_FRAME = "data/prepared/mine/test.parquet"


def check(project, runs):
    """Return the findings of the workspace."""
    with snapshots.open_snapshot(project.root) as snapshot:
        return hash_checks.check_hashes(verify_targets.of_model(MODEL, snapshot, runs))


def only(findings, *parts):
    """Return the only finding that has all these parts."""
    (finding,) = [finding for finding in findings if all(part in finding for part in parts)]
    return finding


def test_an_unchanged_model_has_no_findings(target):
    assert hash_checks.check_hashes(target) == []
    assert list(target.stages) == ["fetch@mine", "build_vocab@mine", TRAIN, EVALUATE]


@pytest.mark.parametrize(
    ("path", "start"),
    [
        (f"models/{MODEL}/counts", f"models/{MODEL} was modified after {TRAIN} wrote it: counts ("),
        (
            "data/raw/mine/mine.txt",
            "data/raw/mine was modified after fetch@mine wrote it: mine.txt (",
        ),
        (f"plots/{MODEL}.csv", f"plots/{MODEL}.csv was modified after {TRAIN} wrote it ("),
        (f"analyses/{MODEL}.json", f"analyses/{MODEL}.json was modified after {EVALUATE} wrote"),
    ],
)
def test_a_modified_out_is_reported_though_its_size_and_time_are_the_same(
    project, target, path, start
):
    project.flip_bit(path)
    (finding,) = hash_checks.check_hashes(target)
    out = path if path.startswith(("plots", "analyses")) else path.rpartition("/")[0]
    assert finding.startswith(start)
    assert finding.endswith(f"in dvc.lock). Run `dvc checkout --force {out}`.")


def test_a_missing_out_and_an_additional_file_are_reported(project, target):
    vocabulary = "data/vocabulary/mine.json"
    (project.root / vocabulary).unlink()
    (project.root / "models" / MODEL / "note").write_text("mine", encoding="utf-8")
    findings = hash_checks.check_hashes(target)
    assert only(findings, f"{vocabulary} is missing", f"Run `dvc checkout --force {vocabulary}`")
    assert only(findings, f"models/{MODEL} was modified", TRAIN, "additional file")
    assert len(findings) == 2


def test_a_modified_metric_is_compared_with_mlflow(project, target):
    project.replace(f"metrics/{MODEL}.json", "4.5", "4.4")
    findings = hash_checks.check_hashes(target)
    assert only(findings, f"metrics/{MODEL}.json was modified after {EVALUATE}", "seqproof run")
    assert only(findings, "has test_perplexity = 4.4, but run", "has 4.5. Run `seqproof run")
    assert len(findings) == 2


@pytest.mark.parametrize("is_member", [True, False])
def test_damaged_and_missing_objects_of_the_cache_are_reported(project, target, is_member):
    md5 = target.entries[TRAIN].outs[f"models/{MODEL}"]
    cached = target.snapshot.members(md5)["counts"] if is_member else md5
    name = f"models/{MODEL}/counts" if is_member else f"models/{MODEL}"
    project.flip_bit(project.cache_path(cached))
    (finding, *_) = hash_checks.check_hashes(target)
    assert finding.startswith(f"DVC's cache has a damaged {name}, as {cached[:2]}/{cached[2:]}. ")
    (project.root / project.cache_path(cached)).unlink()
    (finding, *_) = hash_checks.check_hashes(target)
    assert finding.startswith(f"DVC's cache is missing {name} ({cached[:8]})")
    assert "dvc commit -f" in finding


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("md5: {out}", "md5: 0{tail}", f"{EVALUATE} read models/{MODEL} as"),
        ("nfiles: 2", "nfiles: 3", f"dvc.lock has a wrong size of models/{MODEL}"),
        ("train_baseline mine", "train_baseline  mine", f"{TRAIN} has different commands"),
        ("order: 3", "order: 4", f"{TRAIN} has different params in params.yaml and dvc.lock (mod"),
        ("md5: {code}", "md5: 0{code_tail}", f"work.py was modified after {TRAIN} read it ("),
        ("path: work.py", "path: other.py", f"{TRAIN} has different deps in dvc.yaml and dvc.lock"),
        ("params.yaml:", "other.yaml:", f"{TRAIN} has different params in params.yaml and dvc.lo"),
    ],
)
def test_an_edit_of_dvc_lock_is_reported(project, sealed, old, new, start):
    entry = project.locked()[TRAIN]
    out, code = entry.outs[f"models/{MODEL}"], entry.inputs.files["work.py"]
    hashes = {"out": out, "tail": out[1:], "code": code, "code_tail": code[1:]}
    project.replace("dvc.lock", old.format(**hashes), new.format(**hashes), f"\n  {TRAIN}:")
    findings = check(project, sealed)
    assert [finding for finding in findings if finding.startswith(start)], findings
    changes_inputs = old not in ("md5: {out}", "nfiles: 2")
    no_run = f"No MLflow run has the inputs of {TRAIN}"
    assert any(no_run in finding for finding in findings) == changes_inputs


@pytest.mark.parametrize(
    ("path", "old", "new", "start"),
    [
        ("params.yaml", "order: 3", "order: 4", f"{TRAIN} has different params in params.yaml"),
        ("dvc.yaml", "work evaluate", "work  evaluate", f"{EVALUATE} has different commands"),
        ("work.py", "stage", "stagE", "work.py was modified after fetch@mine, build_vocab@mine, t"),
        ("texts/mine.txt", "cat", "dog", "texts was modified after fetch@mine read it"),
    ],
)
def test_edited_sources_are_reported(project, sealed, path, old, new, start):
    project.replace(path, old, new)
    findings = check(project, sealed)
    assert findings[0].startswith(start) or findings[-1].startswith(start), findings
    assert all("`seqproof run" in finding for finding in findings)


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        (
            "update params set value = '9' where key = 'order'",
            "has the parameter order = 9, but train",
        ),
        (
            "update params set value = '9' where key = 'corpora.mine.checks.rows.min'",
            "has the parameter corpora.mine.checks.rows.min = 9, but its logged model has 10",
        ),
        (
            "update latest_metrics set value = 9 where key = 'test_tokens'",
            "test_tokens = 7, but run",
        ),
        (
            "update tags set value = 'f' || value where key = 'seqproof.model_hash'",
            f"has a different seqproof.model_hash than the model of {TRAIN}. The run was edited",
        ),
        (
            "update tags set value = 'f' || value where key = 'seqproof.evaluation.key'",
            f"No MLflow run has the inputs of {EVALUATE} in dvc.lock (key",
        ),
        (
            "update tags set value = replace(value, '.csv\": \"', '.csv\": \"f')"
            " where key = 'seqproof.training.outs'",
            f"is sealed with different outs than {TRAIN} has in dvc.lock (plots/{MODEL}.csv: f",
        ),
        (
            "delete from tags where key = 'seqproof.training.outs'",
            f"has no hashes of the outs of {TRAIN}",
        ),
    ],
)
def test_edits_in_mlflow_are_reported(project, statement, part):
    project.seal()
    project.sql(f"{statement} and run_uuid = {RUN}")
    findings = check(project, project.runs())
    assert any(part in finding for finding in findings), findings
    assert all(finding.endswith(".") and "\n" not in finding for finding in findings)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("{run}/history/mine-markov.csv", "different history/mine-markov.csv than plots/mine-m"),
        ("{run}/analysis/mine-markov.json", "different analysis/mine-markov.json than analyses/"),
        ("{run}/predictions/mine-markov.parquet", "different predictions/mine-markov.parquet"),
        ("{model}/artifacts/mine-markov/counts", "different artifacts/mine-markov/counts than"),
        ("{model}/artifacts/mine.json", "different artifacts/mine.json than data/vocabulary/mine"),
    ],
)
def test_a_modified_artifact_is_reported(project, path, part):
    project.seal()
    runs = project.runs()
    run = runs.runs[1]
    file = path.format(run=run.artifact_folder, model=runs.logged_model(run).folder)
    project.flip_bit(file)
    (finding,) = check(project, runs)
    assert finding.startswith(f"Run {run.short_id} ({MODEL}) has a {part}")
    (project.root / file).unlink()
    (finding,) = check(project, runs)
    assert "has lost its artifact" in finding or "missing or damaged" in finding


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('"order": 3', '"order": 4', f"models.baseline.{MODEL}.order. "),
        ('"work.py": "', '"work.py": "f', "work.py. "),
        ('"key": "', '"key": "f', "key. "),
        ("{", "", "provenance/training.json (missing or damaged)"),
    ],
)
def test_an_edited_record_of_provenance_is_reported(project, old, new, part):
    project.seal()
    runs = project.runs()
    project.replace(f"{runs.runs[1].artifact_folder}/provenance/training.json", old, new)
    (finding,) = check(project, runs)
    assert f"recorded different inputs than {TRAIN} has in dvc.lock: {part}" in finding


def test_a_stage_keeps_its_place_when_a_path_was_edited(project, sealed):
    project.replace("dvc.lock", "path: data/raw/mine", "path: data/raw/mind", "\n    outs:")
    findings = check(project, sealed)
    assert only(findings, "fetch@mine has different outs in dvc.yaml and dvc.lock (data/raw/mind")


def test_a_dataset_with_a_different_hash_is_reported(target, monkeypatch):
    run = target.run_of(EVALUATE)
    edited = replace(run, datasets=frozenset({(TEST_FRAME, "f" * 32)}))
    monkeypatch.setattr(target.runs, "runs", (edited,))
    assert only(hash_checks.check_hashes(target), f"different hash of {TEST_FRAME} than", EVALUATE)


def test_a_stage_that_never_ran_is_reported(project, sealed):
    lock = (project.root / "dvc.lock").read_text(encoding="utf-8")
    head, _, _ = lock.partition(f"\n  {EVALUATE}:")
    (project.root / "dvc.lock").write_text(f"{head}\n", encoding="utf-8")
    findings = check(project, sealed)
    assert findings == [f"{EVALUATE} is missing from dvc.lock. Run `seqproof run {EVALUATE}`."]


def test_a_run_of_an_experiment_is_compared_with_the_lockfile_of_the_experiment(project):
    project.seal()
    runs = project.runs()
    with (
        snapshots.open_snapshot(project.root) as workspace,
        verify_targets.of_run(runs.runs[0], project.root, workspace, runs) as target,
    ):
        assert (target.location, target.model) == ("experiment lower", MODEL)
        assert hash_checks.check_hashes(target) == []
        md5 = target.entries[TRAIN].outs[f"models/{MODEL}"]
        project.flip_bit(project.cache_path(target.snapshot.members(md5)["counts"]))
        (finding,) = hash_checks.check_hashes(target)
    assert finding.startswith(f"DVC's cache has a damaged models/{MODEL}/counts")


def test_a_run_that_no_lockfile_has_is_an_error(project):
    reference = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps")
    project.run("git", "update-ref", "-d", reference)
    runs = project.runs()
    run = runs.runs[0]
    with (
        snapshots.open_snapshot(project.root) as workspace,
        pytest.raises(UserError, match=rf"dvc\.lock.*run {run.short_id}"),
        verify_targets.of_run(run, project.root, workspace, runs),
    ):
        pass
