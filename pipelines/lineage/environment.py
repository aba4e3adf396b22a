"""The machine, the variables that libraries read, and the installed packages."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
FIELD = re.compile(r"^(Name|Version):\s*(.*\S)", re.MULTILINE)  # of a package's metadata
# Flags of Linux for instructions that change the order or the width of sums.
INSTRUCTIONS = re.compile(r"sse4_2|f16c|fma|avx\w*|amx\w*|asimd\w*|sve\w*|bf16|i8mm")
SHORT_NAMES = {
    "AVX2": r"avx2",
    "AVX-512": r"avx512f",
    "bf16": r"avx512_bf16|amx_bf16|bf16",
    "AMX": r"amx_tile",
    "NEON": r"asimd",
    "SVE": r"sve",
}
# Instruction sets of oneDNN, each with the flags that it needs besides those of the one before;
# the names are values of ONEDNN_MAX_CPU_ISA.
ONEDNN_ISAS = {
    "SSE41": {"sse4_2"},
    "AVX": {"avx"},
    "AVX2": {"avx2", "fma"},
    "AVX512_CORE": {"avx512f", "avx512bw", "avx512vl", "avx512dq"},
    "AVX512_CORE_VNNI": {"avx512_vnni"},
    "AVX512_CORE_BF16": {"avx512_bf16"},
    "AVX512_CORE_FP16": {"avx512_fp16"},
    "AVX512_CORE_AMX": {"amx_tile", "amx_int8", "amx_bf16"},
}
# TF_CPP_* are of TensorFlow's messages, the other exceptions of Terraform.
TERRAFORM = r"VAR_|CLI_|TOKEN_|CLOUD_|LOG|WORKSPACE|INPUT|DATA_DIR|PLUGIN_|REGISTRY_|IN_AUTOMATION"
VARIABLES = re.compile(rf"TF_(?!CPP_|{TERRAFORM})\w+|ONEDNN_\w+|OMP_\w+|XLA_FLAGS")
PRIVATE = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH")  # in a name
ADDRESS = re.compile(r"[/\\@{]")  # a path, URL, user or the cluster of TF_CONFIG
HIDDEN = "(hidden)"


def machine() -> dict[str, str]:
    """Return Python, operating system and processor of this machine, without its GPUs."""
    flags = instruction_sets()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu": processor(),
        "cpu_model": processor_model(),
        "instruction_sets": flags,
        "onednn_isa": onednn_isa(flags, os.environ.get("ONEDNN_MAX_CPU_ISA", "")),
        "cores": str(cores()),
    }


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the name of the processor, as Linux reports it."""
    return _cpuinfo().get("model name") or platform.processor() or "unknown processor"


def processor_model() -> str:
    """Return vendor, family, model and stepping of the processor, which clouds do not rename."""
    entries = _cpuinfo()
    parts = {"vendor_id": "", "cpu family": "family ", "model": "model ", "stepping": "stepping "}
    known = [prefix + entries[key] for key, prefix in parts.items() if key in entries]
    return ", ".join(known) or "unknown"


def instruction_sets() -> str:
    """Return the vector and matrix instructions of the processor by Linux's names, sorted."""
    entries = _cpuinfo()
    flags = (entries.get("flags") or entries.get("Features") or "").split()
    return " ".join(sorted(flag for flag in flags if INSTRUCTIONS.fullmatch(flag)))


def summarize_instructions(flags: str) -> str:
    """Return the short names of instruction sets: AVX2, AVX-512, bf16, AMX."""
    present = flags.split()
    names = [
        name
        for name, pattern in SHORT_NAMES.items()
        if any(re.fullmatch(pattern, flag) for flag in present)
    ]
    return ", ".join(names) or "no vector instructions known"


def onednn_isa(flags: str, limit: str = "") -> str:
    """Return the instruction set that oneDNN chooses on an x86 processor.

    Args:
        flags: as `instruction_sets` returns them.
        limit: value of ONEDNN_MAX_CPU_ISA.
    """
    chosen = "generic"
    for name, needed in ONEDNN_ISAS.items():
        if not needed <= set(flags.split()):
            break
        chosen = name
        if name == limit.upper():
            break
    return chosen


def driver_gpus(*fields: str) -> list[list[str]]:
    """Return some fields of each GPU from `nvidia-smi`; an empty list without it.

    Args:
        fields: names of fields, `index` or `driver_version` for example.
    """
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = ([part.strip() for part in line.split(",")] for line in process.stdout.splitlines())
    return [row for row in rows if len(row) == len(fields)]


def variables() -> dict[str, str]:
    """Return the variables that change how TensorFlow, oneDNN, OpenMP and XLA compute.

    Paths, addresses and secrets are hidden.
    """
    return {
        name: HIDDEN if PRIVATE.search(name) else _without_addresses(value)
        for name, value in sorted(os.environ.items())
        if VARIABLES.fullmatch(name)
    }


def packages() -> dict[str, str]:
    """Return the version of every installed package by its name."""
    versions = {}
    for package in metadata.distributions():
        # `package.metadata` parses the whole description: a third of a second for all packages.
        text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
        fields = dict(FIELD.findall(text.partition("\n\n")[0]))
        if {"Name", "Version"} <= fields.keys():
            versions[fields["Name"].lower()] = fields["Version"]
    return dict(sorted(versions.items()))


def current(device: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return machine, variables and packages for the record of a run.

    Args:
        device: device, kernel and threads of TensorFlow.
    """
    return {
        "environment": machine() | dict(device),
        "variables": variables(),
        "packages": packages(),
    }


def differences(
    recorded: Mapping[str, object], present: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield each difference between two results of `current`, in a few words.

    Args:
        recorded: of a run, as JSON holds it; facts that it lacks are not compared.
        present: of this process.
    """
    for section, facts in present.items():
        old = recorded.get(section)
        if not isinstance(old, Mapping):
            continue
        # Every variable and every package counts; of the machine only what both describe.
        names = set(old) & set(facts) if section == "environment" else {*old, *facts}
        missing = "not set" if section == "variables" else "missing"
        for name in sorted(names):
            before, now = str(old.get(name, missing)), facts.get(name, missing)
            if before != now:
                yield _difference(name, before, now)


def _difference(name: str, before: str, now: str) -> str:
    if name != "instruction_sets":
        return f"{name} was {before} and is {now}"
    flags, present = set(before.split()), set(now.split())
    changes = {"lacks": flags - present, "adds": present - flags}
    texts = [f"this machine {verb} {' '.join(sorted(f))}" for verb, f in changes.items() if f]
    short = f"{summarize_instructions(before)}, now {summarize_instructions(now)}"
    return f"instruction_sets: {'; '.join(texts)} ({short})"


def _without_addresses(value: str) -> str:
    """Hide a value with a path or an address; of flags, hide the values of those that have one."""
    if not value.lstrip().startswith("--"):
        return HIDDEN if ADDRESS.search(value) else value
    flags = []
    for flag in value.split():
        name, equals, text = flag.partition("=")
        is_address = ADDRESS.search(text or name)
        flags.append(f"{name if equals else ''}{equals}{HIDDEN}" if is_address else flag)
    return " ".join(flags)


def _cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first core; empty on other systems."""
    entries: dict[str, str] = {}
    with suppress(OSError):
        first_core = CPUINFO.read_text(encoding="utf-8").partition("\n\n")[0]
        for line in first_core.split("\n"):
            key, _, value = line.partition(":")
            entries[key.strip()] = value.strip()
    return entries
