"""The commands that compare results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from commands import completion
from pipelines.console import Argument, AsJson, Option, Typer

app = Typer()


@app.command(rich_help_panel="Compare")
def results(as_json: AsJson = False) -> None:
    """Print all metrics and the cost of each stage."""
    from commands import results as command
    from pipelines.lineage import dvc_project

    command.results(dvc_project.stage_names(Path()), as_json)


@app.command(rich_help_panel="Compare")
def compare(
    names: Annotated[
        list[str],
        Argument(
            metavar="A B...",
            help="models, runs, commits or experiments",
            show_default=False,
            autocompletion=completion.models,
        ),
    ],
    sentences: Annotated[
        int, Option(min=0, max=10_000, help="show the N test items where the models differ most")
    ] = 0,
    level: Annotated[float, Option(min=0.0001, max=0.5, help="significance level")] = 0.05,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, Option("--markdown", help="print Markdown, for a comment on a pull request")
    ] = False,
) -> None:
    """Test whether differences between models are significant.

    \b
    seqproof compare verses-fixed verses-attention     two models
    seqproof compare opinions-lstm main my-experiment  a model in a commit and an experiment
    """
    from commands import compare as command
    from commands import inputs

    subjects = [inputs.utf8(name, "A B...") for name in names]
    command.compare(subjects, sentences, level, as_json, as_markdown)


@app.command(rich_help_panel="Compare")
def publish(
    projects: Annotated[
        list[Path] | None, Argument(metavar="PROJECT", help="projects created by `seqproof new`")
    ] = None,
    data: Annotated[Path, Option("--data", help="results file to update")] = Path(
        "docs/results.json"
    ),
    page: Annotated[Path, Option(help="results page to write")] = Path("docs/results.md"),
) -> None:
    """Compare the results of projects with published numbers."""
    from commands import publish as command

    command.publish(projects or [], data, page)
