"""Facts about the machine that can explain why numbers differ."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from pipelines.lineage import environment

AVX512 = "avx512f avx512dq avx512bw avx512vl"
CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
stepping\t: 1
flags\t\t: fpu sse2 sse4_2 fma avx f16c avx2 avx512f avx512dq avx512bw avx512vl avx512_bf16 rdseed

processor\t: 1
model name\t: another core
"""


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "cpuinfo"
    file.write_text(CPUINFO, encoding="utf-8")
    monkeypatch.setattr(environment, "CPUINFO", file)
    return file


def test_processors_of_one_name_differ_in_model_and_instructions(
    cpuinfo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    first = environment.machine()
    assert first["cpu"] == "AMD EPYC"
    assert first["cpu_model"] == "AuthenticAMD, family 25, model 17, stepping 1"
    flags = "avx avx2 avx512_bf16 avx512bw avx512dq avx512f avx512vl f16c fma sse4_2"
    assert first["instruction_sets"] == flags
    assert first["onednn_isa"] == "AVX512_CORE"
    text = CPUINFO.replace(" avx512f avx512dq avx512bw avx512vl avx512_bf16", "")
    cpuinfo.write_text(text.replace(": 17", ": 1"), encoding="utf-8")
    changes = list(environment.differences({"environment": first}, environment.current({})))
    assert changes == [
        "cpu_model was AuthenticAMD, family 25, model 17, stepping 1 and is "
        "AuthenticAMD, family 25, model 1, stepping 1",
        "instruction_sets: this machine lacks avx512_bf16 avx512bw avx512dq avx512f avx512vl "
        "(AVX2, AVX-512, bf16, now AVX2)",
        "onednn_isa was AVX512_CORE and is AVX2",
    ]


def test_the_fixture_reads_arm_and_other_systems(cpuinfo: Path) -> None:
    cpuinfo.write_text("processor : 0\nFeatures : fp asimd bf16 sve i8mm crc32\n", "utf-8")
    assert environment.instruction_sets() == "asimd bf16 i8mm sve"
    assert environment.summarize_instructions("asimd bf16 i8mm sve") == "bf16, NEON, SVE"
    cpuinfo.unlink()
    assert environment.instruction_sets() == ""
    assert environment.processor()
    assert environment.processor_model() == "unknown"
    assert environment.summarize_instructions("") == "no vector instructions known"


@pytest.mark.parametrize(
    ("flags", "limit", "isa"),
    [
        ("", "", "generic"),
        ("sse4_2 avx", "", "AVX"),
        ("sse4_2 avx avx2 fma", "", "AVX2"),
        (f"sse4_2 avx avx2 fma {AVX512}", "", "AVX512_CORE"),
        (f"sse4_2 avx avx2 fma {AVX512} avx512_vnni", "", "AVX512_CORE_VNNI"),
        (f"sse4_2 avx avx2 fma {AVX512} avx512_vnni avx512_bf16", "", "AVX512_CORE_BF16"),
        (f"sse4_2 avx avx2 fma {AVX512} avx512_vnni avx512_bf16", "avx2", "AVX2"),
        (f"sse4_2 avx avx2 fma {AVX512} avx512_vnni", "AVX512_CORE_AMX", "AVX512_CORE_VNNI"),
    ],
)
def test_the_instruction_set_of_onednn(flags: str, limit: str, isa: str) -> None:
    assert environment.onednn_isa(flags, limit) == isa


def test_variables_are_recorded_without_paths_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.variables():
        monkeypatch.delenv(name)
    for name, value in {
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",  # changes no number
        "TF_CONFIG": '{"cluster": {"worker": ["10.0.0.1:1234"]}}',
        "TF_API_KEY": "abc",
        "TF_VAR_database": "hunter2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OMP_NUM_THREADS": "2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_dump_to=/home/me/dump --xla_fast /home/x",
        "TF_CUDNN_LIBRARY": "/usr/lib/cudnn.so",
        "HOME": "/home/me",
        "MLFLOW_TRACKING_URI": "http://me:secret@host",
    }.items():
        monkeypatch.setenv(name, value)
    recorded = environment.variables()
    assert recorded == {
        "OMP_NUM_THREADS": "2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "TF_API_KEY": "(hidden)",
        "TF_CONFIG": "(hidden)",
        "TF_CUDNN_LIBRARY": "(hidden)",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_dump_to=(hidden) --xla_fast (hidden)",
    }
    assert not any(
        word in json.dumps(recorded) for word in ("abc", "hunter2", "10.0.0.1", "/home", "/usr")
    )


def test_differences_of_machine_variables_and_packages_are_named() -> None:
    present = {
        "environment": {"cpu": "A", "cores": "2", "kernel": "fused"},
        "variables": {"OMP_NUM_THREADS": "2", "XLA_FLAGS": "a"},
        "packages": {"numpy": "1.1", "new": "3.0"},
    }
    record = {
        "environment": {"cpu": "A", "cores": "4"},
        "variables": {"XLA_FLAGS": "a", "TF_ENABLE_ONEDNN_OPTS": "0"},
        "packages": {"numpy": "1.0", "removed": "2.0"},
        "key": "0",
    }
    assert list(environment.differences(record, present)) == [
        "cores was 4 and is 2",
        "OMP_NUM_THREADS was not set and is 2",
        "TF_ENABLE_ONEDNN_OPTS was 0 and is not set",
        "new was missing and is 3.0",
        "numpy was 1.0 and is 1.1",
        "removed was 2.0 and is missing",
    ]
    # Records of earlier versions have no variables.
    assert list(environment.differences({"environment": {}}, present)) == []
    assert list(environment.differences(present, present)) == []


def test_packages_are_those_that_python_lists() -> None:
    versions = {package.metadata["Name"]: package.version for package in metadata.distributions()}
    assert environment.packages() == {name.lower(): version for name, version in versions.items()}
    assert "numpy" in environment.packages()
