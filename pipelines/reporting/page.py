"""The report: one HTML page that needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import files, paths
from pipelines.config.params import Corpus, Model, Params
from pipelines.lineage import dvc_project
from pipelines.reporting import data_checks, goal_results, learning_curves, pictures, plots
from pipelines.reporting.badges import Badge, load_badges
from pipelines.reporting.best_model_tests import BestModelTests, compare_with_best
from pipelines.reporting.comparison import CorpusTable, compare, models_of
from pipelines.reporting.data_checks import DataCheck
from pipelines.reporting.embedded_svg import Picture
from pipelines.reporting.experiment_section import experiment_figures
from pipelines.reporting.leader import leader_sentence
from pipelines.reporting.lineage_section import ModelLineage, model_lineages
from pipelines.reporting.model_differences import describe_differences
from pipelines.reporting.sweep_section import HEADER, SweepSection, sweep_sections

if TYPE_CHECKING:
    from pipelines.reporting.experiment_figure import ExperimentFigure

TEMPLATE = "page.html.jinja"
# Alternative texts of the pictures below "Calibration, lengths, gradients".
DIAGNOSTICS = {
    pictures.RELIABILITY: "reliability diagram of {}",
    pictures.SCORE_BY_LENGTH: "score of {} by length",
    pictures.GRADIENT_NORMS: "gradient norms of {}",
}


@dataclass(frozen=True)
class ModelText:
    """A text that a model wrote."""

    model: str
    text: str


@dataclass(frozen=True)
class CorpusSection:
    """The section of one corpus.

    Attributes:
        table: the comparison of its models.
        leader: which model leads, and whether a simpler one is as good.
        differences: keys of params.yaml in which models of one kind differ; empty if there are
            no two.
        badges: verification results by model.
        tests: significance tests against the best model, if there are two models.
        curves: learning curves of all models.
        curves_text: paragraphs on the curves.
        attention: attention maps.
        confusion: confusion matrices.
        diagnostics: reliability diagrams, scores by length and gradient norms.
        samples: texts written by the trained language models.
        epoch_samples: samples after each epoch of training.
        checks: results of the data checks.
        lineages: where the numbers of each model come from.
    """

    table: CorpusTable
    leader: str
    differences: str
    badges: Mapping[str, Badge]
    tests: BestModelTests | None
    curves: Picture | None
    curves_text: tuple[str, ...]
    attention: tuple[Picture, ...]
    confusion: tuple[Picture, ...]
    diagnostics: tuple[Picture, ...]
    samples: tuple[ModelText, ...]
    epoch_samples: tuple[ModelText, ...]
    checks: tuple[DataCheck, ...]
    lineages: Mapping[str, ModelLineage]

    @property
    def failed_rows(self) -> Path:
        """Table of all rows that break a rule; it is no out of a stage."""
        return paths.failed_rows(self.table.corpus)

    @property
    def check_summary(self) -> str:
        """Numbers of the data checks with each result, in words."""
        return data_checks.summary(self.checks)


def write(config: Params, root: Path) -> None:
    """Write the report from the outs of all other stages.

    Args:
        config: lists corpora, models and experiments.
        root: the project's root.

    Raises:
        UserError: a file is damaged.
    """
    # dvc.lock is not a dep of the report, since DVC rewrites it after every stage. The report
    # shows only the MD5s of its deps.
    lock = root / paths.DVC_LOCK
    stages = dvc_project.parse_lock(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    sections = collect(config, root, model_lineages(config, stages))
    figures, sweeps = experiment_figures(config, root), sweep_sections(root)
    files.write_text(root / paths.REPORT, render(sections, figures, sweeps))


def collect(
    config: Params, root: Path, lineages: Mapping[str, ModelLineage]
) -> list[CorpusSection]:
    """Read the outs of the stages, a section for each corpus; missing files are left out.

    Args:
        config: lists corpora and models.
        root: the project's root.
        lineages: the lineage of each model.
    """
    sections = []
    for table in compare(config, root):
        models = models_of(config, table.corpus)
        corpus = config.corpora[table.corpus]
        drawings = {name: _draw(name, model, corpus, root) for name, model in models.items()}
        curves, unit = learning_curves.read_curves(models, root), learning_curves.loss_unit(corpus)
        tests = compare_with_best(table, config, root)
        sections.append(
            CorpusSection(
                table=table,
                leader=leader_sentence(table, tests),
                differences=describe_differences(models),
                badges=load_badges(models, root),
                tests=tests,
                curves=Picture(
                    f"learning curves of {', '.join({curve.model: None for curve in curves})}",
                    plots.learning_curves(curves, unit, table.corpus),
                )
                if curves
                else None,
                curves_text=learning_curves.describe(curves, unit),
                attention=_pictures(drawings, "attention", "attention map of {}"),
                confusion=_pictures(drawings, pictures.CONFUSION, "confusion matrix of {}"),
                diagnostics=tuple(
                    picture
                    for file, alt in DIAGNOSTICS.items()
                    for picture in _pictures(drawings, file, alt)
                ),
                samples=_texts(drawings, pictures.SAMPLE),
                epoch_samples=_texts(drawings, pictures.SAMPLES_BY_EPOCH),
                checks=data_checks.read(root / paths.data_checks(table.corpus)),
                lineages={
                    row.model: lineages[row.model] for row in table.rows if row.model in lineages
                },
            )
        )
    return sections


def render(
    sections: Sequence[CorpusSection],
    experiments: Sequence[ExperimentFigure] = (),
    sweeps: Sequence[SweepSection] = (),
) -> str:
    """Render the page; the same sections and figures give the same bytes. All text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(TEMPLATE).render(
        sections=sections,
        experiments=experiments,
        sweeps=sweeps,
        sweep_header=HEADER,
        goal_texts=goal_results.texts,
    )


def _draw(name: str, model: Model, corpus: Corpus, root: Path) -> dict[str, str]:
    evaluated = (root / paths.analysis(name)).is_file()
    return pictures.draw_from_files(name, model, corpus, root) if evaluated else {}


def _pictures(
    drawings: Mapping[str, Mapping[str, str]], prefix: str, alt: str
) -> tuple[Picture, ...]:
    """Return the pictures whose file names begin with a prefix, of all models."""
    return tuple(
        Picture(alt.format(name), svg)
        for name, files_by_name in drawings.items()
        for file, svg in files_by_name.items()
        if file.startswith(prefix)
    )


def _texts(drawings: Mapping[str, Mapping[str, str]], file: str) -> tuple[ModelText, ...]:
    return tuple(
        ModelText(name, files_by_name[file])
        for name, files_by_name in drawings.items()
        if file in files_by_name
    )
