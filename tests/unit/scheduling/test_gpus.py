"""GPUs of the machine, and of a stage."""

import pytest

from pipelines.errors import UserError
from pipelines.scheduling import gpus


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Set the GPUs that the driver and the variable name."""

    def use(driver: str, variable: str | None = None):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\nprintf '{driver}'\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv(gpus.VARIABLE, raising=False)
        if variable is not None:
            monkeypatch.setenv(gpus.VARIABLE, variable)
        gpus.available.cache_clear()

    yield use
    gpus.available.cache_clear()


@pytest.mark.parametrize(
    ("driver", "variable", "names"),
    [
        ("", None, ()),
        ("0\\n1\\n", None, ("0", "1")),
        ("0\\n1\\n", "1", ("1",)),
        ("0\\n1\\n", "", ()),
        ("0\\n1\\n", "-1", ()),
        ("0\\n", "GPU-8, GPU-9", ("GPU-8", "GPU-9")),
    ],
)
def test_the_variable_limits_the_gpus(machine, driver, variable, names):
    machine(driver, variable)
    assert gpus.available() == names
    assert gpus.choose(None) == list(names)


def test_no_driver_is_no_gpu(machine, monkeypatch, tmp_path):
    machine("")
    (tmp_path / "nvidia-smi").unlink()
    assert gpus.available() == ()


def test_fewer_gpus_may_be_used_and_more_are_refused(machine):
    machine("0\\n1\\n")
    assert gpus.choose(1) == ["0"]
    with pytest.raises(UserError, match=r"--gpus 3: this machine has 2"):
        gpus.choose(3)


@pytest.mark.parametrize(
    ("driver", "gpu", "count", "variables"),
    [
        ("", None, 0, {}),
        ("0\\n", "0", 1, {}),  # visible anyway; a process with another variable starts cold
        ("0\\n1\\n", "1", 2, {gpus.VARIABLE: "1"}),
        ("0\\n1\\n", None, 2, {}),
        ("0\\n", None, 0, {gpus.VARIABLE: "-1"}),
    ],
)
def test_a_stage_sees_its_own_gpu(machine, driver, gpu, count, variables):
    machine(driver)
    assert gpus.variables(gpu, count) == variables
