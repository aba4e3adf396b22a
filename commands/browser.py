"""`seqproof report --pdf`: the report as Chromium prints it, without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipelines import console, files, paths
from pipelines.console import Exit
from pipelines.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120  # for a page of many pictures, on a slow machine


def report() -> None:
    """Build the report, and print it into a PDF file beside it.

    Raises:
        Refusal: there is no browser, or it cannot.
        Exit: the stage failed, and has said why.
    """
    process = subprocess.run([sys.executable, "-m", "stages.report"], check=False)
    if process.returncode:
        raise Exit(process.returncode)
    pdf = paths.REPORT.with_suffix(".pdf")
    printed(paths.REPORT, pdf)
    console.echo(f"The PDF: {pdf.resolve().as_uri()}")


def printed(page: Path, pdf: Path) -> None:
    """Print an HTML page into a PDF file.

    Raises:
        Refusal: there is no browser, or it cannot.
    """
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None:
        raise UserError(
            "A PDF is printed by Chromium, and none is installed: install it (Debian: `apt install "
            f"chromium`), or open {page} in any browser and print it there."
        )
    with tempfile.TemporaryDirectory() as scratch:
        # A profile of its own: nothing is read from a person's, and nothing is left in it.
        made = Path(scratch) / "page.pdf"
        words = [browser, "--headless", "--disable-gpu", "--no-first-run"]
        words += [f"--user-data-dir={scratch}/profile", "--no-pdf-header-footer"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            words.append("--no-sandbox")  # which Chromium refuses to root; the page runs no script
        words += [f"--print-to-pdf={made}", page.resolve().as_uri()]
        try:
            subprocess.run(words, capture_output=True, timeout=SECONDS, check=True)
            content = made.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(f"{browser} does not print {page}: {error}.") from None
    with files.atomic_write(pdf) as beside:
        beside.write_bytes(content)
