"""`seqproof promote` asks what `seqproof compare` answers: runs of one real project."""

import pytest

from commands.promote import promote
from pipelines.errors import UserError
from pipelines.tracking import store

NAME = "seqproof-mine"


def _holder(project):
    client = store.client(store.tracking_uri(project.root), project.root)
    return client.get_model_version_by_alias(NAME, "champion")


def test_the_better_model_takes_the_alias_and_the_worse_does_not(project):
    better, worse = (run.id for run in project.ledger().runs)  # the newest is the experiment's
    promote(worse, "champion")
    promote(better, "champion")
    assert (_holder(project).run_id, str(_holder(project).version)) == (better, "2")
    with pytest.raises(UserError) as refusal:
        promote(worse, "champion")
    said = str(refusal.value)
    assert f"run {worse[:8]} does not become the champion of {NAME}" in said
    assert f"(`seqproof compare {better[:8]} {worse[:8]}`)" in said
    assert "bits per character" in said
    assert _holder(project).run_id == better


def test_what_is_as_good_does_not_take_the_alias(project):
    """The same training once more, in a run of its own."""
    project.track()
    again, _, first = (run.id for run in project.ledger().runs)
    promote(first, "champion")
    with pytest.raises(
        UserError, match=r"p 1\.0000 by approximate randomisation, and so not better"
    ):
        promote(again, "champion")
    assert _holder(project).run_id == first


def test_what_cannot_be_compared_does_not_take_the_alias(project):
    better, worse = (run.id for run in project.ledger().runs)
    promote(worse, "champion")
    path = "predictions/mine-markov.parquet"
    (project.root / path).chmod(0o644)
    md5 = project.locked()["evaluate@mine-markov"].outs[path]
    for copy in (project.root / path, project.root / project.cached(md5)):
        copy.unlink()
    with pytest.raises(UserError, match=f"{path}, .* neither in the folder nor in DVC's cache"):
        promote(better, "champion")
    assert _holder(project).run_id == worse
