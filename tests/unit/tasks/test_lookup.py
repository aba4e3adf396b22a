"""Tasks by name."""

import subprocess
import sys

import pytest

from pipelines.config import task_schemas
from pipelines.errors import UserError
from pipelines.tasks import lookup


@pytest.mark.parametrize("name", task_schemas.SCHEMAS)
def test_each_task_of_params_is_a_file(name):
    task = lookup.get(name)
    assert task.name == name
    assert task is lookup.get(name)
    assert task.columns == task_schemas.get(name).columns


@pytest.mark.parametrize("name", ["parsing", "base", "lookup", ""])
def test_an_unknown_task_is_an_error(name):
    with pytest.raises(UserError, match="translation"):
        lookup.get(name)


def test_tasks_are_light_to_import():
    """Commands that only ask for a task's title must start at once."""
    code = (
        "import sys; from pipelines.config import task_schemas; from pipelines.tasks import lookup;"
        "[lookup.get(name) for name in task_schemas.SCHEMAS];"
        "print({'tensorflow', 'keras', 'pandas', 'sklearn', 'sacrebleu'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
