"""One JupyterLab for all tests of the browser, one browser a file, one profile a test."""

import pytest
from lab_page import chromium, jupyterlab, new_page


@pytest.fixture(scope="session")
def running_server(tmp_path_factory):
    with jupyterlab(tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture
def server(running_server):
    """JupyterLab as at its start: no kernel runs, and nothing is left of the tests before."""
    yield running_server
    running_server.end_sessions()
    running_server.put_back()


# Not one for all files: while Playwright runs, no test of other things in this process may start an event loop.
@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def page(server, browser):
    """Return a page whose list `elsewhere` names every request that left this machine."""
    page = new_page(browser, server)
    yield page
    page.context.close()
