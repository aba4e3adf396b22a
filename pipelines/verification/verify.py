"""What checking a model came to: said, put on its run, and kept for the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines import files
from pipelines.lineage.lockfiles import TRAINING, option, stage_kind
from pipelines.tracking import energy, stage_runs
from pipelines.verification import hash_checks, rerun
from pipelines.verification.results import DIFFERENT, IDENTICAL, CheckResult
from pipelines.verification.verify_targets import VerifyTarget

VERIFIED = "verified"
ARTIFACT = "verify/level-{}.json"
# What a verdict says of the training, and what its run calls it: in its record and its metrics.
MACHINE = {"processor": "cpu", "cores": "cores", "device": "device", "kernel": "kernel"}
METRICS = {
    "seconds": stage_runs.SECONDS,
    "tokens_per_second": stage_runs.TOKENS_PER_SECOND,
    "joules": energy.JOULES,
}


def _level_0(subject: VerifyTarget) -> CheckResult:
    found = tuple(hash_checks.level_0(subject))
    return CheckResult(DIFFERENT if found else IDENTICAL, found)


# A level is asked if those below have no findings.
LEVELS: Mapping[int, Callable[[VerifyTarget], CheckResult]] = {
    0: _level_0,
    1: rerun.level_1,
    2: rerun.level_2,
}


@dataclass(frozen=True)
class Verdict:
    """The same model, files and runs give the same verdict: no time is in it.

    Attributes:
        model: its name.
        level: how deep it was looked.
        verdict: in words.
        findings: one sentence each.
        remarks: what else there is to know, of each stage for instance.
        stages: the key of each stage of the chain.
        metrics: MD5 of the metrics that the verdict is of; None if there are none.
        training: what the run of the training says of its machine, its seconds and its energy, as
            far as it does. They are of that run and stay the same, however often it is verified.
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
        """As JSON."""
        return files.dump_json(asdict(self))


def verify(subject: VerifyTarget, level: int) -> Verdict:
    """Check a model up to a level, or up to the first that finds something."""
    answer = CheckResult(IDENTICAL)
    remarks: tuple[str, ...] = ()
    reached = 0
    for number in sorted(LEVELS):
        if number <= level and not answer.findings:
            answer, reached = LEVELS[number](subject), number
            remarks += answer.remarks
    last = subject.stages[-1]
    path = (
        option(subject.entries[last].inputs.command, "metrics") if last in subject.entries else None
    )
    metrics = subject.version.content(path) if path else None
    return Verdict(
        model=subject.model,
        level=reached,
        verdict=f"level {reached}: {_words(answer)}",
        findings=answer.findings,
        remarks=remarks,
        stages={
            stage: subject.entries[stage].inputs.key
            for stage in subject.stages
            if stage in subject.entries
        },
        metrics=metrics.md5 if metrics else None,
        training=_training(subject),
    )


def _training(subject: VerifyTarget) -> dict[str, str | float]:
    stages = [stage for stage in subject.stages if stage_kind(stage) == TRAINING]
    # Before it another one may stand, of the model that it starts from.
    run = subject.run_of(stages[-1]) if stages else None
    if run is None:
        return {}
    noted = subject.ledger.read_text(run, f"{stage_runs.PROVENANCE}/{TRAINING}.json") or "{}"
    machine: dict[str, object] = {}
    with suppress(ValueError, TypeError, KeyError):
        machine = json.loads(noted)["environment"]
    return {
        **{key: str(machine[old]) for key, old in MACHINE.items() if old in machine},
        **{key: run.metrics[old] for key, old in METRICS.items() if old in run.metrics},
        **({"measured": run.tags[energy.SOURCES_TAG]} if energy.SOURCES_TAG in run.tags else {}),
    }


def log_to_run(subject: VerifyTarget, verdict: Verdict) -> bool:
    """Put a verdict on the run that it is of, as a tag and an artifact; false if there is none."""
    run = subject.run or subject.run_of(subject.stages[-1])
    if run is None:
        return False
    subject.ledger.log_text(run, verdict.text, ARTIFACT.format(verdict.level))
    subject.ledger.set_tags(run, {VERIFIED: verdict.verdict})
    return True


def save(subject: VerifyTarget, verdict: Verdict, root: Path) -> Path | None:
    """Write a verdict for the report, and say where; None of what does not stand in the project's
    folder, for the report is of what does."""
    report = subject.version.stages.get("report")
    folder = option(report.command, "verified") if report else None
    if subject.version.commit is not None or folder is None:
        return None
    path = root / folder / f"{verdict.model}.json"
    files.write_text(path, verdict.text)
    return path


def _words(answer: CheckResult) -> str:
    count = len(answer.findings)
    if count == 0:
        return answer.word
    return f"{count} findings" if count > 1 else "1 finding"
