"""The page in headless Chromium: every tab is used, by mouse and by keyboard."""

import asyncio
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import uvicorn

from pipelines.demo import page, translations
from pipelines.demo.translations import ScoredTranslation, TranslatedText
from tests.unit.chromium import CHROMIUM, needs_chromium

gradio = pytest.importorskip("gradio", reason="Gradio is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = needs_chromium
MILLISECONDS = 120_000  # of waiting, for a slow machine
# Waits until the browser has drawn three frames. Gradio mounts the parts of a tab when it is first
# chosen, and sets their values again two frames later: a text that is typed before that is lost.
FRAMES = """new Promise(resolve => {
  let count = 0;
  const draw = () => count++ < 3 ? requestAnimationFrame(draw) : resolve();
  draw();
})"""
HOSTILE = "${alert(1)} {{this}} <img src=x onerror=alert(1)> good"


def translate(predictor, prepared):
    """Return a translation of two tokens."""
    source = prepared.split(" ")
    attention = np.full((2, len(source)), 1 / len(source))
    best = ScoredTranslation("x y", ["x", "y"], -1.0, 1.0, attention)
    return TranslatedText(source, [best], [0.5, 0.9, 0.8])


@pytest.fixture(scope="module")
def address(corpora):
    """Address of a running demo, whose translator is compiled by other tests and not here."""
    patch = pytest.MonkeyPatch()
    patch.setattr(translations, "translate", translate)

    async def make_app():
        return page.make_app(page.build("<i>films</i>", list(corpora.values())))

    # Outside of an event loop, Gradio makes one for each lock, and closes none. Playwright's own
    # event loop may run in this thread.
    with ThreadPoolExecutor() as pool:
        app = pool.submit(lambda: asyncio.run(make_app())).result()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
        patch.undo()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu"]
        playwright.expect.set_options(timeout=MILLISECONDS)
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=options, timeout=MILLISECONDS
        )
        yield chromium
        chromium.close()


@contextmanager
def open_page(browser, address, **options):
    """Open the page, and check at the end that it had no errors and asked no other host."""
    context = browser.new_context(**options)
    context.set_default_timeout(MILLISECONDS)
    tab = context.new_page()
    problems = []
    tab.on(
        "console",
        lambda message: message.type in ("error", "warning") and problems.append(message.text),
    )
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
    tab.on(
        "request",
        lambda request: (
            request.url.startswith((address, "data:", "blob:")) or problems.append(request.url)
        ),
    )
    tab.goto(address)
    tab.get_by_role("tab").first.wait_for()
    yield tab
    assert problems == []
    context.close()


def choose(tab, name):
    """Choose a tab of the page and return its panel."""
    button = tab.get_by_role("tab", name=name, exact=True)
    if button.is_visible():
        button.click()
    else:  # in the menu of a narrow page
        tab.locator(".overflow-menu > button").click()
        tab.locator(".overflow-dropdown button", has_text=name).click()
    return opened(tab, name)


def opened(tab, name):
    """Wait until the panel of a tab takes input, and return it."""
    panel = tab.get_by_role("tabpanel").locator("visible=true")
    panel.get_by_role("button", name=name.partition(":")[0], exact=True).wait_for()
    panel.get_by_role("textbox").first.wait_for()
    tab.evaluate(FRAMES)
    return panel


def answer_to(panel, title):
    """Press the button of a panel and return its answer."""
    panel.get_by_role("button", name=title, exact=True).click()
    answer = panel.locator(".block.answer")
    answer.locator("h3").first.wait_for()
    return answer


def test_every_tab_answers(browser, address):
    with open_page(browser, address) as tab:
        assert tab.get_by_role("heading", level=1).inner_text() == "<i>films</i>"
        names = [element.inner_text() for element in tab.get_by_role("tab").all()]
        assert names == ["Write: plays", "Classify: moods", "Translate: talk", "Tag: slots"]

        written = answer_to(choose(tab, "Write: plays"), "Write").locator("pre")
        playwright.expect(written.first).to_have_text(re.compile("to be.{20}", re.DOTALL))
        assert written.count() == 2

        panel = choose(tab, "Classify: moods")
        panel.get_by_role("button", name="not bad , good / not good , bad").click()
        playwright.expect(panel.get_by_label("Second text")).to_have_value("not good , bad")
        playwright.expect(panel.locator(".block.answer")).to_contain_text("the same words")
        assert panel.locator(".bars").count() == 4

        panel = choose(tab, "Translate: talk")
        panel.get_by_label("Text").fill("a b c")
        assert answer_to(panel, "Translate").locator(".map thead th").all_inner_texts() == [*"abc"]

        panel = choose(tab, "Tag: slots")
        panel.get_by_label("Text").fill("a good film")
        assert "film" in answer_to(panel, "Tag").inner_text()


def test_the_keyboard_is_enough(browser, address):
    with open_page(browser, address) as tab:
        tab.get_by_role("tab", name="Classify: moods").focus()
        tab.keyboard.press("Enter")
        panel = opened(tab, "Classify: moods")
        box = panel.get_by_label("Text", exact=True)
        box.focus()
        tab.keyboard.press("Control+A")
        tab.keyboard.type("bad bad film")
        tab.keyboard.press("Enter")
        words = panel.locator(".word bdi")
        playwright.expect(words.first).to_have_text("bad")
        for _ in range(3):  # the second box, the button, the first example
            tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        playwright.expect(box).to_have_value("a good film")


def test_bad_and_hostile_texts(browser, address):
    with open_page(browser, address) as tab:
        panel = choose(tab, "Classify: moods")
        panel.get_by_label("Text", exact=True).fill(" ")
        panel.get_by_role("button", name="Classify", exact=True).click()
        playwright.expect(panel.get_by_role("alert")).to_have_text(
            "There is no text. Type at least one word."
        )
        panel.get_by_label("Text", exact=True).fill(HOSTILE)
        answer = answer_to(panel, "Classify")
        assert answer.locator("img").count() == 0
        # As the corpus cleans it, and nothing of it is code.
        texts = answer.locator(".words").first.locator("bdi").all_inner_texts()
        assert "".join(texts) == HOSTILE.lower().replace(" ", "")


def test_a_phone_in_the_dark(browser, address):
    phone = {"width": 390, "height": 844}
    with open_page(browser, address, viewport=phone, color_scheme="dark", has_touch=True) as tab:
        tab.locator(".overflow-menu > button").wait_for()  # the tabs have moved into the menu
        for name in ("Classify: moods", "Translate: talk"):
            panel = choose(tab, name)
            panel.get_by_label("Text", exact=True).fill("a b c d")
            answer_to(panel, name.partition(":")[0])
            assert tab.evaluate("document.documentElement.scrollWidth") <= phone["width"]
        color = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", color)[:3])) < 64


def test_requests_of_other_pages_are_refused(address):
    import httpx

    def ask(**headers):
        return httpx.get(address, headers=headers, trust_env=False)

    assert "default-src 'self';" in ask().headers["Content-Security-Policy"]
    assert ask(Origin=address).status_code == 200
    assert ask(Host="example.com").status_code == 400
    assert ask(Origin="http://example.com").status_code == 403
    assert ask(Origin="null").status_code == 403


def test_files_cannot_be_uploaded(address):
    """Gradio answers with the path of the file on this machine."""
    import httpx

    files = {"files": ("a.txt", b"a")}
    answer = httpx.post(f"{address}/gradio_api/upload", files=files, trust_env=False)
    assert answer.status_code == 404
    assert answer.text == "The page takes no files."
