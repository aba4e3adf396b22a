"""MLflow's scoring server, whose answers to texts are replaced by our own."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pipelines.tracking import connection

if TYPE_CHECKING:
    from fastapi import FastAPI

REPLACED = ("/invocations", "/version")
# Pages that load scripts from the web.
REMOVED = ("/docs", "/docs/oauth2-redirect", "/redoc")


def make_app() -> FastAPI:
    """Return MLflow's scoring server without the routes and the time limit that we replace.

    MLflow answers requests one by one, bad ones with a traceback, and late ones without JSON.
    """
    from fastapi import Response
    from fastapi.routing import APIRoute

    connection.silence_mlflow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow, of its own type hints
        from mlflow.models import Model
        from mlflow.pyfunc import PyFuncModel, scoring_server

    app: FastAPI = scoring_server.init(PyFuncModel(Model(), _Nothing()))
    routes = app.router.routes
    routes[:] = [route for route in routes if _path(route) not in REPLACED + REMOVED]
    for route in routes:
        if isinstance(route, APIRoute):
            route.response_class = Response  # an empty line, which is no JSON
    app.user_middleware.clear()  # the time limit
    return app


def time_limit() -> int:
    """Return the seconds that a request may take, `MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT`."""
    from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT

    return int(MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.get())


def mlflow_version() -> str:
    """Return the version of MLflow."""
    from mlflow.version import VERSION

    return str(VERSION)


class _Nothing:
    """Stand-in for the model of the route that is removed."""

    def predict(self, model_input: object) -> object:
        """Return the input."""
        return model_input


def _path(route: object) -> str:
    return str(getattr(route, "path", ""))
