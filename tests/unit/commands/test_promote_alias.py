"""`seqproof promote` compares models as `seqproof compare` does."""

import pytest

from commands.promote import promote
from pipelines.errors import UserError
from pipelines.tracking import connection

NAME = "seqproof-mine"


def _holder(project):
    client = connection.client(connection.tracking_uri(project.root), project.root)
    return client.get_model_version_by_alias(NAME, "champion")


def test_the_better_model_takes_the_alias_and_the_worse_does_not(project, capsys):
    better, worse = (run.id for run in project.runs().runs)  # the newest is the experiment's
    promote(worse, "champion")
    assert "replaces" not in capsys.readouterr().out
    promote(better, "champion")
    assert f"It replaces mine-markov of run {worse[:8]}: bits" in capsys.readouterr().out
    assert (_holder(project).run_id, str(_holder(project).version)) == (better, "2")
    with pytest.raises(UserError) as error:
        promote(worse, "champion")
    message = str(error.value)
    assert f"run {worse[:8]} does not become the champion of {NAME}" in message
    assert f"`seqproof compare {better[:8]} {worse[:8]}`" in message
    assert "bits per character" in message
    assert _holder(project).run_id == better


@pytest.mark.parametrize("sealed", [False, True])
def test_a_champion_of_another_branch_is_compared(project, sealed):
    """A team trains again: the champion is in the history of Git only."""
    better, worse = (run.id for run in project.runs().runs)
    if sealed:
        project.seal()
    promote(better, "champion")
    ref = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps")
    project.run("git", "branch", "other", ref)
    project.run("git", "update-ref", "-d", ref)
    with pytest.raises(UserError, match="because it is not better"):
        promote(worse, "champion")
    project.run("git", "branch", "-D", "other")
    with pytest.raises(UserError, match=r"No dvc\.lock .*has the inputs.*Fetch the branch"):
        promote(worse, "champion")


def test_an_equal_model_does_not_take_the_alias(project):
    """Track the same training again, as a new run."""
    project.track()
    repeated, _, original = (run.id for run in project.runs().runs)
    promote(original, "champion")
    with pytest.raises(UserError, match=r"because it is not better: .*\+0 \[\+0, \+0\], p 1\.0000"):
        promote(repeated, "champion")
    assert _holder(project).run_id == original


def test_a_model_that_cannot_be_compared_does_not_take_the_alias(project):
    better, worse = (run.id for run in project.runs().runs)
    promote(worse, "champion")
    path = "predictions/mine-markov.parquet"
    (project.root / path).chmod(0o644)
    md5 = project.locked()["evaluate_baseline@mine-markov"].outs[path]
    for copy in (project.root / path, project.root / project.cache_path(md5)):
        copy.unlink()
    with pytest.raises(UserError, match=f"{path}, .* neither in .* cache"):
        promote(better, "champion")
    assert _holder(project).run_id == worse
