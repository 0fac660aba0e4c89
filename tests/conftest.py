"""What every test stands on: a home of its own, so that none touches a person's files, and one thread.

Small networks gain nothing from a second thread, and on a busy machine threads that wait for each other cost far more
than they give.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

# Drawing examples takes as long as the machine is busy, which says nothing of what is tested.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(home / "compositions"))
    monkeypatch.setenv("DEEPCOMPOSER_LAB_MODELS", str(home / "models"))
