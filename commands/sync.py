"""`seqproof sync`: upload runs that were recorded while the tracking server was unreachable."""

from __future__ import annotations

from dataclasses import asdict

from pipelines import console, paths
from pipelines.config import params
from pipelines.console import Exit
from pipelines.errors import redact
from pipelines.tracking import connection, offline_queue


def sync(any_server: bool, as_json: bool = False) -> None:
    """Upload queued runs in order, and print a summary.

    Args:
        any_server: upload runs that were recorded for another server, too.
        as_json: print JSON instead of text.

    Raises:
        UserError: the current folder is no project, or another upload does not finish.
        Exit: with code 1, if the server became unreachable.
    """
    root = console.root()
    params.load(root / paths.PARAMS)
    server = redact(connection.tracking_uri(root))
    summary = offline_queue.upload(root, any_server)
    if as_json:
        console.print_json({"ok": summary.failure is None, "server": server, **asdict(summary)})
    else:
        _print(summary, server)
    if summary.failure is not None:
        raise Exit(1)


def _print(summary: offline_queue.SyncSummary, server: str) -> None:
    if summary.uploaded:
        names = ", ".join(summary.uploaded)
        console.echo(f"Uploaded {len(summary.uploaded)} queued runs to {server}: {names}.")
    elif summary == offline_queue.SyncSummary():
        console.echo("Nothing to upload: no run is queued.")
    for message in summary.rejected:
        console.echo(message)
    for name in summary.busy:
        console.echo(f"A stage is still writing {name}. Run `seqproof sync` after it has finished.")
    for other in sorted(set(summary.other_servers)):
        console.echo(
            f"{summary.other_servers.count(other)} runs are queued for {other}. Set "
            "MLFLOW_TRACKING_URI to it, or use --here to upload them to this server."
        )
    if summary.failure is not None:
        console.echo(
            f"Tracking server {server} is unreachable ({summary.failure}). The remaining events "
            "stay queued; run `seqproof sync` again later."
        )
