"""JupyterLab as `make lab` starts it, and a browser that looks at it.

The notebooks are run in a copy: JupyterLab saves what it opens, and the committed ones stay clean.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-tests"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def load_lab():
    specification = importlib.util.spec_from_file_location("lab", ROOT / "lab.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@dataclass
class Server:
    """A running JupyterLab: where it is, and which folder it shows."""

    url: str
    root: Path

    def ask(self, path, method="GET"):
        """Return what its REST interface answers."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"token {TOKEN}"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def open_cells(self, page: Page, notebook: str, cells: Sequence[str], kernel: str = "python3") -> None:
        """Write a notebook with these code cells, open it, and wait for its kernel."""
        content = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{index}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": cell,
                }
                for index, cell in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": kernel, "display_name": "Python 3", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.root / notebook).write_text(json.dumps(content), encoding="utf-8")
        page.goto(f"{self.url}/lab/tree/{notebook}?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.wait_for_kernel(page, notebook)

    def wait_for_kernel(self, page, notebook, seconds=60):
        """Wait until the kernel is idle and the page is connected to it; before, the page only looks ready."""
        end = time.monotonic() + seconds
        while not any(
            session["path"] == notebook
            and session["kernel"]["execution_state"] == "idle"
            and session["kernel"].get("connections")
            for session in self.ask("/api/sessions")
        ):
            assert time.monotonic() < end, f"The kernel of {notebook} was not ready within {seconds} s."
            page.wait_for_timeout(100)


@pytest.fixture
def server(tmp_path):
    lab = load_lab()
    root = tmp_path / "checkout"
    shutil.copytree(
        ROOT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns("compositions", ".ipynb_checkpoints")
    )
    (root / "deepcomposer_lab").symlink_to(ROOT / "deepcomposer_lab")
    settings, workspaces = tmp_path / "settings", tmp_path / "workspaces"
    settings.mkdir()
    shutil.copy(ROOT / "binder" / "overrides.json", settings)
    importing = [sys.executable, "-m", "jupyterlab", "workspaces", "import", ROOT / "binder" / "workspace.json"]
    subprocess.run([*importing, f"--WorkspaceImportApp.workspaces_dir={workspaces}"], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--no-browser", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    command = lab.jupyter_command(sys.executable, arguments, str(root), str(workspaces))
    command.append(f"--LabApp.app_settings_dir={settings}")
    command.append(f"--LabApp.user_settings_dir={tmp_path / 'user-settings'}")
    process = subprocess.Popen(command, env={**os.environ, "HOME": str(tmp_path)})
    running = Server(f"http://localhost:{port}", root)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                running.ask("/api")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, "JupyterLab ended before it answered."
                assert time.monotonic() < end, "JupyterLab did not answer within a minute."
                time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def page(server):
    """Return a page whose list `elsewhere` names every request that left this machine."""
    chromium = load_lab().find_chromium()
    if chromium is None:
        pytest.fail("There is no Chromium here: `make test` installs it, or says how.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.elsewhere = []
        own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(own) or page.elsewhere.append(request.url))
        yield page
        browser.close()
