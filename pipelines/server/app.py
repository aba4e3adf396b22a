"""Web application: MLflow's scoring server with batches, limits and plain error messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import metadata
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipelines.errors import UserError
from pipelines.server import schema
from pipelines.server.batches import BatchQueue, Overloaded
from pipelines.server.models import Refresh, ServedModel
from pipelines.tracking import scoring_server

JSON = "application/json"
ERRORS = {
    400: "The request is invalid, or a text is empty.",
    413: "The request has too many bytes.",
    415: "The request is not JSON in UTF-8.",
    503: "Too many texts wait.",
    504: "The answer took too long.",
}
SENTENCES = {
    404: "There is nothing at this address. POST texts to /invocations.",
    405: "This address does not allow this method. POST texts to /invocations.",
}
RETRY_SECONDS = "1"


def make_app(
    model: ServedModel,
    limits: schema.Limits,
    refresh: Refresh | None = None,
    seconds: float = 5.0,
) -> FastAPI:
    """Return the application of a model that is loaded and warm.

    Args:
        model: the model.
        limits: limits of a request.
        refresh: returns the model to use from now on, if the model may be replaced.
        seconds: time between two calls of it.
    """
    app = scoring_server.make_app()
    app.title, app.version = "seqproof serve", metadata.version("seqproof")
    app.description = "Text in, predictions out, as MLflow's scoring server."
    app.router.lifespan_context = _lifespan(model, refresh, seconds)
    app.add_exception_handler(HTTPException, _describe_http_error)
    app.add_exception_handler(Exception, _describe_failure)
    request_type = schema.request_type(limits)
    time_limit = scoring_server.time_limit()

    @app.post(
        "/invocations",
        response_model=schema.Predictions,
        response_model_exclude_none=True,
        responses={
            status: {"model": schema.Error, "description": text} for status, text in ERRORS.items()
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": request_type.model_json_schema()}},
            }
        },
    )
    async def invocations(request: Request) -> Any:
        """Predict the answer to each text."""
        _require_json(request)
        try:
            async with asyncio.timeout(time_limit):
                body = await _read_body(request, limits.body)
                texts = request_type.model_validate_json(body).inputs  # type: ignore[attr-defined]
                answered = await app.state.queue.answer(texts)
        except ValidationError as error:
            return _error(400, schema.describe(error, limits))
        except UserError as error:
            return _error(400, str(error))
        except Overloaded:
            response = _error(503, "The server is busy. Try again in a second.")
            response.headers["Retry-After"] = RETRY_SECONDS
            return response
        except ClientDisconnect:  # nobody reads this
            return _error(400, "The request ended early.")
        except TimeoutError:
            return _error(504, f"The answer took more than {time_limit} seconds. Send fewer texts.")
        answers = answered.answers
        content: dict[str, Any] = {"predictions": [answer.prediction for answer in answers]}
        if answers[0].probabilities is not None:
            content["probabilities"] = [answer.probabilities for answer in answers]
        return JSONResponse(content | _identity(answered.model))

    @app.get("/version", response_model=schema.Version, response_model_exclude_none=True)
    async def version() -> Any:
        """Return the versions of seqproof, MLflow and the model that answers now."""
        versions = {"seqproof": app.version, "mlflow": scoring_server.mlflow_version()}
        return JSONResponse(versions | _identity(app.state.queue.model))

    return app


def _identity(model: ServedModel) -> dict[str, str]:
    version = {} if model.version is None else {"version": model.version}
    return {"model": model.name, **version}


def _lifespan(model: ServedModel, refresh: Refresh | None, seconds: float) -> Any:
    """Return the context in which the application runs: the queue and its tasks."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        queue = app.state.queue = BatchQueue(model)
        tasks = [asyncio.create_task(queue.run())]
        if refresh is not None:
            tasks.append(asyncio.create_task(queue.follow(refresh, seconds)))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return lifespan


def _require_json(request: Request) -> None:
    """Check the content type: a page of another site can send JSON only with our consent.

    Raises:
        HTTPException: it is not JSON in UTF-8.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != JSON or charset not in ("", "utf-8"):
        raise HTTPException(415, f"Send JSON in UTF-8, with the header Content-Type: {JSON}.")


async def _read_body(request: Request, limit: int) -> bytes:
    """Read the body of a request.

    Raises:
        HTTPException: it is larger than the limit.
    """
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise HTTPException(
                413, f"The request has more than {limit:,} bytes. Send fewer texts."
            )
        parts.append(part)
    return b"".join(parts)


def _error(status: int, message: str) -> JSONResponse:
    code = HTTPStatus(status).name
    return JSONResponse({"error_code": code, "message": message}, status)


async def _describe_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    response = _error(error.status_code, SENTENCES.get(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response


async def _describe_failure(_: Request, error: Exception) -> JSONResponse:
    """Describe an error of ours; the server logs it."""
    return _error(500, "The server failed to answer this request.")
