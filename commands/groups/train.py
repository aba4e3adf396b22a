"""The commands that train models."""

from __future__ import annotations

from typing import Annotated

from commands import completion
from commands.groups import declarations
from pipelines.console import Argument, AsJson, Option, Typer
from pipelines.errors import UserError

app = Typer()


@app.command("run", rich_help_panel="Train")
def run_stages(
    targets: Annotated[
        list[str] | None,
        Argument(
            metavar="TARGET...",
            show_default=False,
            help="stages, groups of stages, models or corpora; all stages by default",
            autocompletion=completion.targets,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        declarations.jobs(
            "stages at a time; by default the cores divided by `threads` of params.yaml, or the "
            "number of workers"
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        Option(
            min=0,
            show_default=False,
            help="GPUs to use, each for one stage at a time; all by default, 0 for none",
        ),
    ] = None,
    scheduler: Annotated[str | None, declarations.scheduler("stages")] = None,
    slurm: Annotated[bool, declarations.slurm("stages", "4")] = False,
    as_json: AsJson = False,
) -> None:
    """Run what has changed, several stages at a time.

    It is `dvc repro` with stages side by side.

    \b
    seqproof run                              everything that has changed
    seqproof run train_lstm                   all stages of this group, and what they need
    seqproof run evaluate_lstm@opinions-lstm  one stage, and what it needs
    seqproof run opinions-lstm --jobs 1       the stages of one model, one at a time
    seqproof run --scheduler tcp://host:8786  on the workers of a Dask cluster; see docs/scale.md
    seqproof run --slurm --jobs 8             in 8 jobs of SLURM
    """
    from commands import inputs
    from commands import run as command

    names = [inputs.utf8(target, "TARGET") for target in targets or ()]
    scheduler = inputs.scheduler(scheduler, slurm)
    if gpus is not None and (slurm or scheduler is not None):
        raise UserError("--gpus is for this machine: workers of a cluster use their own.")
    command.run(names, jobs, gpus, as_json, scheduler, slurm)


@app.command(rich_help_panel="Train")
def sweep(
    name: Annotated[
        str,
        Argument(
            metavar="NAME",
            help="a sweep of params.yaml, or a model that has one",
            autocompletion=completion.sweeps,
        ),
    ],
    jobs: Annotated[
        int | None,
        declarations.jobs(
            "trials at a time; by default one, so that the same seed proposes the same trials, or "
            "the number of workers"
        ),
    ] = None,
    scheduler: Annotated[str | None, declarations.scheduler("trials")] = None,
    slurm: Annotated[bool, declarations.slurm("trials", "one")] = False,
    apply: Annotated[
        bool,
        Option("--apply", help="write the winner's parameters into params.yaml; nothing is run"),
    ] = False,
    force: Annotated[
        bool, Option("--force", help="with --apply: even if the winner is not better")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search for better parameters of a model.

    See docs/sweeps.md. A sweep that was stopped goes on where it was.

    \b
    seqproof sweep opinions-lstm           the sweep of this name, or of this model
    seqproof sweep opinions-lstm --jobs 4  four trials at a time
    seqproof sweep opinions-lstm --apply   the winner becomes the model
    """
    from commands import inputs
    from commands import sweep as command

    name = inputs.utf8(name, "NAME")
    if force and not apply:
        raise UserError("--force needs --apply.")
    if apply:
        command.apply(name, force, as_json)
        return
    scheduler = inputs.scheduler(scheduler, slurm)
    command.sweep(name, jobs, as_json, scheduler, slurm)
