"""What every test stands on: a home of its own, so that none touches a person's files, and one thread.

Small networks gain nothing from a second thread, and on a busy machine threads that wait for each other cost far more
than they give.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(home / "compositions"))
    monkeypatch.setenv("DEEPCOMPOSER_LAB_MODELS", str(home / "models"))
