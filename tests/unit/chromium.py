"""Pages as headless Chromium renders them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from commands import browser

CHROMIUM = next((path for name in browser.NAMES if (path := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def render(url: str, profile: Path, *options: str, milliseconds: int = 5000) -> tuple[str, str]:
    """Render a page, and return its HTML and the messages of its console.

    Args:
        url: address of the page.
        profile: folder of the browser's profile.
        options: more options of the browser.
        milliseconds: time on the page's own clock, which stands still while it waits for the
            network or a slow machine.
    """
    command = [str(CHROMIUM), "--headless", "--disable-gpu", "--no-sandbox", "--no-first-run"]
    command += [f"--user-data-dir={profile}", "--enable-logging=stderr", *options]
    command += [f"--virtual-time-budget={milliseconds}", "--dump-dom", url]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    console = [line for line in process.stderr.splitlines() if "CONSOLE" in line]
    return process.stdout, "\n".join(console)
