"""The pictures of this folder, from a project that was trained, promoted and verified.

    python docs/pictures.py PROJECT

Starts `seqproof ui` there, looks at its pages and at the report in Chromium without a window, over
the DevTools protocol, and writes them into `pictures/`; TensorBoard's if `uvx` is there.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from commands import browser
from pipelines.tracking import run_store

PICTURES = Path(__file__).with_name("pictures")
WIDE, SECONDS = 1200, 120
COLUMNS = ["metrics.`test_macro_f1`", "metrics.`test_accuracy`", "tags.`cell`", "tags.`verified`"]


class Tab:
    """A page of the browser."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0

    async def call(self, method: str, **said: Any) -> Any:
        """What a method of the protocol answers."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": said})
        while True:
            answer = json.loads((await self._socket.receive()).data)
            if answer.get("id") == self._number:
                return answer["result"]

    async def run(self, script: str) -> Any:
        """What a script gives."""
        said = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return said["result"].get("value")

    async def picture(self, name: str, address: str, high: int, until: str, script: str) -> None:
        """Open an address, wait for a text, run a script, and write what is to be seen."""
        size = {"width": WIDE, "height": high, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        await self.call("Page.navigate", url="about:blank")
        await self.call("Page.navigate", url=address)
        begun = time.monotonic()
        while not await self.run(f"document.body?.innerText.includes({json.dumps(until)})"):
            if time.monotonic() - begun > SECONDS:
                raise TimeoutError(f"{address} does not show {until}")
            await asyncio.sleep(0.2)
        await self.run(script)
        await asyncio.sleep(5)  # charts move until they stand
        said = await self.call("Page.captureScreenshot", format="png")
        image = Image.open(io.BytesIO(base64.b64decode(said["data"]))).convert("RGB")
        few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(PICTURES / f"{name}.png", optimize=True)


async def looked(act: Callable[[Tab], Awaitable[None]]) -> None:
    """Let something be done in a browser with a profile of its own."""
    found = next(path for name in browser.NAMES if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = ["--headless", "--no-sandbox", "--hide-scrollbars", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [found, *words, f"--user-data-dir={profile}", "about:blank"], stderr=subprocess.DEVNULL
        )
        try:
            said = Path(profile) / "DevToolsActivePort"
            while not (said.exists() and said.read_text(encoding="utf-8")):
                await asyncio.sleep(0.1)
            port = said.read_text(encoding="utf-8").split("\n")[0]
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                tabs = await (await session.get("/json")).json()
                place = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
                async with session.ws_connect(place, max_msg_size=0) as opened:
                    await act(Tab(opened))
        finally:
            process.terminate()
            process.wait()


@contextmanager
def served(words: list[str], project: Path) -> Iterator[str]:
    """The address of a server, started on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*words, "--port", str(port)], cwd=project, **quiet)
    try:
        for _ in range(SECONDS):
            try:
                urllib.request.urlopen(address).close()
                break
            except OSError:
                time.sleep(1)
        yield address
    finally:
        process.terminate()
        process.wait()


def stored(experiment: str) -> str:
    """What a browser remembers of somebody who has looked before: the side for trainings, no
    assistant, columns of the runs' list, and the charts of a comparison."""
    keys = ("test_accuracy", "test_macro_f1", "by_tokens/valid_loss", "by_tokens/valid_macro_f1")
    common = {"metricSectionId": "1", "runsCountToCompare": 10, "xAxisKey": "step"}
    charts = [
        {**common, "type": "BAR" if key.startswith("test") else "LINE", "uuid": key}
        | {"metricKey": key, "displayName": key}
        for key in keys
    ]
    sections = [  # the others are folded
        {"uuid": str(number), "name": name, "display": number == 1}
        for number, name in enumerate(
            ("Compared", "by_tokens", "Model metrics", "System metrics"), 1
        )
    ]
    page = {"selectedColumns": COLUMNS, "compareRunCharts": charts, "compareRunSections": sections}
    page |= {"isAccordionReordered": True}
    said = {
        "mlflow.workflowType_v1": '"machine_learning"',
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
        f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState': json.dumps(
            page
        ),
    }
    return f"for (const one of Object.entries({json.dumps(said)})) localStorage.setItem(...one)"


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    project = parser.parse_args().project.resolve()
    kept = run_store.open_store(project)
    of = {run.name: run for run in reversed(kept.runs)}
    ids = {
        name: kept.call(lambda client, name=name: client.get_run(of[name].id)).info.experiment_id
        for name in ("opinions-lstm", "verses-attention")
    }
    opinions, verses = ids.values()

    async def act(tab: Tab) -> None:
        await tab.call("Page.enable")
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=stored(opinions))
        mlflow = f"{ui}/#/experiments"
        hidden = "document.head.insertAdjacentHTML('beforeend', '<style>.modebar {display: none}')"
        runs, run = (
            f"{mlflow}/{opinions}/runs",
            f"{mlflow}/{verses}/runs/{of['verses-attention'].id}",
        )
        await tab.picture("runs", runs, 560, "opinions-perceptron", hidden)
        await tab.picture("run", run, 1000, "Show more", hidden)
        compared = f"{runs}?compareRunsMode=CHART"
        await tab.picture("comparison", compared, 900, "Compared", hidden)
        await tab.picture("registered", f"{ui}/#/models/seqproof-opinions", 600, "champion", hidden)
        report = (project / "report.html").as_uri()
        await tab.picture("report", report, 1000, "", "")
        await tab.picture("laboratory", f"{report}#laboratory", 1000, "", "")
        if board is not None:
            # The tab of the embeddings is there when TensorBoard is asked for the second time.
            urllib.request.urlopen(f"{board}/data/plugins_listing").close()
            await tab.picture("tensorboard", board, 900, "epoch", "")

    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        seqproof = str(Path(sys.executable).with_name("seqproof"))
        ui = stack.enter_context(served([seqproof, "ui"], project))
        words = ["uvx", "tensorboard", "--logdir", ".seqproof/tensorboard"]
        board = stack.enter_context(served(words, project)) if shutil.which("uvx") else None
        asyncio.run(looked(act))


if __name__ == "__main__":
    main()
