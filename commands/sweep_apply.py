"""`seqproof sweep NAME --apply`: write the winner's parameters into params.yaml."""

from __future__ import annotations

from pathlib import Path

from pipelines import console, files, paths
from pipelines.config import params, params_file, sweeps
from pipelines.config.models import family_of
from pipelines.config.params import Params
from pipelines.errors import UserError
from pipelines.reporting import sweep_section
from pipelines.sweeps import result as results


def apply(config: Params, name: str, root: Path, force: bool, as_json: bool = False) -> None:
    """Write the parameters of a sweep's winner into params.yaml, whose comments stay.

    Args:
        config: params.yaml.
        name: of the sweep.
        root: the project's root.
        force: write them although the winner is not better than the starting point.
        as_json: print JSON instead of text.

    Raises:
        UserError: the sweep has no winner, or it is not better; nothing is written.
    """
    path = paths.sweep(name)
    if not (root / path).is_file():
        raise UserError(f"{path} does not exist. Run `seqproof sweep {name}` first.")
    result = results.read(root / path)
    winner = result.winner
    if winner is None:
        raise UserError(f"The sweep '{name}' has no complete trial, so it has no winner.")
    entry = config.models.get(result.model)
    if entry is None:
        raise UserError(f"params.yaml has no model '{result.model}', which the sweep tuned.")
    before = {key: sweeps.value_at(entry, key) for key in winner.values}
    changes = {key: x for key, x in winner.values.items() if x != before[key]}
    if changes and not force and not (result.comparison and result.comparison.is_better):
        reason = " ".join(sweep_section.verdict(result))
        raise UserError(f"{reason} Use --force to write its parameters anyway.")
    place = ("models", family_of(entry), result.model)
    text = (root / paths.PARAMS).read_text(encoding="utf-8")
    new_text = params_file.set_values(text, place, winner.values)
    params.parse(new_text, str(paths.PARAMS))
    if new_text != text:
        files.write_text(root / paths.PARAMS, new_text)
    if as_json:
        console.print_json({"sweep": name, "model": result.model, "changes": changes})
        return
    if not changes:
        console.echo(f"{'.'.join(place)} of params.yaml has the winner's parameters already.")
        return
    for key, value in changes.items():
        was = sweep_section.text(before[key])
        console.echo(f"{'.'.join((*place, key))}: {sweep_section.text(value)} (was {was})")
    is_trial = getattr(entry, "ensemble_size", None) is None and not params.seeds_of(entry)
    cached = ", which takes its training from DVC's cache" if is_trial else ""
    console.echo(f"Next: `seqproof run {result.model}`{cached}.")
