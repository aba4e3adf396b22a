"""What checking a model came to: said, put on its run, and kept for the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines import console, files
from pipelines.proof import again, checks
from pipelines.proof.answers import DIFFERENT, IDENTICAL, Answer
from pipelines.proof.chain import option
from pipelines.proof.subjects import Subject

VERIFIED = "verified"
ARTIFACT = "verify/level-{}.json"


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
    """

    model: str
    level: int
    verdict: str
    findings: tuple[str, ...]
    remarks: tuple[str, ...]
    stages: Mapping[str, str]
    metrics: str | None

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
    )


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
