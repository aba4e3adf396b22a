"""`seqproof new --from` and `seqproof data add`: a project for a person's own files, or nothing."""

import io
import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from commands import new, own_text
from commands.app import app
from pipelines import console
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.proposals.options import Options
from tests.unit.commands.test_new import git, use_failing_hook

REVIEWS = "review,mood\n" + "".join(
    f'"Film {number % 13}, number {number}",{("bad", "good")[number % 2]}\n' for number in range(60)
)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "files" / "My reviews.csv"
    path.parent.mkdir()
    path.write_text(REVIEWS, encoding="utf-8")
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Git nor DVC is initialised: that takes most of the time."""
    monkeypatch.setattr(new, "_init_repository", lambda project, message: None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped params.yaml, which is the current folder."""
    folder = tmp_path / "project"
    (folder / "texts").mkdir(parents=True)
    text = (new.templates.SOURCE / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def invoke(*arguments: object, text: str | None = None) -> str:
    """Run the command line; return its output, or raise its error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_project_has_corpus_models_and_texts_and_is_committed(
    reviews: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "some where" / "project"
    output = invoke("new", folder, "--from", reviews, "--yes")
    loaded = params.load(folder / "params.yaml")
    assert list(loaded.corpora) == ["my-reviews"]
    assert list(loaded.models) == ["my-reviews-logistic", "my-reviews-lstm"]
    assert (folder / "texts" / "My reviews.csv").read_text(encoding="utf-8") == REVIEWS
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "log", "--format=%s") == "A project for my-reviews"
    origin = json.loads((folder / ".seqproof" / "origin.json").read_text(encoding="utf-8"))
    assert origin["template"] == "none"
    with dvc_project.open_project(folder) as repo:
        assert "train_lstm@my-reviews-lstm" in dvc_project.load_stages(repo)
    assert list(folder.parent.iterdir()) == [folder]
    assert "My reviews.csv:2" in output
    assert "Film 0, number 0" in output
    assert "classification" in output


@pytest.mark.usefixtures("bare")
def test_every_value_has_a_comment(reviews: Path, tmp_path: Path) -> None:
    invoke("new", tmp_path / "p", "--from", reviews, "--yes", "--name", "films")
    lines = (tmp_path / "p" / "params.yaml").read_text(encoding="utf-8").split("\n")
    start = lines.index("  films: # 60 rows")
    block = lines[start : lines.index("", start)]
    keys = [line.split(":")[0].strip() for line in block[1:] if not line.startswith("    #")]
    expected = ["task", "source", "reader", "cleaning", "tokens", "split", "vocabulary", "checks"]
    assert keys == expected
    for key in set(keys) - {"source"}:
        before = block[
            next(n for n, line in enumerate(block) if line.startswith(f"    {key}:")) - 1
        ]
        assert before.startswith("    # "), key


@pytest.mark.usefixtures("bare")
def test_standard_input(tmp_path: Path) -> None:
    invoke("new", tmp_path / "p", "--from", "-", "--name", "films", text=REVIEWS)
    assert contents(tmp_path / "p" / "texts")["films.txt"].decode() == REVIEWS
    entry = params.load(tmp_path / "p" / "params.yaml").corpora["films"]
    assert entry.source.model_dump()["paths"] == ("texts/films.txt",)


@pytest.mark.usefixtures("bare")
def test_files_follow_in_any_number(tmp_path: Path) -> None:
    for end in ("en", "fr"):
        lines = [f"{end} sentence {number % 7} of {number}" for number in range(40)]
        (tmp_path / f"talks.{end}").write_text("\n".join(lines), encoding="utf-8")
    invoke("new", tmp_path / "p", "--from", tmp_path / "talks.en", tmp_path / "talks.fr")
    loaded = params.load(tmp_path / "p" / "params.yaml")
    assert loaded.corpora["talks"].task == "translation"
    assert {model.attention for model in loaded.models.values()} == {"none", "general"}


@pytest.mark.usefixtures("bare")
def test_a_folder_of_classes_stays_a_folder(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / "mails" / ("ham", "spam")[number % 2] / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mail {number % 5}\nnumber {number}", encoding="utf-8")
    invoke("new", tmp_path / "p", "--from", tmp_path / "mails")
    entry = params.load(tmp_path / "p" / "params.yaml").corpora["mails"]
    assert entry.source.model_dump()["paths"] == ("texts/mails",)
    assert entry.checks.label_values == ("ham", "spam")
    assert (tmp_path / "p" / "texts" / "mails" / "spam" / "1.txt").is_file()


@pytest.mark.usefixtures("bare")
def test_large_files_are_not_for_git(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_text, "LARGE", 100)
    output = invoke("new", tmp_path / "p", "--from", reviews)
    assert "too large for Git" in output
    ignored = tmp_path / "p" / "texts" / ".gitignore"
    assert ignored.read_text(encoding="utf-8") == "/My reviews.csv\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "missing.csv"], "There is no file 'missing.csv'"),
        (["--from", "reviews.csv"], r"did you mean 'My reviews.csv'"),
        (["--from", "-", "My reviews.csv"], "Standard input"),
        (["--from", "My reviews.csv", "--name", "My Name"], "lower-case letters"),
        (["--from", "My reviews.csv", "--template", "ptb"], "cannot be combined"),
        (["--from", "My reviews.csv", "--label", "model"], "did you mean 'mood'"),
        (["My reviews.csv"], "one argument too many"),
        (["--from", ""], "There is no file ''"),
    ],
)
def test_nothing_is_left_behind(
    reviews: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(reviews.parent)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=message):
        invoke("new", tmp_path / "p", *arguments)
    assert contents(tmp_path) == before
    assert not (tmp_path / "p").exists()


def test_a_failure_of_git_leaves_nothing_behind(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_failing_hook(tmp_path, monkeypatch, "exit 1")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="git commit"):
        invoke("new", tmp_path / "p", "--from", reviews)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_in_use_is_refused_before_any_question(reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists and is not empty"):
        invoke("new", tmp_path, "--from", tmp_path / "missing.csv")


def test_a_corpus_is_added_and_no_other_line_changes(project: Path, reviews: Path) -> None:
    before = (project / "params.yaml").read_text(encoding="utf-8").split("\n")
    output = invoke("data", "add", "films", reviews, "--yes")
    after = (project / "params.yaml").read_text(encoding="utf-8").split("\n")
    assert [line for line in after if line in before] == before or set(before) <= set(after)
    loaded = params.load(project / "params.yaml")
    assert loaded.corpora["films"].task == "classification"
    assert {"films-logistic", "films-lstm"} <= set(loaded.models)
    assert (project / "texts" / "My reviews.csv").read_text(encoding="utf-8") == REVIEWS
    assert "seqproof run" in output


def test_a_file_in_texts_stays_where_it_is(project: Path) -> None:
    (project / "texts" / "sub").mkdir()
    (project / "texts" / "sub" / "films.csv").write_text(REVIEWS, encoding="utf-8")
    invoke("data", "add", "films", "texts/sub/films.csv")
    source = params.load(project / "params.yaml").corpora["films"].source.model_dump()
    assert source["paths"] == ("texts/sub/films.csv",)
    assert sorted(contents(project / "texts")) == ["sub/films.csv"]


@pytest.mark.parametrize("name", ["verses", "Films", "opinions-lstm"])
def test_a_failure_changes_nothing(project: Path, reviews: Path, name: str) -> None:
    (project / "params.yaml").write_text(
        (project / "params.yaml")
        .read_text(encoding="utf-8")
        .replace(" opinions-mlp:", " opinions-lstm-lstm:"),
        encoding="utf-8",
    )
    before = contents(project)
    with pytest.raises(UserError):
        invoke("data", "add", name, reviews)
    assert contents(project) == before


def test_another_file_of_that_name_is_not_replaced(project: Path, reviews: Path) -> None:
    (project / "texts" / "My reviews.csv").write_text("other", encoding="utf-8")
    before = contents(project)
    with pytest.raises(UserError, match="exists with other content"):
        invoke("data", "add", "films", reviews)
    assert contents(project) == before


def test_line_ends_of_windows_stay(project: Path, reviews: Path) -> None:
    path = project / "params.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    invoke("data", "add", "films", reviews)
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")


def test_wildcards_in_names_are_replaced(project: Path, reviews: Path) -> None:
    invoke("data", "add", "films", reviews.rename(reviews.with_name("what? all*.csv")))
    source = params.load(project / "params.yaml").corpora["films"].source.model_dump()
    assert source["paths"] == ("texts/what_ all_.csv",)


def test_data_add_needs_a_project(
    tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml does not exist"):
        invoke("data", "add", "films", reviews)


def answer(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let a person in a terminal give answers; return the questions."""
    questions: list[str] = []
    given = iter(answers)

    def ask(question: str) -> str:
        questions.append(question)
        return next(given)

    monkeypatch.setattr(console, "is_interactive", lambda: True)
    monkeypatch.setattr(console, "ask", ask)
    return questions


def test_a_person_may_change_values(
    project: Path,
    reviews: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    questions = answer(
        monkeypatch, "tokens=characters", "toknes=words", "label=nothing", "split=shuffled", ""
    )
    own_text.add([str(reviews)], "films", Options(), yes=False)
    entry = params.load(project / "params.yaml").corpora["films"]
    assert (entry.tokens, entry.split.method) == ("characters", "shuffled")
    assert len(questions) == 5
    output = capsys.readouterr().out
    assert "did you mean 'tokens'" in output
    assert "there is no column 'nothing'" in output


def test_yes_asks_nothing(project: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch) == []
    own_text.add([str(reviews)], "films", Options(), yes=True)


def test_the_end_of_the_input_changes_nothing(
    project: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_interactive", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    before = contents(project)
    with pytest.raises(UserError, match="stopped without changes"):
        own_text.add([str(reviews)], "films", Options(), yes=False)
    assert contents(project) == before


def test_tables_show_text_and_no_markup(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = REVIEWS.replace("Film 0", "[red]Film[/red] [/x]\x1b[31m").replace("bad", "[/bad]")
    (project / "texts" / "films.csv").write_text(rows, encoding="utf-8")
    own_text.add(["texts/films.csv"], "films", Options(), yes=True)
    output = capsys.readouterr().out
    assert "[red]Film[/red] [/x]" in output
    assert "\x1b[31m" not in output


def test_the_comments_are_yaml(project: Path, reviews: Path) -> None:
    """Names of columns and files stand in comments, which end with their line."""
    text = REVIEWS.replace("review,mood", '"review: # {a}","mo\nod"')
    reviews.write_text(text, encoding="utf-8")
    invoke("data", "add", "films", reviews)
    tree = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    columns = tree["corpora"]["films"]["reader"]["columns"]
    assert columns == {"text": "review: # {a}", "label": "mo\nod"}
    assert list(contents(project / "texts")) == [reviews.name]
