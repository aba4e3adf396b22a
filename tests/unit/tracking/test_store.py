"""Addresses of the tracking store, as they are shown."""

import pytest

from pipelines.tracking import store


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:secret@host:5000/path", "https://host:5000/path"),
        ("postgresql://me:secret@host/runs", "postgresql://host/runs"),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_password_is_left_out_and_nothing_else(address, shown):
    assert store.shown(address) == shown
