"""Base class of the servers that tests start."""

from types import TracebackType
from typing import Self


class Service:
    """Processes of a test. The context starts and ends them; it ends them if the start fails."""

    def start(self) -> None:
        """Start the processes and wait until they answer."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the processes that run, and remove their files."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
