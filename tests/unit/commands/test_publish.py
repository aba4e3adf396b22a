"""`seqproof publish`: all of a project's numbers beside the published ones, or nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from commands import publish as command
from commands.new import new
from commands.publish import publish
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import benchmark_results

MACHINE = benchmark_results.Machine(
    cpu="A processor", cores=2, memory_gib=7.5, device="cpu", tensorflow="2.0"
)


@pytest.fixture(autouse=True)
def _same_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "machine", lambda entry: MACHINE)
    # These projects only look as if `dvc repro` had run; the walk asks DVC itself.
    monkeypatch.setattr(command.graph, "stale", lambda targets, root: [])


def ran(folder: Path, template: str, found: dict[str, dict[str, Any]]) -> Path:
    """A project that looks as if these of its models had been trained and evaluated."""
    new(folder, template)
    (folder / ".seqproof" / "costs").mkdir()
    (folder / "metrics").mkdir()
    for at, (name, metrics) in enumerate(found.items(), start=1):
        write(folder / "metrics" / f"{name}.json", {"parameters": 1000, **metrics})
        costs = folder / ".seqproof" / "costs"
        cost = {"seconds": 100.0 * at, "peak_mib": 1}
        for stage in ("train_baseline", "train_lstm", "train_seq2seq"):
            write(costs / f"{stage}@{name}.json", cost)
    return folder


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def plays(shelf: Path, tmp_path: Path) -> Path:
    """A project whose models all ran."""
    found = {
        "shakespeare-rnn": {"test_bits_per_character": 2.4},
        "shakespeare-lstm": {"test_bits_per_character": 2.2},
        "shakespeare-markov": {"test_perplexity": 8.0},
    }
    return ran(tmp_path / "plays", "plays", found)


@pytest.fixture
def talk(shelf: Path, tmp_path: Path) -> Path:
    """Another one, of a metric with a signature."""
    score = {"test_bleu": 19.5, "test_bleu_signature": "tok:none"}
    return ran(tmp_path / "talk", "talk", {"verses-attention": score})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "results.json"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "results.md"


def test_numbers_stand_beside_published_ones(plays: Path, data: Path, page: Path) -> None:
    publish([plays], data, page)
    origin = json.loads((plays / ".seqproof" / "origin.json").read_text(encoding="utf-8"))
    run = json.loads(data.read_text(encoding="utf-8"))["plays"]
    assert run["commit"] == origin["git_commit"]
    assert run["machine"]["cpu"] == "A processor"
    group, markov = run["rows"]
    assert group["values"] == [2.4, 2.2]
    assert group["mean"] == 2.3
    assert group["gap"] == 0.2
    assert group["reached"] is True
    assert group["seconds"] == 150.0
    assert markov["gap"] is None
    assert "| shakespeare-rnn, 2 seeds | bits per character | 2.300 ± 0.141 " in page.read_text(
        encoding="utf-8"
    )


def test_one_project_replaces_its_template_and_leaves_the_others(
    plays: Path, talk: Path, data: Path, page: Path
) -> None:
    publish([plays, talk], data, page)
    before, shown = json.loads(data.read_text(encoding="utf-8")), page.read_bytes()
    metrics = talk / "metrics" / "verses-attention.json"
    write(metrics, {"parameters": 5, "test_bleu": 22.0})
    publish([talk], data, page)
    after = json.loads(data.read_text(encoding="utf-8"))
    assert after["plays"] == before["plays"]
    assert after["talk"]["rows"][0]["values"] == [22.0]
    write(metrics, {"parameters": 1000, "test_bleu": 19.5, "test_bleu_signature": "tok:none"})
    publish([talk], data, page)
    assert page.read_bytes() == shown  # byte by byte, in whatever order they came


def test_a_remark_by_hand_is_taken_in_and_taken_out(
    plays: Path, shelf: Path, data: Path, page: Path
) -> None:
    publish([plays], data, page)
    without = page.read_bytes()
    (shelf / "plays.md").write_text("Tried twice the units: worse.\n", encoding="utf-8")
    publish([], data, page)
    assert page.read_text(encoding="utf-8").endswith("\n\nTried twice the units: worse.\n")
    (shelf / "plays.md").unlink()
    publish([], data, page)
    assert page.read_bytes() == without


def test_missing_metrics_name_the_model_and_nothing_is_written(
    plays: Path, talk: Path, data: Path, page: Path
) -> None:
    publish([plays], data, page)
    before = data.read_bytes(), page.read_bytes()
    (talk / "metrics" / "verses-attention.json").unlink()
    with pytest.raises(
        UserError, match=r"^verses-attention has no metrics: .* `dvc repro evaluate@v"
    ):
        publish([plays, talk], data, page)
    assert (data.read_bytes(), page.read_bytes()) == before
    assert sorted(file.name for file in data.parent.iterdir()) == ["results.json", "results.md"]


def test_seconds_that_nobody_kept_are_left_out(plays: Path, data: Path, page: Path) -> None:
    (plays / ".seqproof" / "costs" / "train_lstm@shakespeare-lstm.json").unlink()
    publish([plays], data, page)
    group, markov = json.loads(data.read_text(encoding="utf-8"))["plays"]["rows"]
    assert group["seconds"] is None
    assert markov["seconds"] == 300.0


def test_numbers_of_other_values_are_not_the_templates(plays: Path, data: Path, page: Path) -> None:
    path = plays / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("seed: 1", "seed: 2"), encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml: seed differs from the template 'plays'"):
        publish([plays], data, page)
    path.write_text(text.replace("units: 256", "units: 255"), encoding="utf-8")
    with pytest.raises(UserError, match=r": models\.[a-z-]+\.units and \d+ more differ from"):
        publish([plays], data, page)
    assert "mark" in text
    other = text.replace('"target": 2.4', '"target": 2.3')  # what it is held to changes no number
    assert other != text
    path.write_text(f"# only a remark\n{other}", encoding="utf-8")
    publish([plays], data, page)


def test_stale_numbers_are_not_published(
    monkeypatch: pytest.MonkeyPatch, plays: Path, data: Path, page: Path
) -> None:
    asked: list[str] = []

    def stale(targets: list[str], root: Path) -> list[str]:
        asked.extend(targets)
        assert root == plays
        return ["evaluate@shakespeare-rnn"]

    monkeypatch.setattr(command.graph, "stale", stale)
    with pytest.raises(
        UserError, match="evaluate@shakespeare-rnn is not up to date: run `dvc repro`"
    ):
        publish([plays], data, page)
    assert not data.parent.exists()
    names = ("shakespeare-lstm", "shakespeare-markov", "shakespeare-rnn")
    assert sorted(asked) == [f"evaluate@{name}" for name in names]


@pytest.mark.parametrize("text", ["", "[]", '{"template": "plays"}'])
def test_a_damaged_origin(plays: Path, data: Path, page: Path, text: str) -> None:
    (plays / ".seqproof" / "origin.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"origin\.json is not as `seqproof new` wrote it"):
        publish([plays], data, page)


def test_a_folder_that_is_no_such_project(tmp_path: Path, data: Path, page: Path) -> None:
    with pytest.raises(UserError, match=r"origin\.json is missing: `seqproof new` makes"):
        publish([tmp_path], data, page)
    assert not data.parent.exists()


def test_two_projects_of_one_template(plays: Path, data: Path, page: Path) -> None:
    with pytest.raises(UserError, match=r"Two of the projects are of the template 'plays'"):
        publish([plays, plays], data, page)


def test_the_machine_is_asked_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    entry = params.load(Path(__file__).parents[3] / "params.yaml").models["shakespeare-lstm"]
    found = command.machine(entry)
    assert found.cores >= 1
    assert found.memory_gib > 0.1
    assert found.cpu
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", found.tensorflow)
