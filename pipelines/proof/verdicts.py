"""What checking a model came to: said, put on its run, and kept for the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines import console, files
from pipelines.proof import again, checks
from pipelines.proof.answers import DIFFERENT, IDENTICAL, Answer
from pipelines.proof.chain import TRAINING, option, work_of
from pipelines.proof.subjects import Subject
from pipelines.tracking import energy, records

VERIFIED = "verified"
ARTIFACT = "verify/level-{}.json"
# What a verdict says of the training, and what its run calls it: in its record and its metrics.
MACHINE = {"processor": "cpu", "cores": "cores", "device": "device", "kernel": "kernel"}
METRICS = {
    "seconds": records.SECONDS,
    "tokens_per_second": records.RATE,
    "joules": energy.JOULES,
}


def _level_0(subject: Subject) -> Answer:
    found = tuple(checks.level_0(subject))
    return Answer(DIFFERENT if found else IDENTICAL, found)


# A level is asked if those below have no findings.
LEVELS: Mapping[int, Callable[[Subject], Answer]] = {
    0: _level_0,
    1: again.level_1,
    2: again.level_2,
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
        return console.as_json(asdict(self))


def judge(subject: Subject, level: int) -> Verdict:
    """Check a model up to a level, or up to the first that finds something."""
    answer = Answer(IDENTICAL)
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


def _training(subject: Subject) -> dict[str, str | float]:
    stages = [stage for stage in subject.stages if work_of(stage) == TRAINING]
    # Before it another one may stand, of the model that it starts from.
    run = subject.run_of(stages[-1]) if stages else None
    if run is None:
        return {}
    noted = subject.ledger.text(run, f"{records.PROVENANCE}/{TRAINING}.json") or "{}"
    machine: dict[str, object] = {}
    with suppress(ValueError, TypeError, KeyError):
        machine = json.loads(noted)["environment"]
    return {
        **{key: str(machine[old]) for key, old in MACHINE.items() if old in machine},
        **{key: run.metrics[old] for key, old in METRICS.items() if old in run.metrics},
        **({"measured": run.tags[energy.MEASURED]} if energy.MEASURED in run.tags else {}),
    }


def attach(subject: Subject, verdict: Verdict) -> bool:
    """Put a verdict on the run that it is of, as a tag and an artifact; false if there is none."""
    run = subject.run or subject.run_of(subject.stages[-1])
    if run is None:
        return False
    subject.ledger.write(run, verdict.text, ARTIFACT.format(verdict.level))
    subject.ledger.set_tags(run, {VERIFIED: verdict.verdict})
    return True


def keep(subject: Subject, verdict: Verdict, root: Path) -> Path | None:
    """Write a verdict for the report, and say where; None of what does not stand in the project's
    folder, for the report is of what does."""
    report = subject.version.stages.get("report")
    folder = option(report.command, "verified") if report else None
    if subject.version.commit is not None or folder is None:
        return None
    path = root / folder / f"{verdict.model}.json"
    files.write(path, verdict.text)
    return path


def _words(answer: Answer) -> str:
    count = len(answer.findings)
    if count == 0:
        return answer.word
    return f"{count} findings" if count > 1 else "1 finding"
