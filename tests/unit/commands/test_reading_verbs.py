"""The verbs that only read start quickly: they import little, and print their result alone."""

import subprocess
import sys

from tests.unit.tiny_project import EXPERIMENT, MODEL

HEAVY = {
    "tensorflow",
    "keras",
    "great_expectations",
    "matplotlib",
    "sklearn",
    "scipy.stats",
}
VERBS = (
    ["trace", MODEL],
    ["results"],
    ["compare", MODEL, EXPERIMENT],
    ["verify", MODEL],
    ["promote", MODEL, "--as", "champion"],
)
# Whatever would print a line of progress is an error.
PROGRAM = """\
import sys
from commands.app import app
from pipelines import console
console._progress_lines = None
for words in {verbs}:
    try:
        app(words, standalone_mode=False)
    except console.Exit as end:
        print("exit", end.exit_code)
print("imported:", sorted({heavy} & set(sys.modules)))
"""


def test_verbs_that_only_read_import_little_and_print_no_progress(project):
    program = PROGRAM.format(verbs=VERBS, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[-1] == "imported: []"
    assert "models:/seqproof-mine@champion" in lines[-2]
    assert any(line.startswith(f"{MODEL}: level 0: ") for line in lines)
    assert any(" compared with " in line for line in lines)
