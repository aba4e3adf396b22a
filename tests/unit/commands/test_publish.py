"""`seqproof publish`: all numbers of a project next to the published ones, or nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import publish as command
from commands import templates
from commands.new import new
from commands.publish import publish
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import benchmark_results

MACHINE = benchmark_results.Machine(
    cpu="A processor", cores=2, memory_gib=7.5, device="cpu", tensorflow="2.0"
)


@pytest.fixture(autouse=True)
def _fixed_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "describe_machine", lambda model: MACHINE)
    # `dvc repro` has not run in these projects; tests/walk asks DVC itself.
    monkeypatch.setattr(command.dvc_project, "outdated", lambda targets, root, earlier_code: [])


def make_project(folder: Path, template: str, metrics: dict[str, dict[str, Any]]) -> Path:
    """Create a project whose models look trained and evaluated."""
    new(folder, template)
    costs = folder / ".seqproof" / "costs"
    costs.mkdir()
    (folder / "metrics").mkdir()
    for number, (name, values) in enumerate(metrics.items(), start=1):
        write(folder / "metrics" / f"{name}.json", {"parameters": 1000, **values})
        cost = {"seconds": 100.0 * number, "peak_mib": 1}
        for stage in ("train_baseline", "train_lstm", "train_seq2seq"):
            write(costs / f"{stage}@{name}.json", cost)
    return folder


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def plays(templates_folder: Path, tmp_path: Path) -> Path:
    """A project of the template `plays`."""
    metrics = {
        "shakespeare-rnn": {"test_bits_per_character": 2.4},
        "shakespeare-lstm": {"test_bits_per_character": 2.2},
        "shakespeare-markov": {"test_perplexity": 8.0},
    }
    return make_project(tmp_path / "plays", "plays", metrics)


@pytest.fixture
def talk(templates_folder: Path, tmp_path: Path) -> Path:
    """A project of the template `talk`, whose metric has a signature."""
    metrics = {"test_bleu": 19.5, "test_bleu_signature": "tok:none", "search": "greedy"}
    return make_project(tmp_path / "talk", "talk", {"verses-attention": metrics})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "results.json"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "results.md"


def test_results_are_compared_with_published_numbers(plays: Path, data: Path, page: Path) -> None:
    publish([plays], data, page)
    origin = read(plays / ".seqproof" / "origin.json")
    run = read(data)["plays"]
    assert run["commit"] == origin["git_commit"]
    assert run["machine"]["cpu"] == "A processor"
    group, markov = run["rows"]
    result = group["result"]
    assert result["values"] == [2.4, 2.2]
    assert result["mean"] == 2.3
    assert (result["gap"], result["verdict"]) == (0.2, "indistinguishable")
    assert result["gap_low"] < 0 < result["gap_high"]
    assert result["reached"] is True
    assert group["seconds"] == 150.0
    assert markov["result"]["gap"] is None
    text = page.read_text(encoding="utf-8")
    assert "| shakespeare-rnn, mean of 2 seeds | bits per character | 2.3000 ± 0.1414 " in text


def test_a_published_number_of_another_protocol_has_no_gap(
    talk: Path, data: Path, page: Path
) -> None:
    publish([talk], data, page)
    (row,) = read(data)["talk"]["rows"]
    assert row["result"]["gap"] is None
    assert "| different protocol: decoding: ours greedy, theirs beam 5 |" in page.read_text("utf-8")


def test_results_of_earlier_code_are_marked(
    monkeypatch: pytest.MonkeyPatch, plays: Path, data: Path, page: Path
) -> None:
    """The hashes in dvc.lock are compared with the code of the clone."""
    folder, file = "pipelines/training", "stages/train_lstm.py"
    with command.dvc_project.open_project(templates.SOURCE) as repo:
        current = {
            path: command.dvc_project.file_hash(repo, str(templates.SOURCE / path))
            for path in (folder, file)
        }
    deps = [
        *({"path": path, "md5": content.md5, "size": 1} for path, content in current.items()),
        {"path": "data/x.parquet", "md5": "0" * 32, "size": 1},
    ]
    stage = {"cmd": "python", "deps": deps, "outs": []}
    lock = {"schema": "2.0", "stages": {"train_lstm@shakespeare-rnn": stage}}
    (plays / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    publish([plays], data, page)
    run = read(data)["plays"]
    assert run["code"] == {path: content.md5 for path, content in current.items()}
    assert run["changed_code"] == []
    assert "earlier code" not in page.read_text("utf-8")
    run["code"][folder] = "0" * 32 + ".dir"
    run["code"]["pipelines/removed.py"] = "0" * 32
    write(data, {"plays": run})
    publish([], data, page)
    changed = "Trained with earlier code: changed since are `pipelines/removed.py`, `pipelines/"
    assert f"{changed}training`." in page.read_text("utf-8")
    assert read(data)["plays"]["code"] == run["code"]


def test_templates_without_results_are_listed(plays: Path, data: Path, page: Path) -> None:
    publish([plays], data, page)
    text = page.read_text("utf-8")
    assert "## Without results yet\n\n- `talk`: All of talk: a test.\n" in text
    assert "- `plays`" not in text


def test_a_project_replaces_only_the_results_of_its_template(
    plays: Path, talk: Path, data: Path, page: Path
) -> None:
    publish([plays, talk], data, page)
    before, text = read(data), page.read_bytes()
    metrics = talk / "metrics" / "verses-attention.json"
    original = read(metrics)
    write(metrics, {"parameters": 5, "test_bleu": 22.0, "search": "greedy"})
    publish([talk], data, page)
    after = read(data)
    assert after["plays"] == before["plays"]
    assert after["talk"]["rows"][0]["result"]["values"] == [22.0]
    write(metrics, original)
    publish([talk], data, page)
    assert page.read_bytes() == text  # the order of publishing has no influence


def test_remarks_are_read_again_on_every_call(
    plays: Path, templates_folder: Path, data: Path, page: Path
) -> None:
    publish([plays], data, page)
    original = page.read_bytes()
    (templates_folder / "plays.md").write_text("Tried twice the units: worse.\n", encoding="utf-8")
    publish([], data, page)
    assert "\n\nTried twice the units: worse.\n" in page.read_text(encoding="utf-8")
    (templates_folder / "plays.md").unlink()
    publish([], data, page)
    assert page.read_bytes() == original


def test_missing_metrics_name_the_file_and_nothing_is_written(
    plays: Path, talk: Path, data: Path, page: Path
) -> None:
    publish([plays], data, page)
    before = data.read_bytes(), page.read_bytes()
    (talk / "metrics" / "verses-attention.json").unlink()
    with pytest.raises(
        UserError, match=r"verses-attention\.json is missing.*`seqproof run evaluate\w*@verses-att"
    ):
        publish([plays, talk], data, page)
    assert (data.read_bytes(), page.read_bytes()) == before
    assert sorted(file.name for file in data.parent.iterdir()) == ["results.json", "results.md"]


def test_unknown_training_times_are_left_out(plays: Path, data: Path, page: Path) -> None:
    (plays / ".seqproof" / "costs" / "train_lstm@shakespeare-lstm.json").unlink()
    publish([plays], data, page)
    group, markov = read(data)["plays"]["rows"]
    assert group["seconds"] is None
    assert markov["seconds"] == 300.0


def test_a_project_with_other_params_than_its_template_is_rejected(
    plays: Path, data: Path, page: Path
) -> None:
    path = plays / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\nseed: 1", "\nseed: 2"), encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml: seed differs from the template 'plays'"):
        publish([plays], data, page)
    path.write_text(text.replace("units: 256", "units: 255"), encoding="utf-8")
    with pytest.raises(UserError, match=r": models\.[a-z.-]+\.units and \d+ more differ from"):
        publish([plays], data, page)
    other_goals = text.replace('"protocol"', '"earlier_key"')  # goals change no result
    assert other_goals != text
    path.write_text(f"# only a comment\n{other_goals}", encoding="utf-8")
    publish([plays], data, page)


def test_outdated_results_are_not_published(
    monkeypatch: pytest.MonkeyPatch, plays: Path, data: Path, page: Path
) -> None:
    checked: list[str] = []

    def outdated(targets: list[str], root: Path, earlier_code: tuple[str, ...]) -> list[str]:
        checked.extend(targets)
        assert root == plays
        assert earlier_code == ("pipelines", "stages")  # which the page marks
        return [next(target for target in targets if target.endswith("@shakespeare-rnn"))]

    monkeypatch.setattr(command.dvc_project, "outdated", outdated)
    with pytest.raises(
        UserError, match=r"evaluate\w*@shakespeare-rnn is not up to date.*`seqproof run`"
    ):
        publish([plays], data, page)
    assert not data.parent.exists()
    models = sorted(target.partition("@")[2] for target in checked)
    assert models == ["shakespeare-lstm", "shakespeare-markov", "shakespeare-rnn"]
    assert all(target.startswith("evaluate") for target in checked)


@pytest.mark.parametrize("text", ["", "[]", '{"template": "plays"}'])
def test_a_damaged_origin_is_named(plays: Path, data: Path, page: Path, text: str) -> None:
    (plays / ".seqproof" / "origin.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"origin\.json is damaged.*`seqproof new`"):
        publish([plays], data, page)


def test_a_folder_that_is_not_a_project(tmp_path: Path, data: Path, page: Path) -> None:
    with pytest.raises(UserError, match=r"origin\.json is missing.*`seqproof new`"):
        publish([tmp_path], data, page)
    assert not data.parent.exists()


def test_two_projects_of_one_template_are_rejected(plays: Path, data: Path, page: Path) -> None:
    with pytest.raises(UserError, match=r"Two projects use the template 'plays'"):
        publish([plays, plays], data, page)


def test_the_description_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    config = params.load(Path(__file__).parents[3] / "params.yaml")
    machine = command.describe_machine(config.models["shakespeare-lstm"])
    assert machine.cores >= 1
    assert machine.memory_gib > 0.1
    assert machine.cpu
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", machine.tensorflow)
