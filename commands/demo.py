"""`seqproof demo`: show the trained models on a local web page."""

from __future__ import annotations

import logging
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from commands.serve import bind
from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError

if TYPE_CHECKING:
    from pipelines.demo.corpora import DemoCorpus

HOST = "127.0.0.1"
REQUIREMENT = "gradio>=6.31,<7"  # the extra `demo` of pyproject.toml


def demo(names: list[str], port: int) -> None:
    """Load the trained models, and serve the page until Ctrl-C.

    Args:
        names: corpora of params.yaml; all if empty.
        port: port on this machine.

    Raises:
        UserError: Gradio is not installed, no model is trained, or the port is in use.
    """
    config = params.load(paths.PARAMS)
    for name in names:
        params.require(config.corpora, name, "corpus")
    if find_spec("gradio") is None:
        raise UserError(
            f"`seqproof demo` needs Gradio. Install it in this environment: pip install "
            f"'{REQUIREMENT}'"
        )
    # TensorFlow warns of every function that it compiles anew, and each model has its own.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with bind(HOST, port, "--port") as listener:
        console.echo("Loading the models takes about ten seconds.")
        with console.quiet_imports():
            import uvicorn

            from pipelines.demo import page
            from pipelines.layers import threads
        threads.use_threads(config.threads)
        corpora = _load(config, names or list(config.corpora))
        app = page.make_app(page.build(console.root().name, corpora))
        # Open streams do not delay the end.
        settings = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        console.echo(f"The demo is at {address}. Press Ctrl-C to stop it.")
        with suppress(KeyboardInterrupt):  # raised again when the server has ended
            uvicorn.Server(settings).run(sockets=[listener])


def _load(config: params.Params, names: list[str]) -> list[DemoCorpus]:
    """Load the models of some corpora, and name those that cannot be loaded.

    Raises:
        UserError: no model is trained.
    """
    from pipelines.demo import corpora

    loaded = []
    for item in corpora.load(config, names):
        if isinstance(item, UserError):
            console.echo(f"Left out: {item}")
        else:
            loaded.append(item)
    if not loaded:
        raise UserError("There is no trained model. Run `seqproof run` first.")
    return loaded
