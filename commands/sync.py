"""`seqproof sync`: what the tracking server was not there to hear."""

from __future__ import annotations

from pipelines import console
from pipelines.config import params
from pipelines.console import Exit
from pipelines.tracking import offline_queue, store


def sync(here: bool) -> None:
    """Send what is kept of runs that lost their server, in order, and say what that came to.

    Args:
        here: that, too, which was meant for another server.

    Raises:
        Refusal: this is no project, or another process does not come to the end of the same.
        Exit: with 1, if the server did not take all of it.
    """
    root = console.root()
    params.load(root / "params.yaml")
    server = store.redact(store.tracking_uri(root))
    outcome = offline_queue.send(root, here)
    if outcome.sent:
        names = f"{len(outcome.sent)} ({', '.join(outcome.sent)})"
        console.echo(f"{server} has got all that was kept of trainings and evaluations: {names}.")
    elif outcome == offline_queue.SyncSummary([], [], [], []):
        console.echo("Nothing is kept for a server: each has got all that it was told.")
    for sentence in outcome.refused:
        console.echo(sentence)
    for name in outcome.busy:
        console.echo(f"A stage is still at {name}: sync again when it has ended.")
    for other in sorted(set(outcome.elsewhere)):
        console.echo(
            f"{outcome.elsewhere.count(other)} are kept for {other}: let MLFLOW_TRACKING_URI name "
            "it, or send them to this server with --here."
        )
    if outcome.lost is not None:
        console.echo(f"{server} was lost ({outcome.lost}); what it did not get is still kept.")
        raise Exit(1)
