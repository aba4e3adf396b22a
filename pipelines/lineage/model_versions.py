"""The sides of a comparison: a model as one dvc.lock has it, with all that made it what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from pipelines.config.params import Corpus
from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, lockfiles, provenance, targets
from pipelines.lineage.lockfiles import EVALUATION, TRAINING, chain_of, stage_kind
from pipelines.lineage.snapshots import Snapshot
from pipelines.lineage.targets import Target
from pipelines.tracking import runs
from pipelines.tracking.run_store import RunRecord, RunStore
from pipelines.tracking.stage_runs import PROVENANCE


@dataclass(frozen=True)
class ModelVersion:
    """One model of a comparison.

    Attributes:
        words: what it is, unlike the other sides.
        model: its name.
        corpus: its section in params.yaml, as the evaluation read it.
        predictions: what `evaluate` wrote of each test item.
        params: by key, without the names of model and corpus, so that two models have the same.
        data: MD5 of the raw files and of the test split.
        code: MD5 of each file and folder of code that a stage of its chain read.
        environment: of its training: machine, device, kernel, packages; nothing without its run.
    """

    words: str
    model: str
    corpus: Corpus
    predictions: Path
    params: Mapping[str, str]
    data: Mapping[str, str]
    code: Mapping[str, str]
    environment: Mapping[str, str]

    def items(self) -> pd.DataFrame:
        """What `evaluate` wrote of each test item.

        Raises:
            Refusal: the file is damaged.
        """
        return parquet.read_parquet(self.predictions)


def resolve_versions(
    asked: Sequence[str], root: Path, here: Snapshot, ledger: RunStore | None
) -> list[list[ModelVersion]]:
    """What is asked for, as groups of the same model: each has one side of every word.

    Args:
        asked: models, runs, commits or experiments, two at least.
        root: the project's root.
        here: the project in its folder.
        ledger: the runs; None if the server does not answer.

    Raises:
        Refusal: a word means no model that was evaluated, or the words have no model in common.
    """
    meant = [targets.resolve(word, root, here, ledger) for word in asked]
    models = [_models(word, one) for word, one in zip(asked, meant, strict=True)]
    groups = _matched(asked, models)
    return [
        [
            _side(word, stage, one, here, ledger)
            for word, stage, one in zip(asked, group, meant, strict=True)
        ]
        for group in groups
    ]


def _models(word: str, meant: Target) -> dict[str, str]:
    """The evaluation of each model that a word means, by the model's name."""
    if meant.lock is None:
        raise UserError(
            f"'{word}' read what no dvc.lock at hand has, neither here nor in its commit nor in an "
            "experiment: check out what it was made of, and `dvc repro`."
        )
    wanted = {stage.partition("@")[2] for stage in meant.stages if stage_kind(stage)}
    found = {
        stage.partition("@")[2]: stage
        for stage in meant.lock.entries
        if stage_kind(stage) == EVALUATION and stage.partition("@")[2] in wanted
    }
    if not found:
        raise UserError(f"'{word}' is {meant.words}: there is no evaluation of a model in it.")
    return found


def _matched(asked: Sequence[str], models: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """One evaluation of each word, for every model: a word that means one model is compared with
    the model of the same name in words that mean several."""
    single = [next(iter(found)) for found in models if len(found) == 1]
    if len(single) == len(models):
        return [[next(iter(found.values())) for found in models]]
    wanted = list(dict.fromkeys(single)) or [
        name for name in models[0] if all(name in found for found in models)
    ]
    groups = []
    for name in wanted:
        lacking = [
            word
            for word, found in zip(asked, models, strict=True)
            if len(found) > 1 and name not in found
        ]
        if lacking:
            raise UserError(f"'{lacking[0]}' has no evaluation of {name}.")
        groups.append([found.get(name) or next(iter(found.values())) for found in models])
    if not groups:
        raise UserError(f"{' and '.join(asked)} have no model in common.")
    return groups


def _side(
    word: str, stage: str, meant: Target, here: Snapshot, ledger: RunStore | None
) -> ModelVersion:
    assert meant.lock is not None
    entries = meant.lock.entries
    linked = chain_of(entries, {})
    stages = [name for name in (*linked.above([stage]), stage) if name in entries]
    trained = [name for name in stages if stage_kind(name) == TRAINING][-1]
    model = stage.partition("@")[2]
    return ModelVersion(
        words=_words(model, meant),
        model=model,
        corpus=_corpus(entries[stage], word),
        predictions=_predictions(entries[stage], word, here),
        params=_params([entries[name].inputs for name in stages], model),
        data=_data(entries, stages),
        code={
            path: md5
            for name in stages
            for path, md5 in entries[name].inputs.files.items()
            if path.partition("/")[0] in provenance.CODE_FOLDERS
        },
        environment=_environment(entries[trained].inputs.key, meant.run, ledger),
    )


def _words(model: str, meant: Target) -> str:
    if meant.run is not None:
        return f"{model} (run {meant.run.short_id})"
    place = meant.lock.place if meant.lock else ""
    return f"{model} ({place})" if place else model


def _corpus(entry: dvc_project.LockedStage, word: str) -> Corpus:
    (said,) = (value for key, value in entry.inputs.params.items() if key.startswith("corpora."))
    try:
        return Corpus.model_validate(said)
    except ValidationError:
        raise UserError(
            f"'{word}' was evaluated by another version of seqproof, whose params.yaml this one "
            "does not know: `dvc repro` there, and compare again."
        ) from None


def _predictions(entry: dvc_project.LockedStage, word: str, here: Snapshot) -> Path:
    """The file in the folder if it is the one that dvc.lock has, else in DVC's cache."""
    path = lockfiles.option(entry.inputs.command, "predictions")
    md5 = entry.outs.get(path or "")
    if path is None or md5 is None:
        raise UserError(f"The dvc.lock of '{word}' has no predictions: `dvc repro evaluate` there.")
    content = here.content(path)
    if content is not None and content.md5 == md5:
        return here.file(path)
    if here.kept(md5).is_file():
        return here.kept(md5)
    raise UserError(
        f"The predictions of '{word}' ({path}, {md5[: lockfiles.SHORT]}) are neither in the folder "
        "nor in DVC's cache: `dvc pull` fetches them, `dvc repro` makes them anew."
    )


def _params(inputs: Sequence[dvc_project.Inputs], model: str) -> dict[str, str]:
    """Values by key; the model's own and its corpus' without their names."""
    found: dict[str, str] = {}
    for one in inputs:
        for key, value in one.params.items():
            kind, _, rest = key.partition(".")
            name, _, rest = rest.partition(".")
            if kind == "models" and name != model:
                head = key  # of the language model that a classifier starts from
            else:
                head = {"models": "model", "corpora": "corpus"}.get(kind, kind)
                head += f".{rest}" if rest else ""
            found |= runs.flatten({head: value})
    return found


def _data(entries: Mapping[str, dvc_project.LockedStage], stages: Sequence[str]) -> dict[str, str]:
    """What the stages before training left: raw files, splits, vocabulary."""
    return {
        f"{verb} {Path(out).stem}": md5
        for stage in stages
        if stage_kind(stage) is None and (verb := stage.partition("@")[0]) != "check"
        for out, md5 in entries[stage].outs.items()
    }


def _environment(key: str, run: RunRecord | None, ledger: RunStore | None) -> dict[str, str]:
    """What the run of a training says of machine and packages; nothing where there is none."""
    if ledger is None:
        return {}
    found = [one for one in ledger.find(TRAINING, key) if run is None or one.id == run.id]
    text = ledger.read_text(found[0], f"{PROVENANCE}/{TRAINING}.json") if found else None
    try:
        said: Any = json.loads(text or "{}")
        return runs.flatten({**said.get("environment", {}), "packages": said.get("packages", {})})
    except (ValueError, AttributeError, TypeError):
        return {}
