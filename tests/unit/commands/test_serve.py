"""What `seqproof serve` refuses before it loads a model."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import app, serve

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())


def refused(*arguments):
    result = CliRunner().invoke(app.app, ["serve", *arguments])
    assert result.exit_code != 0
    message = str(result.exception)
    assert len(message.splitlines()) == 1
    return message


def test_neither_a_model_nor_an_alias():
    message = refused("opinions-lst")
    assert (
        "'opinions-lst' is neither a model nor an alias (`seqproof promote` makes one)" in message
    )
    assert "did you mean 'opinions-lstm'?" in message
    assert "'opinions@champion' is not registered; there is none." in refused("opinions@champion")


def test_a_model_that_was_not_trained():
    assert "contains no model" in refused("opinions-lstm", "--port", "0")


def test_a_port_in_use_and_an_address_of_another_machine():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        message = refused("opinions-lstm", "--port", port)
    assert message.startswith(f"127.0.0.1:{port} is not available (Address already in use).")
    assert "Set another --host or --port." in refused("opinions-lstm", "--host", "192.0.2.1")


def test_the_listener_sends_small_answers_at_once():
    """asyncio sets TCP_NODELAY only on sockets that name their protocol."""
    with serve.bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["a..b", 70 * "a"])
def test_an_address_that_is_no_name(host):
    message = refused("opinions-lstm", "--host", host)
    assert message.startswith(f"{host}:8000 is not available")
    assert message.endswith("Set another --host or --port.")
