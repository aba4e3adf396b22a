"""Take the pictures of this folder, from a project that was trained, promoted and verified.

    python docs/pictures.py PROJECT

Starts `seqproof ui` and `seqproof demo` in the project, and opens their pages and the report in
headless Chromium. Takes TensorBoard's picture if `uvx` is installed.
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
WIDTH = 1200  # pixels
TIMEOUT = 120  # seconds
BOARD = ".seqproof/tensorboard"  # in the project
COLUMNS = ["metrics.`test_macro_f1`", "metrics.`test_accuracy`", "tags.`cell`", "tags.`verified`"]


class Tab:
    """A tab of the browser."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method of the DevTools protocol and return its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = json.loads((await self._socket.receive()).data)
            if message.get("id") == self._number:
                return message["result"]

    async def evaluate(self, script: str) -> Any:
        """Evaluate a script and return its value."""
        response = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return response["result"].get("value")

    async def take_picture(
        self, name: str, url: str, height: int, text: str = "", script: str = ""
    ) -> None:
        """Open a URL, wait for a text, run a script, and save a screenshot."""
        size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        await self.call("Page.navigate", url="about:blank")
        await self.call("Page.navigate", url=url)
        start = time.monotonic()
        while not await self.evaluate(f"document.body?.innerText.includes({json.dumps(text)})"):
            if time.monotonic() - start > TIMEOUT:
                raise TimeoutError(f"{url} does not show {text}")
            await asyncio.sleep(0.2)
        await self.evaluate(script)
        await asyncio.sleep(5)  # wait for the animation of charts
        screenshot = await self.call("Page.captureScreenshot", format="png")
        save_picture(base64.b64decode(screenshot["data"]), name)


def save_picture(screenshot: bytes, name: str) -> None:
    """Save a screenshot with at most 256 colours."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    palette = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(PICTURES / f"{name}.png", optimize=True)


async def use_browser(action: Callable[[Tab], Awaitable[None]]) -> None:
    """Run an action in a browser with a temporary profile."""
    program = next(path for name in browser.NAMES if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [program, *options, f"--user-data-dir={profile}", "about:blank"],
            stderr=subprocess.DEVNULL,
        )
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            while not (port_file.exists() and port_file.read_text(encoding="utf-8")):
                await asyncio.sleep(0.1)
            port = port_file.read_text(encoding="utf-8").split("\n")[0]
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                tabs = await (await session.get("/json")).json()
                url = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
                async with session.ws_connect(url, max_msg_size=0) as connection:
                    await action(Tab(connection))
        finally:
            process.terminate()
            process.wait()


@contextmanager
def start_server(command: list[str], project: Path) -> Iterator[str]:
    """Start a server on a free port and yield its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, "--port", str(port)], cwd=project, **quiet)
    try:
        for _ in range(TIMEOUT):
            try:
                urllib.request.urlopen(url).close()
                break
            except OSError:
                time.sleep(1)
        yield url
    finally:
        process.terminate()
        process.wait()


def take_demo_pictures(url: str) -> None:
    """Use three tabs of the demo of the default project, and save a screenshot of each."""
    from playwright.sync_api import sync_playwright

    examples = {
        ("Translate: verses", ""): ("And Moses said unto the people, Fear ye not.", None),
        ("Classify: contrasts", "-classify"): (None, "The food was good, not bad at all."),
        ("Write: shakespeare", "-write"): (None, None),
    }
    with sync_playwright() as driver:
        program = next(path for name in browser.NAMES if (path := shutil.which(name)))
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": 800})
        page.goto(url)
        for (tab, suffix), (text, example) in examples.items():
            page.get_by_role("tab", name=tab).click()
            panel = page.get_by_role("tabpanel").locator("visible=true")
            if text is not None:
                panel.get_by_label("Text").fill(text)
            if example is not None:
                panel.get_by_role("button", name=example).first.click()
            else:
                panel.get_by_role("button", name=tab.partition(":")[0], exact=True).click()
            panel.locator(".answer h3").first.wait_for(timeout=TIMEOUT * 1000)
            page.wait_for_timeout(10_000)  # until everything is written
            save_picture(page.screenshot(full_page=True), f"demo{suffix}")


def take_graph_picture(url: str) -> None:
    """Open the encoder in TensorBoard's graph of a translator, and save a screenshot of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        program = next(path for name in browser.NAMES if (path := shutil.which(name)))
        chromium = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 2200, "height": 1500})
        page.goto(f"{url}/#graphs")
        page.locator("g[data-name=encoder]").first.dblclick(timeout=TIMEOUT * 1000)
        page.get_by_text("Fit to screen").click()
        page.wait_for_timeout(5000)  # until the graph has moved
        page.mouse.click(1500, 1400)  # so that nothing is selected
        page.wait_for_timeout(2000)
        clip = {"x": 360, "y": 70, "width": 1400, "height": 970}
        save_picture(page.screenshot(clip=clip), "tensorboard-graph")


def local_storage_script(experiment: str) -> str:
    """Return a script that stores MLflow's settings: workflow, columns and charts."""
    keys = ("test_accuracy", "test_macro_f1", "by_tokens/valid_loss", "by_tokens/valid_macro_f1")
    common = {"metricSectionId": "1", "runsCountToCompare": 10, "xAxisKey": "step"}
    charts = [
        {**common, "type": "BAR" if key.startswith("test") else "LINE", "uuid": key}
        | {"metricKey": key, "displayName": key}
        for key in keys
    ]
    sections = [  # all but the first are collapsed
        {"uuid": str(number), "name": name, "display": number == 1}
        for number, name in enumerate(
            ("Compared", "by_tokens", "Model metrics", "System metrics"), 1
        )
    ]
    page = {"selectedColumns": COLUMNS, "compareRunCharts": charts, "compareRunSections": sections}
    page |= {"isAccordionReordered": True}
    page_key = f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState'
    items = {
        "mlflow.workflowType_v1": '"machine_learning"',
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
        page_key: json.dumps(page),
    }
    return f"for (const item of Object.entries({json.dumps(items)})) localStorage.setItem(...item)"


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    project = parser.parse_args().project.resolve()
    store = run_store.open_store(project)
    latest = {run.name: run for run in reversed(store.runs)}

    def experiment(name: str) -> str:
        run = store.call(lambda client: client.get_run(latest[name].id))
        return str(run.info.experiment_id)

    opinions, verses = experiment("opinions-lstm"), experiment("verses-attention")

    async def take_pictures(tab: Tab) -> None:
        await tab.call("Page.enable")
        script = local_storage_script(opinions)
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        experiments = f"{ui}/#/experiments"
        style = "document.head.insertAdjacentHTML('beforeend', '<style>.modebar {display: none}')"
        runs = f"{experiments}/{opinions}/runs"
        run = f"{experiments}/{verses}/runs/{latest['verses-attention'].id}"
        model = f"{ui}/#/models/seqproof-opinions"
        await tab.take_picture("runs", runs, 560, "opinions-perceptron", style)
        await tab.take_picture("run", run, 1000, "Show more", style)
        await tab.take_picture(
            "comparison", f"{runs}?compareRunsMode=CHART", 900, "Compared", style
        )
        await tab.take_picture("registered", model, 600, "champion", style)
        report = (project / "report.html").as_uri()
        await tab.take_picture("report", report, 1000)
        await tab.take_picture("experiments", f"{report}#experiments", 1000)
        if tensorboard is not None:
            # The Projector tab appears from the second request on.
            urllib.request.urlopen(f"{tensorboard}/data/plugins_listing").close()
            await tab.take_picture("tensorboard", tensorboard, 900, "epoch")

    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        seqproof = str(Path(sys.executable).with_name("seqproof"))
        ui = stack.enter_context(start_server([seqproof, "ui"], project))
        command = ["uvx", "tensorboard", "--logdir", BOARD]
        tensorboard = (
            stack.enter_context(start_server(command, project)) if shutil.which("uvx") else None
        )
        asyncio.run(use_browser(take_pictures))
    if shutil.which("uvx"):
        command[-1] += "/dates-attention"  # TensorBoard shows the graph of the first run
        with start_server(command, project) as tensorboard:
            take_graph_picture(tensorboard)
    with start_server([seqproof, "demo"], project) as demo:
        take_demo_pictures(demo)


if __name__ == "__main__":
    main()
