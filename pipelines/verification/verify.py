"""Verify a model, log the verdict to its run, and save it for the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines import files, paths
from pipelines.lineage import environment, provenance
from pipelines.lineage.lockfiles import TRAINING, stage_kind
from pipelines.tracking import energy, stage_runs
from pipelines.verification import hash_checks, rerun
from pipelines.verification.check_result import DIFFERENT, IDENTICAL, CheckResult
from pipelines.verification.verify_targets import VerifyTarget

VERIFIED = "verified"  # tag of a run
ARTIFACT = "verify/level-{}.json"
# Keys of a verdict's `training` and the keys of the run's provenance and metrics.
MACHINE = {"processor": "cpu", "cores": "cores", "device": "device", "kernel": "kernel"}
INSTRUCTIONS = "instruction_sets"
METRICS = {
    "seconds": stage_runs.SECONDS,
    "tokens_per_second": stage_runs.TOKENS_PER_SECOND,
    "joules": energy.JOULES,
}


def _level_0(target: VerifyTarget) -> CheckResult:
    findings = tuple(hash_checks.check_hashes(target))
    return CheckResult(DIFFERENT if findings else IDENTICAL, findings)


# A level runs only if those below it have no findings.
LEVELS: Mapping[int, Callable[[VerifyTarget], CheckResult]] = {
    0: _level_0,
    1: rerun.level_1,
    2: rerun.level_2,
}


@dataclass(frozen=True)
class Verdict:
    """Result of verifying a model.

    It has no times: the same model, files and runs give the same verdict.

    Attributes:
        model: its name.
        level: the highest level that ran.
        verdict: a summary.
        findings: errors, one sentence each.
        remarks: further information, for example about each stage.
        stages: input hash of each stage that the model depends on.
        metrics: MD5 of the metrics file; None if there is none.
        training: machine, seconds and energy of the training, as far as its run has them.
    """

    model: str
    level: int
    verdict: str
    findings: tuple[str, ...]
    remarks: tuple[str, ...]
    stages: Mapping[str, str]
    metrics: str | None
    training: Mapping[str, str | float]

    @property
    def text(self) -> str:
        """The verdict as JSON."""
        return files.dump_json(asdict(self))


def verify(target: VerifyTarget, level: int) -> Verdict:
    """Check a model up to a level, or up to the first level with findings."""
    result = CheckResult(IDENTICAL)
    remarks: tuple[str, ...] = ()
    reached = 0
    for number in sorted(LEVELS):
        if number <= level and not result.findings:
            result, reached = LEVELS[number](target), number
            remarks += result.remarks
    path = paths.metrics(target.model).as_posix()
    entry = target.entries.get(target.stages[-1])
    metrics = target.snapshot.file_hash(path) if entry and path in entry.outs else None
    return Verdict(
        model=target.model,
        level=reached,
        verdict=f"level {reached}: {_summary(result)}",
        findings=result.findings,
        remarks=remarks,
        stages={
            stage: target.entries[stage].inputs.input_hash
            for stage in target.stages
            if stage in target.entries
        },
        metrics=metrics.md5 if metrics else None,
        training=_training(target),
    )


def _training(target: VerifyTarget) -> dict[str, str | float]:
    # A fine-tuned model depends on two training runs; its own is the second.
    stages = [stage for stage in target.stages if stage_kind(stage) == TRAINING]
    run = target.run_of(stages[-1]) if stages else None
    if run is None:
        return {}
    record = target.runs.read_text(run, provenance.record_path(TRAINING)) or "{}"
    machine: dict[str, object] = {}
    with suppress(ValueError, TypeError, KeyError):
        machine = json.loads(record)["environment"]
    flags = machine.get(INSTRUCTIONS)
    return {
        **({INSTRUCTIONS: environment.summarize_instructions(str(flags))} if flags else {}),
        **{key: str(machine[name]) for key, name in MACHINE.items() if name in machine},
        **{key: run.metrics[name] for key, name in METRICS.items() if name in run.metrics},
        **({"measured": run.tags[energy.SOURCES_TAG]} if energy.SOURCES_TAG in run.tags else {}),
    }


def log_to_run(target: VerifyTarget, verdict: Verdict) -> bool:
    """Log a verdict as a tag and an artifact of its run; return False if there is no run."""
    run = target.run or target.run_of(target.stages[-1])
    if run is None:
        return False
    target.runs.log_text(run, verdict.text, ARTIFACT.format(verdict.level))
    target.runs.set_tags(run, {VERIFIED: verdict.verdict})
    return True


def save(target: VerifyTarget, verdict: Verdict, root: Path) -> Path | None:
    """Save a verdict for the report, which shows models of the workspace.

    Returns:
        The file; None for a model of another commit, which the report does not show.
    """
    if target.snapshot.commit is not None:
        return None
    path = root / paths.verified(verdict.model)
    files.write_text(path, verdict.text)
    return path


def _summary(result: CheckResult) -> str:
    count = len(result.findings)
    if count == 0:
        return f"{result.status}, {result.figure}" if result.figure else result.status
    return f"{count} findings" if count > 1 else "1 finding"
