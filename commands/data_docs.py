"""`seqproof data docs`: Great Expectations' pages about the results of the data checks."""

from __future__ import annotations

import datetime
import webbrowser
from dataclasses import asdict

from pipelines import console, files, paths
from pipelines.errors import UserError
from pipelines.reporting import data_checks


def docs(open_browser: bool, as_json: bool = False) -> None:
    """Write the pages, print their path and, if wanted, open them.

    Args:
        open_browser: open the pages in a browser.
        as_json: print JSON instead of text, and open nothing.

    Raises:
        UserError: no corpus has been checked yet, or a file is damaged.
    """
    checked = sorted(paths.DATA_CHECKS.glob("*.json"))
    if not checked:
        raise UserError(
            f"{paths.DATA_CHECKS} has no results yet. Run `seqproof run preprocess` first."
        )
    results = {path.stem: [asdict(check) for check in data_checks.read(path)] for path in checked}
    times = {
        path.stem: datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
        for path in checked
    }
    with console.quiet_imports():
        from pipelines.reporting import data_docs

    with files.atomic_write(paths.DATA_DOCS) as folder:
        data_docs.build(folder, results, times)
    page = paths.DATA_DOCS / data_docs.INDEX
    if as_json:
        corpora = [{"corpus": name, "checks": checks} for name, checks in results.items()]
        console.print_json({"corpora": corpora, "page": str(page)})
        return
    for path in checked:
        console.echo(f"{path.stem}: {data_checks.summary(data_checks.read(path))}")
    console.echo(f"Data Docs: {page.resolve().as_uri()}")
    if open_browser and not webbrowser.open(page.resolve().as_uri()):
        console.echo("No browser was found here. Open the page in any browser.")
