"""Pages as a real browser shows them, without a window."""

import shutil
import subprocess
from pathlib import Path

import pytest

from commands import browser

CHROMIUM = next((found for name in browser.NAMES if (found := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def drawn(address: str, profile: Path, *options: str, milliseconds: int = 5000) -> tuple[str, str]:
    """A page as it is once it is drawn, as HTML, and what was said against it in the console.

    Args:
        address: of the page.
        profile: a folder of the browser's own.
        options: more words for the browser.
        milliseconds: of the page's own clock, which stands still while it waits for the network or
            a slow machine.
    """
    words = [str(CHROMIUM), "--headless", "--disable-gpu", "--no-sandbox", "--no-first-run"]
    words += [f"--user-data-dir={profile}", "--enable-logging=stderr", *options]
    words += [f"--virtual-time-budget={milliseconds}", "--dump-dom", address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
