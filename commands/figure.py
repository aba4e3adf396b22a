"""`seqproof figure`: the figures of the tutorial, drawn from this project's outs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines import console, files
from pipelines.tutorial import figures


def figure(names: Sequence[str], folder: Path, as_json: bool) -> None:
    """Draw figures; without names, list all of them.

    Args:
        names: figures of the tutorial.
        folder: where to write them.
        as_json: print JSON instead of text.

    Raises:
        UserError: a name is unknown, or a stage has not run yet.
    """
    if not names:
        _list(as_json)
        return
    drawn = {name: figures.find(name).svg(Path()) for name in dict.fromkeys(names)}
    written = {name: folder / f"{name}.svg" for name in drawn}
    for name, svg in drawn.items():
        with files.atomic_write(written[name]) as path:
            path.write_text(svg, encoding="utf-8")
    if as_json:
        console.print_json({"figures": {name: str(path) for name, path in written.items()}})
    else:
        for path in written.values():
            console.echo(str(path))


def _list(as_json: bool) -> None:
    if as_json:
        console.print_json(
            {
                "figures": {
                    name: {"shows": figure.alt, "needs": list(figure.outs)}
                    for name, figure in figures.FIGURES.items()
                }
            }
        )
        return
    width = max(map(len, figures.FIGURES), default=0)
    for name, figure in figures.FIGURES.items():
        console.echo(f"{name:<{width}}  {figure.alt}")
        if figure.outs:
            console.echo(f"{'':<{width}}  needs: seqproof run {' '.join(figure.outs)}")
