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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep tests that share something in one process, so that it is made once: `make test` shares them among cores."""
    for item in items:
        fixtures = [one for named in item._fixtureinfo.name2fixturedefs.values() for one in named]
        if any(fixture.scope in ("class", "module") for fixture in fixtures):
            item.add_marker(pytest.mark.xdist_group(_shared_by(item)))


def _shared_by(item):
    """Return what the tests that share something with this one have in common: their file, or the notebook they run."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    notebook = parameters.get("path", getattr(item.cls, "PATH", None))
    return item.path.stem if notebook is None else f"{item.path.stem}_{notebook.stem}"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(home / "compositions"))
    monkeypatch.setenv("DEEPCOMPOSER_LAB_MODELS", str(home / "models"))
