"""`seqproof serve`: answer texts over HTTP with a trained model."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest

if TYPE_CHECKING:
    from pipelines.server.models import AliasFollower, Refresh, ServedModel
    from pipelines.server.schema import Limits

GRACE = 30  # seconds that running requests have after Ctrl-C or SIGTERM
BACKLOG = 2048
TEXTS, CONTINUATIONS = 64, 8  # texts of a request; a language model continues them one by one


def serve(
    target: str,
    host: str,
    port: int,
    max_texts: int | None,
    max_characters: int,
    refresh_seconds: float,
) -> None:
    """Load a model, then open the port and answer until the process is stopped.

    Args:
        target: a model of params.yaml, or an alias of a registered model.
        host: address to listen on.
        port: port; 0 for a free one.
        max_texts: texts of a request; by default 64, and 8 for a language model.
        max_characters: length of a text.
        refresh_seconds: time between two looks at the alias.

    Raises:
        UserError: there is no such model, it cannot be loaded, or the port is in use.
    """
    config = params.load(paths.PARAMS) if paths.PARAMS.is_file() else None
    alias = None
    if config is None or target not in config.models:
        alias = _find_alias(config, target)
    with bind(host, port) as listener:
        with console.quiet_imports():
            import uvicorn

            from pipelines.layers import threads
            from pipelines.server import app, schema
        threads.use_threads(1 if config is None else config.threads)
        refresh: Refresh | None = None
        if alias is not None:
            model, refresh = alias.load(), alias.refresh
        else:
            assert config is not None
            model = _load_model(config, target)
        texts = max_texts or (CONTINUATIONS if model.writes_text else TEXTS)
        limits = schema.Limits(texts, max_characters)
        settings = uvicorn.Config(
            app.make_app(model, limits, refresh, refresh_seconds),
            log_level="warning",
            http="h11",  # the same parser whatever else is installed
            loop="asyncio",
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE,
        )
        listener.listen(BACKLOG)
        _announce(model, listener, limits)
        with suppress(KeyboardInterrupt):  # raised again when all requests are answered
            uvicorn.Server(settings).run(sockets=[listener])


def bind(host: str, port: int, options: str = "--host or --port") -> socket.socket:
    """Reserve a port; connections are refused until the server listens.

    Args:
        host: address to listen on.
        port: port; 0 for a free one.
        options: the options that choose another address, for the message.

    Raises:
        UserError: the port is in use, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as stack:  # closes the socket if it cannot be bound
            # Without the protocol asyncio would not set TCP_NODELAY: 40 ms for each answer.
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            # Connections that linger after a stopped server do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            stack.pop_all()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host's name with an empty label
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{host}:{port} is not available ({reason}). Set another {options}."
        ) from None
    return listener


def _load_model(config: params.Params, name: str) -> ServedModel:
    from pipelines import project_models
    from pipelines.server.models import ServedModel

    model = ServedModel(name, None, project_models.load(config, name))
    model.warm_up()
    return model


def _find_alias(config: params.Params | None, target: str) -> AliasFollower:
    from pipelines.server.models import AliasFollower
    from pipelines.tracking import registered_models, registry, run_store

    store = run_store.open_store(console.root())
    corpora = {} if config is None else config.corpora
    prefix = "" if config is None else config.tracking.experiment_prefix
    registered = {corpus: registry.name_of(f"{prefix}{corpus}") for corpus in corpora}
    alias = registered_models.find_alias(target, store, registered)
    if alias is None:
        models = [] if config is None else config.models
        raise UserError(
            f"'{target}' is neither a model nor an alias (`seqproof promote` makes one)"
            f"{suggest(target, models)}."
        )
    return AliasFollower(alias, store)


def _announce(model: ServedModel, listener: socket.socket, limits: Limits) -> None:
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    version = "" if model.version is None else f", version {model.version},"
    console.echo(
        f"{model.name}{version} answers at {address}/invocations (schema: {address}/openapi.json). "
        "Press Ctrl-C to stop it."
    )
    console.echo(
        f'  curl {address}/invocations --json \'{{"inputs": ["a text"]}}\'  '
        f"# at most {limits.texts} texts of {limits.characters:,} characters"
    )
