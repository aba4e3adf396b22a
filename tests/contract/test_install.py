"""`make install` takes a suitable interpreter, and uv or pip; the lock has packages for each."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipelines.diagnostics import versions
from tests.contract.imports import ROOT

LOCKS = ("requirements.lock", "requirements-gpu.lock")
INTERPRETERS = ("3.11.0", "3.11.7", "3.12.1", "3.13.0")
# What the Makefile asks of an interpreter; making an environment ends it with 7, after a note.
STAND_IN = """\
#!/bin/sh
case "$1" in
  -c) exec {python} -c 'import sys; sys.version_info = ({parts}, 0); exec(sys.argv[1])' "$2" ;;
  --version) echo "Python {version}.0" ;;
  -m) echo "{name} $*" > {note}; exit 7 ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A folder with a Makefile and what it reads, and one for interpreters."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "bin").mkdir()
    return tmp_path


def interpreter(project, path, version):
    """Put an interpreter there that says it is of this version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = STAND_IN.format(
        python=sys.executable,
        version=version,
        parts=version.replace(".", ", "),
        name=path.relative_to(project),
        note=project / "note",
    )
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def run_make(project, *words):
    """Run `make install` with the programs of the folder alone."""
    # Make leaves words of its own to those that it calls, and the tests may be called by it.
    own = ("PYTHON", "LOCK", "MAKEFLAGS", "MAKELEVEL")
    others = {key: value for key, value in os.environ.items() if key not in own}
    return subprocess.run(
        [shutil.which("make"), "install", *words],
        cwd=project,
        env={**others, "PATH": str(project / "bin")},
        capture_output=True,
        text=True,
    )


def install(project, *words):
    """Return what make prints, and the interpreter that makes the environment with its words."""
    done = run_make(project, *words)
    assert done.returncode == 2
    note = project / "note"
    return done.stdout, note.read_text(encoding="utf-8").strip() if note.exists() else None


@pytest.mark.parametrize(
    ("interpreters", "first"),
    [
        ({"python3": "3.13", "python3.11": "3.11", "python3.12": "3.12"}, "python3.11"),
        ({"python3": "3.11", "python3.13": "3.13", "python3.12": "3.12"}, "python3.12"),
        ({"python3": "3.11", "python3.13": "3.13"}, "python3.13"),
        ({"python3": "3.12"}, "python3"),
        # A name that is not what it says, as a version manager leaves it.
        ({"python3": "3.13", "python3.11": "3.10", "python3.12": "3.14"}, "python3"),
    ],
)
def test_make_takes_the_first_suitable_interpreter(project, interpreters, first):
    for name, version in interpreters.items():
        interpreter(project, project / "bin" / name, version)
    _, maker = install(project)
    assert maker == f"bin/{first} -m venv --clear .venv"


def test_make_takes_the_interpreter_that_is_asked_for(project):
    interpreter(project, project / "bin" / "python3.11", "3.11")
    interpreter(project, project / "a folder" / "python", "3.13")
    _, maker = install(project, f"PYTHON={project / 'a folder' / 'python'}")
    assert maker == "a folder/python -m venv --clear .venv"


def test_an_environment_is_kept_or_made_anew_with_another_interpreter(project):
    interpreter(project, project / "bin" / "python3.11", "3.11")
    interpreter(project, project / ".venv" / "bin" / "python", "3.12")
    assert install(project)[1] == ".venv/bin/python -m venv .venv"
    assert install(project, "PYTHON=python3.11")[1] == "bin/python3.11 -m venv --clear .venv"


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_make_says_which_interpreters_will_do(project, version):
    interpreter(project, project / "bin" / "python3", version)
    sentence = "seqproof needs Python 3.11, 3.12 or 3.13"
    fix = "Run make PYTHON=/path/to/python3.11"
    assert install(project) == (f"{sentence}. {fix}\n", None)
    assert install(project, "PYTHON=python3") == (
        f"{sentence}; python3 is none of them. {fix}\n",
        None,
    )
    assert install(project, "PYTHON=absent") == (
        f"{sentence}; absent is none of them. {fix}\n",
        None,
    )


# An interpreter that makes environments of itself, and an installer; both note their words.
WORKING = {
    "python3.11": """\
#!/bin/sh
case "$1" in
  --version) echo "Python 3.11.0" ;;
  -m) echo "python $* ${{PIP_CONSTRAINT:-}}" >> {note}
    case "$2" in
      venv) mkdir -p .venv/bin; test "$0" -ef .venv/bin/python || cp "$0" .venv/bin/python ;;
      pip) exit {pip} ;;
    esac ;;
esac
""",
    "uv": """\
#!/bin/sh
echo "uv $*" >> {note}; exit {uv}
""",
    "seqproof": """\
#!/bin/sh
echo "seqproof $*" >> {note}
""",
}
MAKE_VENV = "python -m venv --clear .venv "
PIP = "python -m pip install --quiet --disable-pip-version-check --compile "
PIP_LOCK = f"{PIP}--require-hashes --no-deps --requirement requirements.lock .venv/versions"
PIP_PROJECT = f"{PIP}--no-deps --no-build-isolation --editable . "
WITH_PIP = [PIP_LOCK, PIP_PROJECT]
UV = "--python .venv/bin/python --compile-bytecode "
UV_LOCK = (
    f"uv pip --quiet sync {UV}--require-hashes --build-constraints .venv/versions requirements.lock"
)
DRIVER = "seqproof merge-lock --install"
WITH_UV = [UV_LOCK, f"uv pip --quiet install {UV}--no-deps --no-build-isolation --editable ."]


def add_programs(project, programs, uv=0, pip=0):
    """Put programs that note their words, and those of the system, into the folder."""
    for name in (*programs, "seqproof"):
        file = project / "bin" / name
        text = WORKING[name].format(note=project / "note", uv=uv, pip=pip)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
    for name in ("cp", "mkdir", "sed"):
        (project / "bin" / name).symlink_to(shutil.which(name))


@pytest.mark.parametrize(
    ("programs", "uv", "pip", "code", "calls"),
    [
        (("python3.11", "uv"), 0, 0, 0, WITH_UV),
        (("python3.11",), 0, 0, 0, WITH_PIP),
        # uv does not know the index of pip's settings.
        (("python3.11", "uv"), 2, 0, 0, [UV_LOCK, *WITH_PIP]),
        (("python3.11", "uv"), 2, 1, 2, [UV_LOCK, PIP_LOCK]),
    ],
)
def test_uv_installs_the_lock_where_it_is_and_else_pip(project, programs, uv, pip, code, calls):
    note = project / "note"
    add_programs(project, programs, uv, pip)
    lock = "# a comment\nidna==3.10 \\\n    --hash=sha256:00\n"
    (project / "requirements.lock").write_text(lock, encoding="utf-8")
    assert run_make(project).returncode == code
    driver = [DRIVER] if code == 0 else []
    assert note.read_text(encoding="utf-8").splitlines() == [MAKE_VENV, *calls, *driver]
    assert (project / ".venv" / "versions").read_text(encoding="utf-8") == "idna==3.10\n"
    assert (project / ".venv" / "installed").exists() == (code == 0)


def test_an_environment_that_was_moved_is_made_anew(project):
    first = project / "first"
    first.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "bin"):
        shutil.move(project / name, first / name)
    add_programs(first, ("python3.11",))
    assert run_make(first).returncode == 0
    made = [MAKE_VENV, *WITH_PIP, DRIVER]
    note = first / "note"
    assert note.read_text(encoding="utf-8").splitlines() == made
    assert run_make(first).returncode == 0  # it is up to date
    assert note.read_text(encoding="utf-8").splitlines() == made
    second = first.rename(project / "another place, 50% off")
    note.parent.mkdir()
    assert run_make(second).returncode == 0
    assert note.read_text(encoding="utf-8").splitlines() == made
    assert (second / ".venv" / "installed").read_text("utf-8") == f"{second / '.venv'}\n"


def test_all_places_name_the_same_interpreters():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = SpecifierSet(settings["project"]["requires-python"])
    lowest, highest = versions.PYTHON
    for minor in range(9, 16):
        assert declared.contains(f"3.{minor}.1") == (lowest <= (3, minor) <= highest)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"not {lowest} <= sys.version_info[:2] <= {highest}" in makefile
    # Newer syntax than the lowest has would pass unseen.
    name = ".".join(map(str, lowest))
    assert settings["tool"]["mypy"]["python_version"] == name
    assert settings["tool"]["ruff"]["target-version"] == f"py{name.replace('.', '')}"
    assert f"--python-version {name} " in (ROOT / "development.mk").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("version", INTERPRETERS)
def test_the_lock_pins_each_package_once_for_each_interpreter(lock, version):
    lines = re.findall(r"^[a-z0-9].*==.*(?= \\$)", (ROOT / lock).read_text("utf-8"), flags=re.M)
    pins = [Requirement(line) for line in lines]
    environment = {
        "python_version": version.rpartition(".")[0],
        "python_full_version": version,
        "sys_platform": "linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    names = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    assert len(names) == len(set(names))
    assert set(versions.PACKAGES) <= set(names)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_address(lock):
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")
