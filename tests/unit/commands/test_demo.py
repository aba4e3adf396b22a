"""`seqproof demo`: what it needs before it serves."""

import shutil
import socket
import tomllib
from pathlib import Path

import pytest

from commands import demo
from pipelines.errors import UserError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The project's params.yaml, without trained models."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def test_missing_gradio(monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs Gradio\. Install it .* 'gradio>="):
        demo.demo([], 0)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras["optional-dependencies"]["demo"] == [demo.REQUIREMENT]


def test_no_trained_model():
    pytest.importorskip("gradio")
    with pytest.raises(UserError, match="There is no trained model"):
        demo.demo(["verses"], 0)


def test_unknown_corpora_and_ports_in_use():
    with pytest.raises(UserError, match="did you mean 'verses'"):
        demo.demo(["verse"], 0)
    with socket.create_server((demo.HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=rf"{port} is not available .*\. Set another --port\.$"):
            demo.demo([], port)
