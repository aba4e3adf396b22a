"""Client of a Dask scheduler, for partitions of data and for stages."""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipelines.errors import UserError

TIMEOUT = 10  # seconds until a scheduler that does not answer is an error
ADDRESS = re.compile(r"(tcp|tls)://(?:\[([^\s/@\[\]]+)\]|([^\s:/@\[\]]+)):(\d{1,5})/?")
ADDRESS_RULE = (
    "an address is tcp://HOST:PORT or tls://HOST:PORT, with a port from 1 to 65535 and an IPv6 "
    "host in brackets"
)
# Before the reason in a message of Dask: the connection, the class and number of the error.
PREFIX = re.compile(r"^(?:in <.*?>: |\w*Error: |\[(?:Errno -?\d+|SSL: \w+)\] )+")


@contextmanager
def connect(address: str, user: str, fix: str) -> Iterator[Any]:
    """Connect to a scheduler.

    Args:
        address: of the scheduler. The certificates for an address that begins with `tls://` are in
            Dask's configuration.
        user: what needs Dask, for the message if it is not installed.
        fix: end of the message about a scheduler that does not answer.

    Raises:
        UserError: it does not answer, or Dask is not installed.
    """
    require("distributed", user)
    from distributed import Client

    # A lost connection is reported by us. Dask gives the second logger a level of its own; the
    # third one prints what its periodic tasks raise then.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        asyncio.run(_check(address))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which are compared by us
            client = Client(address, timeout=TIMEOUT, set_as_default=False)
    except Exception as error:  # of Dask, TLS or the system
        raise UserError(
            f"The Dask scheduler at '{address}' does not answer ({_reason(error)}). {fix}"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=2)


def require(module: str, user: str) -> None:
    """Import a module of Dask, which reads Dask's configuration.

    Args:
        module: name of the module.
        user: what needs it, for messages.

    Raises:
        UserError: it is not installed, or the configuration cannot be read.
    """
    try:
        importlib.import_module(module)
    except ImportError:
        package = module.replace("_", "-")
        raise UserError(
            f"{user} needs {package}. Run `make install`, or `pip install {package}` in an "
            "environment of your own."
        ) from None
    except ValueError as error:
        raise UserError(
            f"Dask's configuration is invalid: {' '.join(str(error).split())}."
        ) from None


async def _check(address: str) -> None:
    """Check that a scheduler answers: `Client` waits for other servers without end.

    Raises:
        Exception: of Dask, TLS or the system; its message is the reason.
    """
    from distributed import rpc
    from distributed.security import Security

    match = ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[4]) < 65536:
        raise ValueError(ADDRESS_RULE)
    arguments = Security().get_connection_args("client")
    if match[1] == "tls" and arguments["ssl_context"] is None:
        raise ValueError("Dask's configuration has no certificates, distributed.comm.tls")
    host = match[2] or match[3]
    try:
        await asyncio.get_running_loop().getaddrinfo(host, int(match[4]))
    except (socket.gaierror, UnicodeError):
        raise ValueError(f"the host '{host}' is unknown") from None
    async with rpc(address, timeout=TIMEOUT, connection_args=arguments) as server:
        try:
            # The connection itself has a timeout of its own, which ends before this one.
            identity = await asyncio.wait_for(server.identity(), TIMEOUT + 1)
        except (TimeoutError, MemoryError):  # from the first bytes follows the size of an answer
            raise ValueError("the server there is not one of Dask") from None
    if identity["type"] != "Scheduler":
        raise ValueError(f"the server there is a {identity['type'].lower()} of Dask")


def _reason(error: BaseException) -> str:
    """Return the reason of an error without what Dask has added to it."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = PREFIX.sub("", " ".join(str(error).split())).rstrip(".")
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return f"no connection in {TIMEOUT} seconds"
    if isinstance(error, ConnectionResetError):
        return "it has closed the connection; if it uses TLS, its address begins with tls://"
    if "wrong version number" in text or "cannot convert to SSL" in text:
        return "it does not use TLS; its address begins with tcp://"
    return text or type(error).__name__
