"""Level 0: MLflow's runs agree with dvc.lock, with the metrics and with what DVC keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.config import params
from pipelines.lineage import dvc_project, provenance
from pipelines.lineage.lockfiles import SHORT, TRAINING, option, stage_kind, truncated
from pipelines.tracking import runs, stage_runs
from pipelines.tracking.run_store import RunRecord
from pipelines.verification import output_hashes
from pipelines.verification.verify_targets import VerifyTarget


def findings(subject: VerifyTarget) -> Iterator[str]:
    """What the runs of a chain say otherwise than dvc.lock; one sentence each."""
    for stage in subject.stages:
        work, entry = stage_kind(stage), subject.entries.get(stage)
        if work is None or entry is None:
            continue
        run = subject.run_of(stage)
        if run is None:
            yield _no_run(subject, stage, work, entry)
            continue
        witness = _Witness(subject, stage, work, entry, run)
        yield from witness.findings()


def _no_run(subject: VerifyTarget, stage: str, work: str, entry: dvc_project.LockedStage) -> str:
    """With what the newest run of that name read otherwise, if there is one."""
    name = stage.partition("@")[2]
    others = [run for run in subject.ledger.runs if run.name == name and run.input_hash(work)]
    why = "tracking was lost, or the run was deleted"
    for run in others[:1]:
        other = truncated(_record(subject, run, work, entry)) or "key in its tag"
        why = f"run {run.short_id} of that name has another {other}, so one of them was changed"
    return (
        f"No run in MLflow read what {stage} read by dvc.lock (key {entry.inputs.key[:SHORT]}): "
        f"{why}; take it back, or `dvc repro -fs {stage}` makes one."
    )


def _record(
    subject: VerifyTarget, run: RunRecord, work: str, entry: dvc_project.LockedStage
) -> list[str]:
    """What a run noted of its inputs otherwise than dvc.lock."""
    try:
        noted = json.loads(
            subject.ledger.read_text(run, f"{stage_runs.PROVENANCE}/{work}.json") or ""
        )
        pairs = {
            "key": (noted["key"], entry.inputs.key),
            "command": (noted["command"], entry.inputs.command),
            **_pairs(noted["files"], entry.inputs.files),
            **_pairs(runs.flatten(noted["params"]), runs.flatten(entry.inputs.params)),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{stage_runs.PROVENANCE}/{work}.json (it is missing or damaged)"]
    return [name for name, (then, now) in pairs.items() if then != now]


def _pairs(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (then.get(key), now.get(key)) for key in sorted({*then, *now})}


class _Witness:
    """A run beside the stage of dvc.lock that it made."""

    def __init__(
        self,
        subject: VerifyTarget,
        stage: str,
        work: str,
        entry: dvc_project.LockedStage,
        run: RunRecord,
    ) -> None:
        self.subject, self.stage, self.work, self.entry, self.run = subject, stage, work, entry, run
        self.who = f"Run {run.short_id} ({run.name})"
        anew = "makes a new run" if work == TRAINING else "logs it anew"
        self.mend = f"it was changed in MLflow; `dvc repro -fs {stage}` {anew}"

    def findings(self) -> Iterator[str]:
        """All that the run says otherwise."""
        yield from self._seal()
        noted = truncated(_record(self.subject, self.run, self.work, self.entry))
        if noted:
            yield f"{self.who} noted another {noted} than {self.stage} read: {self.mend}."
        yield from self._datasets()
        yield from self._model()
        yield from self._params() if self.work == TRAINING else self._metrics()
        yield from self._copies()

    def _seal(self) -> Iterator[str]:
        text = output_hashes.sealed(self.run, self.work)
        if text is None:
            yield f"{self.who} is not sealed with what {self.stage} left: `seqproof seal` does it."
        elif text != output_hashes.outs_text(self.entry):
            again = self.subject.again(self.stage)
            yield (
                f"{self.who} is sealed with other outs than {self.stage} has in dvc.lock"
                f"{_named(text, self.entry.outs)}: {again}, or {self.mend}."
            )

    def _datasets(self) -> Iterator[str]:
        for path, md5 in self.entry.inputs.files.items():
            known = {digest for read, digest in self.run.datasets if read == path}
            if known and md5 not in known:
                yield f"{self.who} read another {path} than {self.stage}: {self.mend}."

    def _model(self) -> Iterator[str]:
        wanted = output_hashes.model_hash(self.subject.version, self.entry)
        if wanted is not None and self.run.tags.get(runs.MODEL_HASH) != wanted:
            what = f"another {runs.MODEL_HASH} than the model of {self.stage}"
            yield f"{self.who} has {what}: {self.mend}."

    def _params(self) -> Iterator[str]:
        try:
            wanted = _logged(self.entry.inputs.params)
        except (ValidationError, KeyError):
            yield (
                f"{self.who}: the parameters of {self.stage} in dvc.lock are not those of this "
                f"seqproof: {self.subject.again(self.stage)}."
            )
            return
        for key, value in wanted.items():
            if not _same(self.run.params.get(key), value):
                yield (
                    f"{self.who} has the parameter {key} = {self.run.params.get(key, 'nothing')}, "
                    f"and {self.stage} read {value}: {self.mend}."
                )
        logged = self.subject.ledger.logged_model(self.run)
        for key, value in (logged.params if logged else {}).items():
            if key not in wanted and self.run.params.get(key) != value:
                yield (
                    f"{self.who} has the parameter {key} = {self.run.params.get(key, 'nothing')}, "
                    f"and the model that it logged {value}: {self.mend}."
                )

    def _metrics(self) -> Iterator[str]:
        path = option(self.entry.inputs.command, "metrics") or ""
        try:
            metrics = dict(json.loads(self.subject.version.text(path) or "{}"))
        except (ValueError, TypeError):
            return  # it is not what the stage left, and that is said
        now = self.subject.version.content(path)
        sound = now is not None and now.md5 == self.entry.outs.get(path)
        again = f"{self.subject.again(self.stage)} makes the file again"
        for key, value in metrics.items():
            if isinstance(value, int | float) and self.run.metrics.get(key) != value:
                yield (
                    f"{path} says {key} = {value}, and {self.who[0].lower()}{self.who[1:]} "
                    f"{self.run.metrics.get(key, 'nothing')}: {self.mend if sound else again}."
                )

    def _copies(self) -> Iterator[str]:
        """What the run keeps of the stage's files, where they are files of this machine."""
        history = option(self.entry.inputs.command, "history") or ""
        if self.work == TRAINING:
            yield from self._same_files(
                self.run.artifact_folder, {f"history/{Path(history).name}": history}
            )
            return
        predictions, pictures, model, vocabulary = (
            option(self.entry.inputs.command, name) or ""
            for name in ("predictions", "pictures", "model", "vocabulary")
        )
        kept = {f"predictions/{Path(predictions).name}": predictions, "pictures": pictures}
        yield from self._same_files(self.run.artifact_folder, kept)
        logged = self.subject.ledger.logged_model(self.run)
        if logged is None:
            yield f"{self.who} logged no model: `dvc repro -fs {self.stage}` does it."
            return
        kept = {f"artifacts/{Path(path).name}": path for path in (model, vocabulary)}
        yield from self._same_files(logged.folder, kept)

    def _same_files(self, folder: Path | None, kept: Mapping[str, str]) -> Iterator[str]:
        """Files below a folder are those of dvc.lock, each by the path that it has there."""
        hashes = {**self.entry.inputs.files, **self.entry.outs}
        for name, path in kept.items() if folder else ():
            md5 = hashes.get(path, "")
            members = self.subject.version.members(md5) if md5.endswith(".dir") else {"": md5}
            for member, wanted in members.items():
                file = Path(folder or "", name, member)
                said = f"{name}/{member}".rstrip("/")
                if not file.is_file():
                    yield f"{self.who} does not have its {said} any more: {self.mend}."
                elif provenance.file_hash(file) != wanted:
                    what = f"another {said} than {path} is by dvc.lock"
                    yield f"{self.who} keeps {what}: {self.mend}."


def _logged(read: Mapping[str, Any]) -> dict[str, str]:
    """What a run has of the parameters that its training read, by MLflow's names."""
    found: dict[str, object] = {}
    for key, value in read.items():
        top, _, rest = key.partition(".")
        if top == "models":
            entry: params.Model = TypeAdapter(params.Model).validate_python(value)
            found |= stage_runs.model_parameters(entry, read["seed"])
        elif top == "corpora" and rest.endswith(".cleaning"):
            cleaning = params.Cleaning.model_validate(value)
            found[key] = cleaning.model_dump(mode="json", exclude_none=True)
        elif top == "corpora":
            found[key] = value
    return runs.flatten(found)


def _same(logged: str | None, wanted: str) -> bool:
    """MLflow cuts what is very long."""
    return logged == wanted or (
        logged is not None and len(logged) >= 500 and wanted.startswith(logged)
    )


def _named(text: str, outs: Mapping[str, str]) -> str:
    """Which outs a seal has otherwise."""
    try:
        return f" ({output_hashes.differing(json.loads(text), outs)})"
    except (ValueError, TypeError, AttributeError):
        return ""
