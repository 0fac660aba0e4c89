"""JupyterLab as `make lab` starts it, a browser that looks at it, and what the tests do in it again and again.

The notebooks are run in a copy: JupyterLab saves what it opens, and the committed ones stay clean. One JupyterLab
serves all tests, because starting it takes as long as many of them; before each it is put back as it was at its
start, kernels, settings, layout, notebooks and compositions, and the browser opens a profile that nobody used.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from ports import free_port

ROOT = Path(__file__).parents[2]
AXE = ROOT / "deepcomposer_lab" / "widgets" / "js" / "node_modules" / "axe-core" / "axe.min.js"
TOKEN = "a-token-for-tests"
ERRORS = '[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type="application/vnd.jupyter.error"]'
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
ACCESSIBLE = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def load_lab():
    specification = importlib.util.spec_from_file_location("lab", ROOT / "lab.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


# --- JupyterLab -------------------------------------------------------------------------------------------


class Server:
    """A running JupyterLab: where it is, which folder it shows, and the home of its kernels."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.root = folder / "checkout"
        self.compositions = folder / "compositions"
        self._settings, self._workspaces = folder / "settings", folder / "workspaces"
        self._untouched = folder / "workspaces-at-the-start"
        self._port = free_port()
        self.url = f"http://localhost:{self._port}"

    @property
    def _user_settings(self) -> Path:
        return self.home / "user-settings"

    def prepare(self) -> None:
        """Write what it needs before it is started."""
        self.root.mkdir()
        (self.root / "deepcomposer_lab").symlink_to(ROOT / "deepcomposer_lab")
        self._settings.mkdir()
        shutil.copy(ROOT / "binder" / "overrides.json", self._settings)
        importing = [sys.executable, "-m", "jupyterlab", "workspaces", "import", ROOT / "binder" / "workspace.json"]
        folder = f"--WorkspaceImportApp.workspaces_dir={self._untouched}"
        subprocess.run([*importing, folder], check=True, capture_output=True)
        self.put_back()

    def put_back(self) -> None:
        """Make files as they were at the start."""
        for folder in (self._workspaces, self._user_settings, self.compositions, self.root / "notebooks"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._untouched, self._workspaces)
        leave = shutil.ignore_patterns("compositions", ".ipynb_checkpoints")
        shutil.copytree(ROOT / "notebooks", self.root / "notebooks", ignore=leave)

    @property
    def command(self) -> list[str]:
        arguments = ["--no-browser", f"--port={self._port}", f"--IdentityProvider.token={TOKEN}"]
        command = load_lab().jupyter_command(sys.executable, arguments, str(self.root), str(self._workspaces))
        command.append(f"--LabApp.app_settings_dir={self._settings}")
        command.append(f"--LabApp.user_settings_dir={self._user_settings}")
        return command

    @property
    def surroundings(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "DEEPCOMPOSER_LAB_HOME": str(self.compositions)}
        own["DEEPCOMPOSER_LAB_MODELS"] = str(self.home / "models")
        return {**os.environ, **own, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}

    def write_settings(self, plugin: str, settings: dict) -> None:
        """Write a person's settings of a plugin of JupyterLab, as `@jupyterlab/apputils-extension/themes`."""
        path = self._user_settings / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")

    def ask(self, path: str, method: str = "GET"):
        """Return what its REST interface answers."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"token {TOKEN}"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def end_sessions(self) -> None:
        for session in self.ask("/api/sessions"):
            self.ask(f"/api/sessions/{session['id']}", method="DELETE")

    def write(self, notebook: str, cells: Sequence[str], kernel: str = "python3") -> None:
        """Write a notebook with these code cells."""
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

    def open(self, page: Page, notebook: str) -> None:
        """Open a notebook, and wait for its kernel."""
        page.goto(f"{self.url}/lab/tree/{notebook}?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.wait_for_kernel(page, notebook)

    def open_cells(self, page: Page, notebook: str, cells: Sequence[str], kernel: str = "python3") -> None:
        """Write a notebook with these code cells, open it, and wait for its kernel."""
        self.write(notebook, cells, kernel)
        self.open(page, notebook)

    def wait_for_kernel(self, page: Page, notebook: str, seconds: float = 60) -> None:
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


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Server]:
    """Start JupyterLab with all that it writes in `folder`, and end it."""
    running = Server(folder)
    running.prepare()
    process = subprocess.Popen(running.command, env=running.surroundings)
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


# --- The browser ------------------------------------------------------------------------------------------


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start Chromium, with more flags where they are given, and end it."""
    path = load_lab().find_chromium()
    assert path is not None, "There is no Chromium here: `make test` installs it, or says how."
    with sync_playwright() as playwright:
        # Scrollbars are seen, as most people see them.
        seen = {"ignore_default_args": ["--hide-scrollbars"]}
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags], **seen)
        try:
            yield browser
        finally:
            browser.close()


class Served(Protocol):
    """Whatever has an address, such as a Server."""

    url: str


def new_page(browser: Browser, server: Served, **options) -> Page:
    """Open a page in a profile of its own.

    Its list `elsewhere` names every request that left this machine, `faults` every error that no script caught, but
    for those of JupyterLab's own core, which a change of its theme may cause.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.elsewhere, page.faults = [], []
    own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")
    context.on("request", lambda request: request.url.startswith(own) or page.elsewhere.append(request.url))
    page.on("pageerror", lambda error: is_jupyterlabs_own(error) or page.faults.append(error))
    return page


def is_jupyterlabs_own(error) -> bool:
    """Return whether an error passed through nothing but JupyterLab's core; widgets come from other addresses."""
    places = re.findall(r"(?:https?|blob):\S+", error.stack or "")
    return bool(places) and all("/static/lab/" in place for place in places)


# --- What is done in a notebook ---------------------------------------------------------------------------


def run_cell(page: Page, number: int) -> None:
    page.locator(".jp-CodeCell .jp-InputPrompt").nth(number).click()
    page.keyboard.press("Control+Enter")


def run_all(page: Page) -> None:
    """Run all cells; wait for none of them."""
    page.click('div.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('li.lm-Menu-item[data-command="runmenu:run-all"]')


def output_of(page: Page, number: int) -> Locator:
    return page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output")


def choose_theme(page: Page, theme: str) -> None:
    """Choose JupyterLab's theme, "Light" or "Dark"."""
    page.click('div.lm-MenuBar-itemLabel:text-is("Settings")')
    page.hover('li.lm-Menu-item:has-text("Theme")')
    page.click(f'li.lm-Menu-item:has-text("JupyterLab {theme}"):not(:has-text("High Contrast"))')
    page.wait_for_function(
        "isLight => document.body.dataset.jpThemeLight === String(isLight)", arg=theme == "Light", timeout=30_000
    )


def save(page: Page) -> None:
    """Save the notebook, and wait until it is saved."""
    page.click('div.lm-MenuBar-itemLabel:text-is("File")')
    page.click('li.lm-Menu-item[data-command="docmanager:save"]')
    page.wait_for_function("document.querySelector('.jp-mod-dirty.lm-mod-current') === null", timeout=30_000)


# --- Accessibility ----------------------------------------------------------------------------------------


def violations(page: Page, scope: str = ".dc", tags: Sequence[str] = ACCESSIBLE) -> list[str]:
    """Return what axe-core finds against WCAG, levels A and AA, inside `scope`: a line for each element."""
    assert AXE.is_file(), "axe-core is missing: `make test` installs it, or says how."
    assert page.locator(scope).count(), f"There is no {scope} to look at."
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        """([scope, tags]) => axe.run({ include: [[scope]] }, {
            runOnly: { type: "tag", values: tags }, resultTypes: ["violations"], elementRef: false,
        }).then(({ violations }) => violations)""",
        [scope, list(tags)],
    )
    return [
        f"{rule['id']} ({rule['help']}): {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for rule in found
        for node in rule["nodes"]
    ]


# --- Sound ------------------------------------------------------------------------------------------------

SOUND = "globalThis[Symbol.for('deepcomposer_lab.sound')]"


def peak(page: Page, seconds: float = 0.5) -> float:
    """Return the highest level that the page's sound reaches for some seconds; 0 where there is none yet."""
    return page.evaluate(
        f"""async (milliseconds) => {{
            const analyser = {SOUND}?.analyser;
            if (!analyser) return 0;
            const samples = new Float32Array(analyser.fftSize);
            const end = performance.now() + milliseconds;
            let highest = 0;
            while (performance.now() < end) {{
                analyser.getFloatTimeDomainData(samples);
                for (const sample of samples) highest = Math.max(highest, Math.abs(sample));
                await new Promise((resolve) => setTimeout(resolve, 10));
            }}
            return highest;
        }}""",
        1000 * seconds,
    )


def sounding_frequency(page: Page) -> float:
    """Return the fundamental frequency of what sounds at this moment, in hertz, by its autocorrelation."""
    rate, samples = page.evaluate(
        f"""() => {{
            const {{ analyser, context }} = {SOUND};
            const size = analyser.fftSize;
            analyser.fftSize = 8192;
            const samples = new Float32Array(8192);
            analyser.getFloatTimeDomainData(samples);
            analyser.fftSize = size;
            return [context.sampleRate, Array.from(samples)];
        }}"""
    )
    signal = np.asarray(samples) - np.mean(samples)
    spectrum = np.abs(np.fft.rfft(signal, 2 * len(signal))) ** 2
    likeness = np.fft.irfft(spectrum)[: len(signal) // 2]
    likeness /= np.arange(len(signal), len(signal) - len(likeness), -1)
    shortest = int(rate / 2000)
    first_dip = shortest + int(np.argmax(likeness[shortest:] < 0))
    highest = likeness[first_dip:].max()
    # The first peak that is nearly as high as any: later ones are multiples of the period.
    inner = likeness[first_dip:]
    peaks = np.flatnonzero((inner[1:-1] >= inner[:-2]) & (inner[1:-1] > inner[2:]) & (inner[1:-1] > 0.85 * highest))
    return rate / (first_dip + 1 + int(peaks[0]))


def listen(page: Page) -> None:
    """Begin to write down the page's sound, sample by sample, and when keys are pressed, by the same clock."""
    page.evaluate(
        f"""async () => {{
            const {{ analyser, context }} = {SOUND};
            const code = `registerProcessor("lab-ear", class extends AudioWorkletProcessor {{
                process([[samples]]) {{
                    this.port.postMessage([currentFrame, samples ? samples.slice() : new Float32Array(128)]);
                    return true;
                }}
            }})`;
            await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], {{ type: "text/javascript" }})));
            const ear = new AudioWorkletNode(context, "lab-ear", {{ numberOfOutputs: 0 }});
            window.heard = [];
            window.presses = [];
            ear.port.onmessage = ({{ data }}) => window.heard.push(data);
            analyser.connect(ear);
            window.addEventListener("keydown", (event) => {{
                const waited = (performance.now() - event.timeStamp) / 1000;
                window.presses.push(context.currentTime - waited);
            }}, true);
        }}"""
    )


def what_was_heard(page: Page) -> tuple[np.ndarray, float, list[float]]:
    """Return the samples since `listen`, their rate, and when keys were pressed, in seconds from the first sample."""
    rate, first, samples, presses = page.evaluate(
        f"""() => {{
            const heard = window.heard;
            const samples = new Int16Array(heard.length * 128);
            heard.forEach(([, block], index) => samples.set(block.map((value) => 32767 * value), 128 * index));
            const bytes = new Uint8Array(samples.buffer);
            let text = "";
            for (let at = 0; at < bytes.length; at += 32768) {{
                text += String.fromCharCode(...bytes.subarray(at, at + 32768));
            }}
            const rate = {SOUND}.context.sampleRate;
            return [rate, heard[0][0] / rate, btoa(text), window.presses];
        }}"""
    )
    decoded = np.frombuffer(base64.b64decode(samples), dtype="<i2") / 32767
    return decoded, rate, [press - first for press in presses]


def delays(samples: np.ndarray, rate: float, presses: Sequence[float]) -> np.ndarray:
    """Return how long after each press, in seconds, the sound begins to rise above what sounded before."""
    found = []
    for press in presses:
        at = max(0, int(press * rate))
        before = np.abs(samples[max(0, at - int(0.03 * rate)) : at + 1]).max()
        rises = np.flatnonzero(np.abs(samples[at : at + int(0.3 * rate)]) > 2 * before + 0.003)
        found.append(rises[0] / rate if len(rises) else np.inf)
    return np.array(found)
