"""Requests that arrive while the model is busy are answered together."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from pipelines.errors import UserError
from pipelines.server.batches import BatchQueue, Overloaded
from pipelines.server.models import Answer, ServedModel


class Slow(ServedModel):
    """Model that waits before its first answer, and records its batches."""

    def answer(self, prepared):
        self.predictor.batches.append(list(prepared))
        self.predictor.started.set()
        self.predictor.go.wait()
        if "fail" in prepared:
            raise ValueError("a failure")
        return [Answer(text.upper()) for text in prepared]


@pytest.fixture
def model():
    predictor = SimpleNamespace(
        normalize=list,
        spec=SimpleNamespace(task="tagging"),
        batches=[],
        started=threading.Event(),
        go=threading.Event(),
    )
    yield Slow("slow", None, predictor)
    predictor.go.set()


def run(model, requests, **limits):
    """Answer the requests: the first one alone, the others when they all wait."""

    async def answer():
        queue = BatchQueue(model, **limits)
        worker = asyncio.create_task(queue.run())
        tasks = [asyncio.create_task(queue.answer(requests[0]))]
        await asyncio.to_thread(model.predictor.started.wait)
        tasks += [asyncio.create_task(queue.answer(request)) for request in requests[1:]]
        await asyncio.sleep(0)
        if "cancel" in requests[-1]:
            tasks.pop().cancel()
        model.predictor.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        worker.cancel()
        return [
            result if isinstance(result, Exception) else [a.prediction for a in result.answers]
            for result in results
        ]

    return asyncio.run(answer())


def test_waiting_requests_are_answered_in_one_batch(model):
    results = run(model, [["a"], ["b", "c"], ["d"]])
    assert results == [["A"], ["B", "C"], ["D"]]
    assert model.predictor.batches == [["a"], ["b", "c", "d"]]


def test_a_batch_is_limited_and_a_larger_request_is_a_batch_of_its_own(model):
    results = run(model, [["a"], ["b", "c"], ["d"], ["e", "f", "g", "h"]], rows=3)
    assert results[3] == ["E", "F", "G", "H"]
    assert model.predictor.batches == [["a"], ["b", "c", "d"], ["e", "f", "g", "h"]]


def test_blank_and_failing_texts_concern_their_own_request_only(model):
    first, blank, failing, good = run(model, [["a"], ["b", " "], ["fail"], ["c"]])
    assert isinstance(blank, UserError)
    assert str(blank) == "Text 2 is empty. Give at least one word."
    assert isinstance(failing, ValueError)
    assert (first, good) == (["A"], ["C"])


def test_too_many_waiting_texts_are_refused(model):
    results = run(model, [["a"], ["b", "c"], ["d", "e"], ["f"]], waiting=3)
    assert isinstance(results[2], Overloaded)
    assert [results[1], results[3]] == [["B", "C"], ["F"]]


def test_a_request_whose_client_has_gone_is_not_answered(model):
    assert run(model, [["a"], ["b"], ["cancel"]]) == [["A"], ["B"]]
    assert model.predictor.batches == [["a"], ["b"]]


def test_a_language_model_answers_one_request_after_the_other(model):
    model.predictor.spec.task = "language_modelling"
    assert run(model, [["a"], ["b"], ["c", "d"], ["e"]])[2] == ["C", "D"]
    assert model.predictor.batches == [["a"], ["b"], ["c", "d"], ["e"]]
