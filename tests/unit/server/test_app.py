"""Requests to the server: answers, sentences about invalid requests, and MLflow's protocol."""

import asyncio
import itertools
import json
import threading
import time
import warnings
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from pipelines.server import app, schema
from pipelines.server.models import Answer, ServedModel
from pipelines.tasks import lookup

LIMITS = schema.Limits(texts=3, characters=20)
TEXTS = ["not a good film", "Bad!", "film"]
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def client(classifier):
    with TestClient(app.make_app(classifier, LIMITS)) as client:
        yield client


def test_a_classifier_answers_with_labels_and_probabilities(client, classifier):
    answer = client.post("/invocations", json={"inputs": TEXTS}).json()
    task, predictor = lookup.get("classification"), classifier.predictor
    assert answer["predictions"] == task.predict(predictor, TEXTS)
    for label, probabilities in zip(answer["predictions"], answer["probabilities"], strict=True):
        assert max(probabilities, key=probabilities.get) == label
        assert sum(probabilities.values()) == pytest.approx(1)
    assert (answer["model"], answer["version"]) == ("moods", "3")


def test_predictions_are_those_of_mlflow(client, classifier):
    """The same request to MLflow's own server, with the model that evaluation logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow, of its own type hints
        from mlflow.models import Model
        from mlflow.pyfunc import PyFuncModel, scoring_server

        from pipelines.tracking import serving
    model = serving.TextModel()
    model._predictor = classifier.predictor
    # MLflow passes an array on where a model has no signature.
    implementation = SimpleNamespace(predict=lambda texts: model.predict(None, texts.tolist()))
    mlflow_client = TestClient(scoring_server.init(PyFuncModel(Model(), implementation)))
    request = {"inputs": TEXTS}
    theirs = mlflow_client.post("/invocations", json=request).json()
    ours = client.post("/invocations", json=request).json()
    assert ours["predictions"] == theirs["predictions"]
    for path in ("/ping", "/health"):
        assert client.get(path).content == mlflow_client.get(path).content
    assert client.get("/version").json()["mlflow"] == mlflow_client.get("/version").text
    empty = mlflow_client.post("/invocations", json={"inputs": [" "]})
    assert empty.status_code == 400
    assert "Text 1 is empty" in empty.json()["message"]
    assert "Traceback" not in empty.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The request is not valid JSON: EOF while"),
        (b"{", "The request is not valid JSON: EOF while"),
        ("nested", "The request is not valid JSON: recursion limit"),
        (b'{"inputs": ["\\ud800"]}', "The request is not valid JSON: unexpected end of hex"),
        (b'{"inputs": ["\xff"]}', "The request is not valid JSON: invalid unicode"),
        (b"[]", "The request is not a JSON object."),
        (b'{"instances": ["a"]}', "'inputs' is missing."),
        (b'{"inputs": "a"}', "'inputs' is not a list of texts."),
        (b'{"inputs": []}', "The request has no text."),
        (b'{"inputs": ["a", 1]}', "Text 2 is not a string."),
        (b'{"inputs": ["a", ""]}', "Text 2 is empty."),
        (b'{"inputs": ["a", " \\u200b\\n"]}', "Text 2 is empty."),
        (b'{"inputs": ["a"], "beam": 5}', "'beam' is not a valid key."),
        (b'{"inputs": ["a", "b", "c", "d"]}', "The request has 4 texts; send at most 3"),
        (b'{"inputs": ["%s"]}' % (b"a" * 21), "Text 1 has more than 20 characters."),
    ],
)
def test_an_invalid_request_is_described_in_one_sentence(client, body, message):
    content = b"[" * 1000 if body == "nested" else body
    response = client.post("/invocations", content=content, headers=JSON)
    assert response.status_code == 400
    assert set(response.json()) == {"error_code", "message"}
    assert response.json()["message"].startswith(message)


def test_the_longest_text_is_answered_and_a_longer_request_is_not_read(client):
    largest = {"inputs": ["\U0001f600" * 20] * 3}
    assert client.post("/invocations", json=largest).status_code == 200
    assert len(json.dumps(largest)) < LIMITS.body
    sent = []

    def parts():
        for number in range(1000):
            sent.append(number)
            yield b" " * 1000

    response = client.post("/invocations", content=parts(), headers=JSON)
    assert response.status_code == 413
    assert response.json()["message"].startswith("The request has more than")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "message"),
    [
        ("POST", "/invocations", {"content-type": "text/csv"}, 415, "Send JSON in UTF-8"),
        ("POST", "/invocations", {}, 415, "Send JSON in UTF-8"),
        (
            "POST",
            "/invocations",
            {"content-type": "application/json; charset=latin-1"},
            415,
            "Send JSON in UTF-8",
        ),
        ("GET", "/invocations", {}, 405, "This address does not allow this method."),
        ("POST", "/predict", {}, 404, "There is nothing at this address."),
        ("GET", "/docs", {}, 404, "There is nothing at this address."),
    ],
)
def test_other_addresses_and_formats(client, method, path, headers, status, message):
    response = client.request(method, path, content=b'{"inputs": ["a"]}', headers=headers)
    assert (response.status_code, response.json()["message"][: len(message)]) == (status, message)


class Echo(ServedModel):
    """Model that answers with the text, and fails on `fail`."""

    def answer(self, prepared):
        if "fail" in prepared:
            raise ValueError("/a/path/of/this/machine")
        return [Answer(text) for text in prepared]


def echo(version="1", task="tagging"):
    return Echo("echo", version, SimpleNamespace(normalize=list, spec=SimpleNamespace(task=task)))


def test_a_failure_is_no_traceback_and_concerns_no_other_request():
    with TestClient(app.make_app(echo(), LIMITS), raise_server_exceptions=False) as client:
        response = client.post("/invocations", json={"inputs": ["fail"]})
        assert (response.status_code, response.json()) == (
            500,
            {
                "error_code": "INTERNAL_SERVER_ERROR",
                "message": "The server failed to answer this request.",
            },
        )
        answer = client.post("/invocations", json={"inputs": ["a", "b"]}).json()
        assert answer == {"predictions": ["a", "b"], "model": "echo", "version": "1"}


def test_the_champion_moves_without_a_lost_request():
    """Clients ask without a break while the model is replaced again and again."""
    versions = itertools.count(2)
    application = app.make_app(
        echo(), LIMITS, refresh=lambda _: echo(str(next(versions))), seconds=0.01
    )
    answers: list[tuple[int, str]] = []
    end = threading.Event()

    def ask(client):
        while not end.is_set():
            response = client.post("/invocations", json={"inputs": ["a"]})
            answers.append((response.status_code, response.json()["version"]))

    with TestClient(application) as client:
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len({version for _, version in answers}) < 5 and threads[0].is_alive():
            time.sleep(0.01)
        end.set()
        for thread in threads:
            thread.join()
    assert len({version for _, version in answers}) >= 5
    assert {status for status, _ in answers} == {200}


def test_a_late_answer_is_an_error_in_json(monkeypatch):
    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "0")
    with TestClient(app.make_app(echo(), LIMITS)) as client:
        response = client.post("/invocations", json={"inputs": ["a"]})
    assert response.status_code == 504
    assert response.json()["message"].startswith("The answer took more than 0 seconds.")


def test_a_client_that_leaves_while_it_sends_is_no_failure(client):
    """The server would log a traceback for each."""
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/invocations",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 400
