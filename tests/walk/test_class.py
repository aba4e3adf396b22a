"""Results of a class are shared through a folder, by the commands of docs/tutorial/class.md."""

import re

from tests.contract.documented import BLOCK, TUTORIAL
from tests.walk.projects import Project

PAGE = (TUTORIAL / "class.md").read_text(encoding="utf-8")
TEACHER, PAIR = BLOCK.findall(PAGE.partition("\n## Share the results\n")[2])


def results(project):
    """Return the outs of a project but the rows that break a rule, which DVC does not track."""
    outs = project.outs().items()
    return {path: content for path, content in outs if not path.startswith("data/failed/")}


def test_results_are_pushed_and_pulled(finished, copy, tmp_path):
    share, room = tmp_path / "share", Project(tmp_path / "room", copy.variables)
    share.mkdir()
    room.folder.mkdir()
    for line in TEACHER.splitlines():
        copy.run("sh", "-ec", line.replace("/path/to/share", str(share)))
    output = room.run("sh", "-ec", PAIR.replace("/path/to/share", str(share)))
    assert re.search(r"^\d+ up to date, in ", output, re.MULTILINE)  # and nothing else
    pair = Project(room.folder / "class", copy.variables)
    assert results(pair) == results(finished[0])
    assert pair.run("git", "status", "--porcelain") == ""
