"""`seqproof compare`: models, runs, commits and experiments of one real project."""

import json
from types import SimpleNamespace

import pytest

from commands import compare as command
from commands import compare_markdown
from commands.compare import compare
from pipelines.errors import UserError
from pipelines.tracking import connection
from tests.unit.tiny_project import EVALUATE, EXPERIMENT, MODEL


@pytest.fixture
def compare_json(project, capsys):
    """Return a function that runs `compare --json`."""

    def run(*names, sentences=0):
        compare(names, sentences, level=0.05, as_json=True)
        return json.loads(capsys.readouterr().out)["comparisons"]

    return run


def test_an_experiment_and_the_workspace(compare_json):
    """Both have the same model; their predictions are in the workspace and in the cache."""
    (comparison,) = compare_json(MODEL, EXPERIMENT)
    assert (comparison["first"], comparison["second"]) == (
        MODEL,
        f"{MODEL} (experiment {EXPERIMENT})",
    )
    assert comparison["differences"]["parameters"] == {"model.order": ["3", "2"]}
    assert comparison["differences"]["data"] == comparison["differences"]["environment"] == {}
    assert comparison["items"] == 8
    (result,) = comparison["findings"]
    assert result["key"] == "test_bits_per_character"
    assert result["first"] > result["second"]
    assert result["verdict"] == "better"  # in each of eight items: p is about 2 / 256
    assert result["p"] == pytest.approx(2 / 2**8, abs=0.005)


def test_commits_and_runs(compare_json, project):
    head = project.run("git", "rev-parse", "HEAD")
    (comparison,) = compare_json(head, EXPERIMENT)
    assert comparison["second"] == f"{MODEL} (experiment {EXPERIMENT})"
    run = project.runs().runs[0]  # the newest run is that of the experiment
    (other,) = compare_json(MODEL, run.id[:8])
    assert other["second"] == f"{MODEL} (run {run.id[:8]})"
    assert other["findings"] == comparison["findings"]


def test_a_model_does_not_differ_from_itself(compare_json):
    (comparison,) = compare_json(MODEL, MODEL)
    assert not any(comparison["differences"].values())
    assert [result["verdict"] for result in comparison["findings"]] == ["not significant"]
    assert comparison["findings"][0]["p"] == 1.0


def test_the_run_of_a_seed_stands_for_its_group(compare_json, project):
    group = project.runs().runs[0]
    client = connection.client(connection.tracking_uri(project.root), project.root)
    experiment = client.get_run(group.id).info.experiment_id
    member = client.create_run(experiment, tags={"mlflow.parentRunId": group.id}).info.run_id
    (comparison,) = compare_json(MODEL, member)
    assert comparison["second"] == f"{MODEL} (run {group.short_id})"


def test_without_runs_the_environment_is_unknown(compare_json, project):
    (project.root / "mlflow.db").unlink()
    (comparison,) = compare_json(MODEL, EXPERIMENT)
    assert comparison["unknown"] == ["code", "environment"]  # its stages do not run pipelines/


def test_sentences_are_the_most_different_items(compare_json):
    (comparison,) = compare_json(MODEL, EXPERIMENT, sentences=3)
    assert len(comparison["most_different_items"]) == 3
    assert {"item", "text", "first, nats", "second, nats"} == set(
        comparison["most_different_items"][0]
    )


def test_the_text_output(project, capsys):
    compare([MODEL, EXPERIMENT], 1, level=0.05, as_json=False)
    output = capsys.readouterr().out
    assert "model.order: 3 -> 2" in output
    assert (
        f"{MODEL} (experiment {EXPERIMENT}) is better than {MODEL} in bits per character" in output
    )
    compare([MODEL, EXPERIMENT], 0, level=0.001, as_json=False)
    assert "is not significant in bits per character: p 0.0" in capsys.readouterr().out


def test_markdown_has_a_part_for_each_changed_model(project, capsys):
    compare([MODEL, EXPERIMENT, MODEL], 0, level=0.05, as_json=False, as_markdown=True)
    output = capsys.readouterr().out
    title, verdict, heads, dashes, row = [line for line in output.splitlines() if line][:5]
    assert title == f"### {MODEL} (experiment {EXPERIMENT}) compared with {MODEL}"
    assert verdict.startswith(f"**{MODEL} (experiment {EXPERIMENT}) is better than {MODEL} in bits")
    assert heads.startswith("| measure | first | second | difference |")
    assert row.startswith("| bits per character | ")
    assert {line.count("|") for line in (heads, dashes, row)} == {8}
    assert "\n- parameters:\n  - model.order: 3 -&gt; 2\n" in output
    assert output.endswith(f"</details>\n\nUnchanged: {MODEL}.\n")


def test_names_are_no_markup():
    text = compare_markdown.escape("@a <b>|`c`\n*d*")
    assert text == "&#64;a &lt;b&gt;&#124;&#96;c&#96; &#42;d&#42;"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([MODEL], "at least two"),
        ([MODEL, "mine-markow"], "did you mean 'mine-markov'"),
        ([MODEL, "mine"], r"'mine' has no evaluated model \(it is the corpus mine\)"),
        ([MODEL, "HEAD~1"], r"HEAD~1.*no dvc\.lock"),
    ],
)
def test_invalid_comparisons_are_errors(project, names, message):
    with pytest.raises(UserError, match=message):
        compare(names, 0, level=0.05, as_json=False)


def test_missing_predictions_are_an_error(project):
    path = f"predictions/{MODEL}.parquet"
    (project.root / path).unlink()
    compare([MODEL, EXPERIMENT], 0, level=0.05, as_json=False)  # from the cache
    md5 = project.locked()[EVALUATE].outs[path]
    (project.root / project.cache_path(md5)).unlink()
    with pytest.raises(UserError, match=f"{path}, {md5[:8]}.* neither in .* cache"):
        compare([MODEL, EXPERIMENT], 0, level=0.05, as_json=False)


def test_a_missing_parameter_is_null_in_json_and_a_dash_in_text():
    first, second = SimpleNamespace(params={"a": "1"}), SimpleNamespace(params={"a": "1", "b": "8"})
    differences = command._differences(first, second, "parameters")
    assert differences == {"b": (None, "8")}
    assert list(command._difference_lines(differences, hashed=False)) == ["  b: - -> 8"]
