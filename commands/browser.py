"""`seqproof report --pdf`: print the report to a PDF file with headless Chromium."""

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
TIMEOUT = 120  # seconds, enough for a page of many pictures on a slow machine


def report() -> None:
    """Run the report stage, and print the page to a PDF file with the same name.

    Raises:
        UserError: there is no browser, or it fails.
        Exit: the stage failed, and has printed why.
    """
    process = subprocess.run([sys.executable, "-m", "stages.report"], check=False)
    if process.returncode:
        raise Exit(process.returncode)
    pdf = paths.REPORT.with_suffix(".pdf")
    print_to_pdf(paths.REPORT, pdf)
    console.echo(f"The PDF: {pdf.resolve().as_uri()}")


def print_to_pdf(page: Path, pdf: Path) -> None:
    """Print an HTML page to a PDF file.

    Raises:
        UserError: there is no browser, or it fails.
    """
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None:
        raise UserError(
            "Chromium is not installed. Install it (Debian: `apt install chromium`), or open "
            f"{page} in any browser and print it there."
        )
    with tempfile.TemporaryDirectory() as folder:
        # A temporary profile, so that the user's own is neither read nor changed.
        output = Path(folder) / "page.pdf"
        command = [browser, "--headless", "--disable-gpu", "--no-first-run"]
        command += [f"--user-data-dir={folder}/profile", "--no-pdf-header-footer"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # required for root; the page runs no script
        command += [f"--print-to-pdf={output}", page.resolve().as_uri()]
        try:
            subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
            content = output.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(f"{browser} failed to print {page}: {error}.") from None
    with files.atomic_write(pdf) as temporary:
        temporary.write_bytes(content)
