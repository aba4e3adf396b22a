"""Batching of concurrent requests: while a batch is computed, the next one gathers."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipelines.errors import UserError
from pipelines.server.models import Answer, Refresh, ServedModel

logger = logging.getLogger(__name__)

ROWS = 64  # texts of a batch, unless a single request has more
WAITING = 1024  # texts that may wait


class Overloaded(Exception):
    """Too many texts wait."""


@dataclass(frozen=True)
class Answered:
    """Answers to the texts of a request, and the model that gave them."""

    model: ServedModel
    answers: list[Answer]


@dataclass(frozen=True)
class _Request:
    texts: Sequence[str]
    result: asyncio.Future[Answered]


class BatchQueue:
    """Queue of requests, which one thread answers in batches.

    No request waits for others to come: a batch is what has gathered while the thread was busy. All
    requests of a batch are answered by the same model, which may be replaced between two batches.

    Args:
        model: the model.
        rows: texts of a batch.
        waiting: texts that may wait; more are refused.
    """

    def __init__(self, model: ServedModel, rows: int = ROWS, waiting: int = WAITING) -> None:
        self.model, self._rows, self._limit = model, rows, waiting
        self._requests: deque[_Request] = deque()
        self._waiting = 0
        self._arrival = asyncio.Event()

    async def answer(self, texts: Sequence[str]) -> Answered:
        """Wait for the answers to the texts of a request.

        Raises:
            UserError: nothing is left of a text after cleaning.
            Overloaded: too many texts wait.
        """
        if self._requests and self._waiting + len(texts) > self._limit:
            raise Overloaded
        request = _Request(texts, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._waiting += len(texts)
        self._arrival.set()
        return await request.result

    async def run(self) -> None:
        """Answer requests until the task is cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "predictions") as thread:
            while True:
                await self._arrival.wait()
                batch = self._take()
                texts = [request.texts for request in batch]
                results = await loop.run_in_executor(thread, _answer_all, self.model, texts)
                for request, result in zip(batch, results, strict=True):
                    if request.result.done():  # its client has gone
                        continue
                    if isinstance(result, Exception):
                        request.result.set_exception(result)
                    else:
                        request.result.set_result(result)

    async def follow(self, refresh: Refresh, seconds: float) -> None:
        """Replace the model by what `refresh` returns, again and again.

        Args:
            refresh: returns the model to use from now on; runs in a thread of its own, so that the
                current model answers meanwhile.
            seconds: time between two calls.
        """
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "refresh") as thread:
            while True:
                await asyncio.sleep(seconds)
                model = await loop.run_in_executor(thread, refresh, self.model)
                if model is not self.model:
                    self.model = model
                    gc.collect()  # compiled functions refer to each other

    def _take(self) -> list[_Request]:
        """Take the requests of the next batch, without those whose client has gone."""
        batch: list[_Request] = []
        rows, limit = 0, 1 if self.model.writes_text else self._rows
        while self._requests:
            size = len(self._requests[0].texts)
            if batch and rows + size > limit:
                break
            request = self._requests.popleft()
            self._waiting -= size
            if not request.result.done():
                batch.append(request)
                rows += size
        if not self._requests:
            self._arrival.clear()
        return batch


def _answer_all(
    model: ServedModel, requests: Sequence[Sequence[str]]
) -> list[Answered | Exception]:
    """Return the answers to each request, or the error of the request."""
    texts = [text for request in requests for text in request]
    try:
        normalized = iter(model.predictor.normalize(texts))
        prepared = [[next(normalized) for _ in request] for request in requests]
        blank = [_blank_text(request) for request in prepared]
        valid = [request for request, number in zip(prepared, blank, strict=True) if number is None]
        answers = iter(
            model.answer([text for request in valid for text in request]) if valid else ()
        )
        return [
            Answered(model, [next(answers) for _ in request])
            if number is None
            else UserError(f"Text {number} is empty. Give at least one word.")
            for request, number in zip(prepared, blank, strict=True)
        ]
    except Exception as error:
        if len(requests) > 1:  # the others must not suffer from one of them
            return [result for request in requests for result in _answer_all(model, [request])]
        logger.exception("A request failed.")
        return [error]


def _blank_text(prepared: Sequence[str]) -> int | None:
    """Return the number of the first blank text, counted from 1; None if there is none."""
    return next((number for number, text in enumerate(prepared, 1) if not text.strip()), None)
