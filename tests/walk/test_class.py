"""Results of a class are shared through a folder, by the commands of docs/tutorial/class.md."""

import re
import shutil

from tests.contract.documented import BLOCK, TUTORIAL
from tests.walk.projects import Project

PAGE = (TUTORIAL / "class.md").read_text(encoding="utf-8")
TEACHER, PAIR = BLOCK.findall(PAGE.partition("\n## Share the results\n")[2])


def test_results_are_pushed_and_pulled(finished, copy, tmp_path):
    share = tmp_path / "share"
    share.mkdir()
    for line in TEACHER.splitlines():
        copy.run("sh", "-ec", line.replace("/path/to/share", str(share)))
    room = Project(tmp_path / "room", copy.variables)
    room.folder.mkdir()
    output = room.run("sh", "-ec", PAIR.replace("/path/to/share", str(share)))
    assert re.search(r"^\d+ up to date, in ", output, re.MULTILINE)  # and nothing else
    pair = Project(room.folder / "class", copy.variables)
    assert pair.outs() == finished[0].outs()
    assert pair.run("git", "status", "--porcelain") == ""


def test_a_copy_of_the_folder_has_the_results_and_runs(copy, tmp_path):
    folder = tmp_path / "stick" / "class"
    shutil.copytree(copy.folder, folder, symlinks=True)
    pair = Project(folder, copy.variables)
    assert pair.outdated() == set()
    assert "plain-markov" in pair.run("seqproof", "results")
