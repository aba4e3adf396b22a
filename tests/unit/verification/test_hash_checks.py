"""Level 0: what is as it was has no finding, and one changed byte anywhere is named."""

from dataclasses import replace

import pytest

from pipelines.errors import UserError
from pipelines.lineage import snapshots
from pipelines.verification import hash_checks, verify_targets

MODEL = "mine-markov"
TRAIN, EVALUATE = f"train_baseline@{MODEL}", f"evaluate@{MODEL}"
RUN = f"(select run_uuid from runs where name = '{MODEL}' order by start_time limit 1)"


def named(findings, *parts):
    """The one finding that has all these parts."""
    (found,) = [finding for finding in findings if all(part in finding for part in parts)]
    return found


def test_what_is_as_it_was_has_no_finding(subject):
    assert hash_checks.level_0(subject) == []
    assert list(subject.stages) == ["fetch@mine", "build_vocab@mine", TRAIN, EVALUATE]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"models/{MODEL}/counts", f"models/{MODEL} is not what {TRAIN} left: counts ("),
        ("data/raw/mine/mine.txt", "data/raw/mine is not what fetch@mine left: mine.txt ("),
        (f"plots/{MODEL}.csv", f"plots/{MODEL}.csv is not what {TRAIN} left ("),
        (f"pictures/{MODEL}/sample.txt", f"pictures/{MODEL} is not what {EVALUATE} left: sample.t"),
    ],
)
def test_a_changed_out_is_named_though_its_size_and_time_are_the_same(project, subject, path, said):
    project.change(path)
    (finding,) = hash_checks.level_0(subject)
    out = path if path.endswith(".csv") else path.rpartition("/")[0]
    assert finding.startswith(said)
    assert finding.endswith(f"in dvc.lock): `dvc checkout --force {out}` takes it back.")


def test_an_out_that_is_gone_and_a_file_too_many_are_named(project, subject):
    (project.root / "data" / "mine.json").unlink()
    (project.root / "models" / MODEL / "note").write_text("mine", encoding="utf-8")
    found = hash_checks.level_0(subject)
    assert named(found, "data/mine.json is not here: `dvc checkout --force data/mine.json`")
    assert named(found, f"models/{MODEL} is not what {TRAIN} left: it holds another file, too")
    assert len(found) == 2


def test_a_changed_metric_is_named_with_what_mlflow_says(project, subject):
    project.replace(f"metrics/{MODEL}.json", "4.5", "4.4")
    found = hash_checks.level_0(subject)
    assert named(found, f"metrics/{MODEL}.json is not what {EVALUATE} left", "dvc repro")
    assert named(found, "says test_perplexity = 4.4, and run", "4.5: `dvc repro")
    assert len(found) == 2


@pytest.mark.parametrize("inside", [True, False])
def test_a_damaged_and_a_lost_object_of_the_cache_are_named(project, subject, inside):
    md5 = subject.entries[TRAIN].outs[f"models/{MODEL}"]
    object_ = subject.version.members(md5)["counts"] if inside else md5
    name = f"models/{MODEL}/counts" if inside else f"models/{MODEL}"
    project.change(project.cached(object_))
    stored = f"{object_[:2]}/{object_[2:]}"
    (finding, *_) = hash_checks.level_0(subject)
    assert finding.startswith(f"DVC's cache holds {name} damaged, as {stored}: delete it there;")
    (project.root / project.cached(object_)).unlink()
    (finding, *_) = hash_checks.level_0(subject)
    assert finding.startswith(f"DVC's cache does not have {name} ({object_[:8]}): `dvc commit -f")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("md5: {out}", "md5: 0{tail}", f"{EVALUATE} read models/{MODEL} as"),
        ("nfiles: 2", "nfiles: 3", f"dvc.lock has another size of models/{MODEL} than it has"),
        ("train_baseline mine", "train_baseline  mine", f"{TRAIN} ran another command than dvc.y"),
        ("order: 3", "order: 4", f"params.yaml has other values than {TRAIN} read (models.{MODEL}"),
        ("md5: {code}", "md5: 0{code_tail}", f"work.py is not what {TRAIN} read ("),
        ("path: work.py", "path: other.py", f"{TRAIN} reads other files in dvc.yaml than in dvc"),
        ("params.yaml:", "other.yaml:", f"params.yaml has other values than {TRAIN} read (corpora"),
    ],
)
def test_a_changed_byte_of_dvc_lock_is_named(project, sealed, old, new, said):
    entry = project.locked()[TRAIN]
    out, code = entry.outs[f"models/{MODEL}"], entry.inputs.files["work.py"]
    words = {"out": out, "tail": out[1:], "code": code, "code_tail": code[1:]}
    project.replace("dvc.lock", old.format(**words), new.format(**words), f"\n  {TRAIN}:")
    with snapshots.opened(project.root) as version:
        found = hash_checks.level_0(verify_targets.of_model(MODEL, version, sealed))
    assert [finding for finding in found if finding.startswith(said)], found
    read = old not in ("md5: {out}", "nfiles: 2")
    assert any(f"No run in MLflow read what {TRAIN} read" in one for one in found) == read


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("params.yaml", "order: 3", "order: 4", "params.yaml has other values than"),
        ("dvc.yaml", "work evaluate", "work  evaluate", f"{EVALUATE} ran another command"),
        ("work.py", "stage", "stagE", "work.py is not what fetch@mine, build_vocab@mine, train_b"),
        ("texts/mine.txt", "cat", "dog", "texts is not what fetch@mine read ("),
    ],
)
def test_what_the_stages_read_and_is_other_now_is_named(project, sealed, path, old, new, said):
    project.replace(path, old, new, "\nmodels:" if path == "params.yaml" else "")
    with snapshots.opened(project.root) as version:
        found = hash_checks.level_0(verify_targets.of_model(MODEL, version, sealed))
    assert found[0].startswith(said) or found[-1].startswith(said), found
    assert all("`dvc repro" in finding for finding in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "update params set value = '9' where key = 'order'",
            "has the parameter order = 9, and tr",
        ),
        (
            "update params set value = '9' where key = 'corpora.mine.checks.min_rows'",
            "has the parameter corpora.mine.checks.min_rows = 9, and the model that it logged 10",
        ),
        (
            "update latest_metrics set value = 9 where key = 'test_tokens'",
            "test_tokens = 7, and ru",
        ),
        (
            "update tags set value = 'f' || value where key = 'seqproof.model_hash'",
            f"has another seqproof.model_hash than the model of {TRAIN}: it was changed in MLflow",
        ),
        (
            "update tags set value = 'f' || value where key = 'seqproof.evaluation.key'",
            f"No run in MLflow read what {EVALUATE} read by dvc.lock (key",
        ),
        (
            "update tags set value = replace(value, '.csv\": \"', '.csv\": \"f')"
            " where key = 'seqproof.training.outs'",
            f"is sealed with other outs than {TRAIN} has in dvc.lock (plots/{MODEL}.csv: f",
        ),
        (
            "delete from tags where key = 'seqproof.training.outs'",
            f"is not sealed with what {TRAIN}",
        ),
    ],
)
def test_what_was_changed_in_mlflow_is_named(project, change, said):
    project.seal()
    project.sql(f"{change} and run_uuid = {RUN}")
    with snapshots.opened(project.root) as version:
        found = hash_checks.level_0(verify_targets.of_model(MODEL, version, project.ledger()))
    assert any(said in finding for finding in found), found
    assert all(finding.endswith(".") and finding.count(". ") == 0 for finding in found)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{run}/history/mine-markov.csv", "keeps another history/mine-markov.csv than plots/mine-"),
        ("{run}/pictures/curve.svg", "keeps another pictures/curve.svg than pictures/mine-markov"),
        ("{run}/predictions/mine-markov.parquet", "keeps another predictions/mine-markov.parquet"),
        ("{model}/artifacts/mine-markov/counts", "keeps another artifacts/mine-markov/counts than"),
        ("{model}/artifacts/mine.json", "keeps another artifacts/mine.json than data/mine.json is"),
    ],
)
def test_a_changed_artifact_is_named(project, path, said):
    project.seal()
    kept = project.ledger()
    run = kept.runs[1]
    places = {"run": run.artifact_folder, "model": kept.logged_model(run).folder}
    file = path.format(**places)
    project.change(file)
    with snapshots.opened(project.root) as version:
        (finding,) = hash_checks.level_0(verify_targets.of_model(MODEL, version, kept))
    assert finding.startswith(f"Run {run.short_id} ({MODEL}) {said}")
    (project.root / file).unlink()
    with snapshots.opened(project.root) as version:
        (finding,) = hash_checks.level_0(verify_targets.of_model(MODEL, version, kept))
    assert "any more" in finding or "is missing or damaged" in finding


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"order": 3', '"order": 4', f"noted another models.{MODEL}.order than {TRAIN} read"),
        ('"work.py": "', '"work.py": "f', f"noted another work.py than {TRAIN} read"),
        ('"key": "', '"key": "f', f"noted another key than {TRAIN} read"),
        ("{", "", "noted another provenance/training.json (it is missing or damaged)"),
    ],
)
def test_a_changed_note_of_provenance_is_named(project, old, new, said):
    project.seal()
    kept = project.ledger()
    project.replace(f"{kept.runs[1].folder}/provenance/training.json", old, new)
    with snapshots.opened(project.root) as version:
        (finding,) = hash_checks.level_0(verify_targets.of_model(MODEL, version, kept))
    assert said in finding


def test_a_stage_does_not_fall_out_of_the_chain_with_a_path(project, sealed):
    project.replace("dvc.lock", "path: data/raw/mine", "path: data/raw/mind", "\n    outs:")
    with snapshots.opened(project.root) as version:
        found = hash_checks.level_0(verify_targets.of_model(MODEL, version, sealed))
    assert named(found, "fetch@mine leaves other files in dvc.yaml than in dvc.lock (data/raw/min")


def test_a_data_set_of_another_hash_is_named(project, subject, monkeypatch):
    run = subject.run_of(EVALUATE)
    read = replace(run, datasets=frozenset({("data/test.parquet", "f" * 32)}))
    monkeypatch.setattr(subject.ledger, "runs", (read,))
    assert named(hash_checks.level_0(subject), "read another data/test.parquet than", EVALUATE)


def test_a_stage_that_never_ran_is_named(project, sealed):
    lock = (project.root / "dvc.lock").read_text(encoding="utf-8")
    head, _, _ = lock.partition(f"\n  {EVALUATE}:")
    (project.root / "dvc.lock").write_text(f"{head}\n", encoding="utf-8")
    with snapshots.opened(project.root) as version:
        found = hash_checks.level_0(verify_targets.of_model(MODEL, version, sealed))
    assert found == [f"{EVALUATE} is not in dvc.lock: `dvc repro {EVALUATE}` runs it."]


def test_a_run_of_an_experiment_is_held_to_the_lock_of_that(project):
    project.seal()
    kept = project.ledger()
    run = kept.runs[0]
    with (
        snapshots.opened(project.root) as here,
        verify_targets.of_run(run.id[:8], project.root, here, kept) as subject,
    ):
        assert (subject.place, subject.model) == ("experiment lower", MODEL)
        assert hash_checks.level_0(subject) == []
        md5 = subject.entries[TRAIN].outs[f"models/{MODEL}"]
        project.change(project.cached(subject.version.members(md5)["counts"]))
        (finding,) = hash_checks.level_0(subject)
    assert finding.startswith(f"DVC's cache holds models/{MODEL}/counts damaged")


def test_a_run_in_no_lock_is_refused(project):
    reference = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps")
    project.run("git", "update-ref", "-d", reference)
    kept = project.ledger()
    with (
        snapshots.opened(project.root) as here,
        pytest.raises(UserError, match=r"read what no dvc\.lock at hand has"),
        verify_targets.of_run(kept.runs[0].id, project.root, here, kept),
    ):
        pass
