"""The S3 server of the tests: nanio, which ends the connection of a request that it refuses.

Without that, uvicorn reads the next request of the connection as the body of the refused one.
"""

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


def app() -> Any:
    """Return the server; its settings are in variables."""
    from nanio.app import build_app

    inner = build_app()

    async def closing(
        scope: Message, receive: Any, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        async def closing_send(message: Message) -> None:
            if message.get("status", 200) >= 400:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await inner(scope, receive, closing_send)

    return closing
