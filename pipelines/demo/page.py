"""The page: a tab for each corpus with trained models, served by Gradio on this machine only.

The page fetches nothing from other machines, and its Content-Security-Policy forbids it to.
"""

from __future__ import annotations

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is imported

# isort: split
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import gradio as gr
from fastapi import FastAPI, Request, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipelines.demo import fragments
from pipelines.demo.corpora import DemoCorpus
from pipelines.demo.tabs import classification, language_modelling, tagging, translation
from pipelines.types import Task

TABS: dict[Task, ModuleType] = {
    "classification": classification,
    "language_modelling": language_modelling,
    "tagging": tagging,
    "translation": translation,
}
CSS = Path(__file__).with_name("page.css")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; frame-ancestors 'none'"
)
FONTS, MONOSPACE = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]


def build(title: str, corpora: Sequence[DemoCorpus]) -> gr.Blocks:
    """Build the page.

    Args:
        title: name of the project.
        corpora: corpora with trained models; those of a task without a tab are left out.
    """
    with gr.Blocks(title=f"{title}: demo", analytics_enabled=False) as page:
        gr.HTML(fragments.opening(title), js_on_load=None)
        with gr.Tabs():
            for corpus in corpora:
                if corpus.entry.task in TABS:
                    tab = TABS[corpus.entry.task]
                    with gr.Tab(f"{tab.TITLE}: {corpus.name}"):
                        tab.build(corpus)
    return page


def make_app(page: gr.Blocks) -> FastAPI:
    """Return the web application: the page, for requests of its own to this machine only."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # Other web pages can reach it neither under a name of their own (DNS rebinding) ...
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])

    @app.middleware("http")
    async def check_origin(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return Response("The request is of another page.", 403)  # ... nor by its address
        if request.url.path.rstrip("/").endswith("/upload"):  # answers with a path of this machine
            return Response("The page takes no files.", 404)
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Base(font=FONTS, font_mono=MONOSPACE).set(
            body_text_color_subdued="*neutral_500", body_text_color_subdued_dark="*neutral_400"
        ),
        css_paths=CSS,
    )
