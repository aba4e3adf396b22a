"""`seqproof upgrade`: changes what the user has not changed, and tells the rest."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import project_files, repository, skeleton, templates, upgrade
from commands.app import app
from commands.new import new
from pipelines.errors import UserError
from tests import packages
from tests.unit.tiny_project import MODEL, Project

ROOT = templates.SOURCE
VERSION = skeleton.version(ROOT)


def copy_source(folder: Path) -> Path:
    """Copy what the wheel has of this repository."""
    for path, file in skeleton.wheel_files(ROOT).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / path)
    packages.copy("seqproof", folder)
    return folder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A later version, which is the installed one, of the version that `home` is made with."""
    folder = copy_source(tmp_path / "later")
    monkeypatch.setattr(templates, "SOURCE", folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project, which tests do not edit."""
    folder = tmp_path_factory.mktemp("made") / "project"
    new(folder, "ptb-small")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, which is the current folder."""
    folder = shutil.copytree(made, tmp_path / "home")
    monkeypatch.chdir(folder)
    return folder


def commit(project: Path) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    repository.git(project, ["add", "--all"])
    repository.git(project, ["commit", "--quiet", "--message", "mine"], settings=author)


def edit(file: Path, *replacements: tuple[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, replacement in replacements:
        assert old in text
        text = text.replace(old, replacement, 1)
    file.write_text(text, encoding="utf-8")


DOCSTRING = '"""'
MINE, NEW = (DOCSTRING, '"""Mine. '), (DOCSTRING, '"""New. ')


def test_what_the_user_changed_stays(home: Path, source: Path, capsys) -> None:
    for name in ("results", "compare", "trace", "doctor"):
        edit(home / "commands" / f"{name}.py", MINE)
    (home / "commands" / "ui.py").unlink()
    (home / "commands" / "later.py").write_text("MINE = 1\n", encoding="utf-8")
    edit(home / "params.yaml", ("seed: 1", "seed: 2"))
    commit(home)
    for name in ("results", "predict", "ui"):
        edit(source / "commands" / f"{name}.py", NEW)
    compare = (source / "commands" / "compare.py").open("a", encoding="utf-8")
    with compare:
        compare.write("NEW = 1\n")
    for name in ("trace", "sync"):
        (source / "commands" / f"{name}.py").unlink()
    for name in ("later", "latest"):
        (source / "commands" / f"{name}.py").write_text("NEW = 1\n", encoding="utf-8")
    edit(source / "pyproject.toml", (f'version = "{VERSION}"', 'version = "9.0.0"'))
    edit(source / "requirements.lock", ("\n", "\n# new\n"))
    edit(
        source / "CHANGELOG.md",
        ("### Added\n", "### Added\n\n- A new\n  entry: see [docs/a.md](docs/a.md#b).\n"),
    )
    capsys.readouterr()

    upgrade.upgrade()

    assert capsys.readouterr().out.splitlines() == [
        f"From version {VERSION} to 9.0.0:",
        "Added 1 file: 1 in commands/.",
        "Replaced 4 files: 1 in commands/, 1 in seqproof/, pyproject.toml, requirements.lock.",
        "Removed 1 file: 1 in commands/.",
        "Merged with your changes; review it:",
        "  commands/compare.py",
        "Left as you changed it; the new text is in the file with .new, merge it by hand:",
        "  commands/later.py",
        "  commands/results.py",
        "Left as you changed it; this version does not change it:",
        "  commands/doctor.py",
        "Left deleted:",
        "  commands/ui.py",
        "Left as you changed it; no longer part of seqproof:",
        "  commands/trace.py",
        "What is new:",
        "  - A new",
        "    entry: see docs/a.md.",
        "No model is trained yet.",
        "Next: review it with `git status` and `git diff`; then `git add --all`, commit.",
        "The packages have changed: run `make install`.",
    ]
    texts = {
        name: (home / "commands" / name).read_text(encoding="utf-8")
        for name in ("results.py", "results.py.new", "compare.py", "later.py", "later.py.new")
    }
    assert texts["results.py"].startswith('"""Mine. ')
    assert texts["results.py.new"].startswith('"""New. ')
    assert texts["compare.py"].startswith('"""Mine. ')
    assert texts["compare.py"].endswith("NEW = 1\n")
    assert (texts["later.py"], texts["later.py.new"]) == ("MINE = 1\n", "NEW = 1\n")
    assert not (home / "commands" / "sync.py").exists()
    assert "seed: 2" in (home / "params.yaml").read_text(encoding="utf-8")
    # The second time, the version is the one that the project has.
    commit(home)
    upgrade.upgrade()
    later = capsys.readouterr().out
    assert "Added" not in later
    assert "Replaced" not in later


def test_the_version_that_a_project_has_changes_nothing(home: Path) -> None:
    result = CliRunner().invoke(app, ["upgrade"])
    assert result.output == f"The project has version {VERSION} already.\n"
    assert repository.git(home, ["status", "--porcelain"]) == ""


def test_changes_that_are_not_committed_are_refused(home: Path, source: Path) -> None:
    edit(home / "dvc.yaml", ("stages:", "stages: # mine"))
    edit(source / "dvc.yaml", ("stages:", "stages: # new"))
    with pytest.raises(UserError, match=r"Changes of dvc\.yaml are not committed"):
        upgrade.upgrade()
    assert "# new" not in (home / "dvc.yaml").read_text(encoding="utf-8")


def test_the_projects_own_version_is_refused(home: Path, monkeypatch) -> None:
    monkeypatch.setattr(templates, "SOURCE", home)
    with pytest.raises(UserError, match="uvx --from PATH-OR-GIT seqproof upgrade"):
        upgrade.upgrade()


def test_a_folder_without_a_project_is_refused(home: Path, monkeypatch) -> None:
    monkeypatch.chdir(home / "texts")
    with pytest.raises(UserError, match="is no project"):
        upgrade.upgrade()


def test_the_record_has_every_file(home: Path) -> None:
    record = json.loads((home / project_files.RECORD).read_text(encoding="utf-8"))
    objects = repository.blobs(repository.git(home, ["ls-files", "-s", "-z"]))
    assert record == {path: objects[path] for path in skeleton.files(templates.SOURCE)}
    assert {"dvc.yaml", "seqproof/CHANGELOG.md", "stages/report.py"} <= record.keys()


def test_without_a_record_the_first_commit_is_read(home: Path, source: Path, capsys) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    repository.git(home, ["rm", "--quiet", str(project_files.RECORD), "seqproof/CHANGELOG.md"])
    repository.git(home, ["commit", "--quiet", "--amend", "--no-edit"], settings=author)
    edit(home / "stages" / "check.py", MINE)
    commit(home)
    edit(source / "stages" / "check.py", NEW)
    edit(source / "stages" / "fetch.py", NEW)
    capsys.readouterr()
    upgrade.upgrade()
    output = capsys.readouterr().out
    assert "Replaced 1 file: 1 in stages/." in output
    assert "merge it by hand:\n  stages/check.py\n" in output
    assert "What is new: seqproof/CHANGELOG.md\n" in output
    assert (home / "README.md").is_file()


def test_a_project_of_others_is_refused(home: Path, source: Path) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    repository.git(home, ["rm", "--quiet", str(project_files.RECORD)])
    command = ["commit", "--quiet", "--amend", "--message", "Initial commit"]
    repository.git(home, command, settings=author)
    with pytest.raises(UserError, match="`seqproof new` did not create this project"):
        upgrade.upgrade()


def test_models_to_be_trained_again_are_named(project: Project, source: Path) -> None:
    assert upgrade._training_line(project.root) == "No trained model is outdated."
    with (project.root / "work.py").open("a", encoding="utf-8") as file:
        file.write("# new\n")
    expected = f"`seqproof run` will train again: {MODEL}."
    assert upgrade._training_line(project.root) == expected
    edit(project.root / "params.yaml", ("seed:", "speed:"))
    assert "mend this" in upgrade._training_line(project.root)


def test_a_file_of_an_interrupted_upgrade_needs_no_merge(home: Path, source: Path) -> None:
    for folder in (source, home):
        (folder / "pipelines" / "extra.py").write_text('"""Extra."""', encoding="utf-8")
    changes = project_files.upgrade(home, source)
    assert not changes.beside
    assert not list(home.rglob("*.new"))
