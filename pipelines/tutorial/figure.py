"""A figure of the tutorial: what it shows, what it needs, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError


@dataclass(frozen=True)
class TutorialFigure:
    """A figure of the tutorial.

    Args:
        alt: says in a sentence what the figure shows.
        draw: returns the figure as SVG text, from the project's root.
        outs: the files that it draws, by the stage that writes them (`memory@adding`); files are
            relative to the project's root.
    """

    alt: str
    draw: Callable[[Path], str]
    outs: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files that the figure draws."""
        return tuple(file for outs in self.outs.values() for file in outs)

    def svg(self, root: Path) -> str:
        """Draw the figure, with its description as the title of the SVG.

        Args:
            root: the project's root.

        Raises:
            UserError: a stage has not run yet, or params.yaml has no such stage any more.
        """
        if self.outs:
            self._check_entries(params.load(root / paths.PARAMS))
        missing = {
            stage: file
            for stage, outs in self.outs.items()
            for file in outs
            if not (root / file).is_file()
        }
        if missing:
            file = next(iter(missing.values()))
            raise UserError(
                f"{file} does not exist yet. Run `seqproof run {' '.join(missing)}` first."
            )
        head, tag, tail = self.draw(root).partition("<svg ")
        attributes, end, content = tail.partition(">")
        label = f'role="img" aria-label={quoteattr(self.alt)} '
        return f"{head}{tag}{label}{attributes}{end}\n <title>{escape(self.alt)}</title>{content}"

    def _check_entries(self, config: params.Params) -> None:
        """Check that each stage has its entry in params.yaml."""
        for stage in self.outs:
            kind, _, name = stage.partition("@")
            if name not in getattr(config.experiments, kind, config.models):
                raise UserError(
                    f"This figure shows what {stage} writes, but params.yaml has no such entry. "
                    f"Add it, or look at the report, which shows the experiments of this project."
                )


def report_figure(alt: str, stage: str, table: Path) -> TutorialFigure:
    """Return a figure of the report's experiments section as a figure of the tutorial.

    Args:
        alt: says in a sentence what the figure shows.
        stage: the stage that writes the table, `memory@adding` for example.
        table: path of the table, relative to the project's root.
    """

    def draw(root: Path) -> str:
        from pipelines.reporting.experiment_section import experiment_figures

        (figure,) = experiment_figures(params.load(root / paths.PARAMS), root, only=table)
        return figure.picture.svg

    return TutorialFigure(alt, draw, {stage: (table,)})
