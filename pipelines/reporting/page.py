"""The report: one HTML page that needs no network and runs no script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config.params import Params
from pipelines.errors import UserError
from pipelines.reporting import plots as figures
from pipelines.reporting.badges import Badge, badges
from pipelines.reporting.best_model_tests import Significance, significance
from pipelines.reporting.comparison import CorpusTable, compare, of_corpus
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.lineage_section import Lineage
from pipelines.training import history as epochs

if TYPE_CHECKING:
    from pipelines.reporting.experiment_section import ExperimentFigure

TEMPLATE = "page.html.jinja"
# Files of a model, and the words for who cannot see them.
FAILINGS = {
    "calibration": "calibration of {}",
    "by-length": "score of {} by length",
    "gradient-norms": "gradient norms of {}",
}


@dataclass(frozen=True)
class Sample:
    """Text that a model wrote."""

    model: str
    text: str


@dataclass(frozen=True)
class Section:
    """Everything about one corpus.

    `failings` are calibration, score by length and gradient norms; `progress` is what a model said
    after each epoch; `lineages` say where the numbers of a model come from.
    """

    table: CorpusTable
    badges: Mapping[str, Badge]
    significance: Significance | None
    curves: Picture | None
    attention: tuple[Picture, ...]
    confusion: tuple[Picture, ...]
    failings: tuple[Picture, ...]
    samples: tuple[Sample, ...]
    progress: tuple[Sample, ...]
    checks: tuple[Mapping[str, Any], ...]
    lineages: Mapping[str, Lineage]


def gather(
    params: Params,
    metrics: Path,
    predictions: Path,
    plots: Path,
    pictures: Path,
    checks: Path,
    verified: Path,
    lineages: Mapping[str, Lineage],
) -> list[Section]:
    """Read what the stages before wrote; what is not there is left out.

    Args:
        params: says which corpora and models there are.
        metrics: the folder of `<model>.json`.
        predictions: the folder of `<model>.parquet`.
        plots: the folder of `<model>.csv`, the histories.
        pictures: the folder of `<model>/*.svg`, `<model>/sample.txt` and `<model>/samples.md`.
        checks: the folder of `<corpus>.json`.
        verified: the folder of `<model>.json`, the verdicts.
        lineages: where the numbers of each model come from, if that is known.
    """
    sections = []
    for table in compare(params, metrics):
        models = list(of_corpus(params, table.corpus))
        sections.append(
            Section(
                table=table,
                badges=badges(models, verified, metrics),
                significance=significance(table, params.corpora[table.corpus], predictions),
                curves=_curves(table.corpus, models, plots),
                attention=_pictures(models, pictures, "attention", "where {} looked"),
                confusion=_pictures(models, pictures, "confusion", "confusion matrix of {}"),
                failings=tuple(
                    picture
                    for kind, words in FAILINGS.items()
                    for picture in _pictures(models, pictures, kind, words)
                ),
                samples=_samples(models, pictures, "sample.txt"),
                progress=_samples(models, pictures, "samples.md"),
                checks=_checks(checks / f"{table.corpus}.json"),
                lineages={
                    row.model: lineages[row.model] for row in table.rows if row.model in lineages
                },
            )
        )
    return sections


def build(sections: Sequence[Section], laboratory: Sequence[ExperimentFigure] = ()) -> str:
    """The page; the same sections and exhibits give the same bytes. All text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(TEMPLATE).render(sections=sections, laboratory=laboratory)


def _curves(corpus: str, models: Sequence[str], plots: Path) -> Picture | None:
    files = {name: plots / f"{name}.csv" for name in models}
    histories = {name: epochs.read_history(file) for name, file in files.items() if file.is_file()}
    if not histories:
        return None
    svg = figures.learning_curves(histories, corpus)
    return Picture(f"learning curves of {', '.join(histories)}", svg)


def _pictures(models: Sequence[str], folder: Path, kind: str, words: str) -> tuple[Picture, ...]:
    return tuple(
        Picture(words.format(name), file.read_text(encoding="utf-8"))
        for name in models
        for file in sorted((folder / name).glob(f"{kind}*.svg"))
    )


def _samples(models: Sequence[str], folder: Path, file: str) -> tuple[Sample, ...]:
    files = {name: folder / name / file for name in models}
    return tuple(
        Sample(name, file.read_text(encoding="utf-8"))
        for name, file in files.items()
        if file.is_file()
    )


def _checks(path: Path) -> tuple[Mapping[str, Any], ...]:
    if not path.is_file():
        return ()
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        raise UserError(f"{path} is no JSON: delete it and run `dvc repro`.") from None
