"""`deepcomposer-lab studio`: the Music studio alone on a page."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import psutil
import pytest
from lab_page import ROOT, SOUND, new_page, peak, violations
from ports import free_port
from studio_page import Studio

SILENCE = 0.003


@pytest.fixture
def command(tmp_path):
    """The command, begun: its process, and where it can be found, once it can."""
    port = free_port()
    home = {"HOME": str(tmp_path), "DEEPCOMPOSER_LAB_HOME": str(tmp_path / "compositions"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deepcomposer_lab", "studio", "--no-browser", f"--port={port}", "--dark"]
    process = subprocess.Popen(command, env={**os.environ, **home}, cwd=tmp_path)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None, "the command ended before the page was there"
            assert time.monotonic() < end, "the page was not there within a minute"
            time.sleep(0.1)
        yield SimpleNamespace(url=url, process=psutil.Process(process.pid))
    finally:
        process.terminate()
        assert process.wait(timeout=30) is not None


def answers(url):
    """Return whether something listens; the page itself is not asked for, as that would start a kernel."""
    try:
        urllib.request.urlopen(f"{url}/nothing", timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def kernels(command):
    """Return how many kernels run."""
    return sum("ipykernel_launcher" in " ".join(child.cmdline()) for child in command.process.children(recursive=True))


def test_the_studio_stands_alone_on_a_page(command, browser):
    page = new_page(browser, command)
    studio = Studio(page)
    asked = time.monotonic()
    page.goto(command.url)
    studio.wait_until_ready()
    print(f"Alone on a page, it is ready {time.monotonic() - asked:.1f} s after the page was asked for")
    assert page.locator(".jp-CodeMirrorEditor, .cm-editor, .jp-InputArea-editor").locator("visible=true").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert studio.root.bounding_box()["width"] > 1100
    dark = studio.root.evaluate("root => getComputedStyle(root.querySelector('.dc-studio')).backgroundColor")
    assert max(int(part) for part in dark.removeprefix("rgb(").removesuffix(")").split(",")) < 80
    assert violations(page) == []
    studio.button("Help and keys").click()
    keys = studio.root.get_by_role("dialog", name="Keys")
    assert "notebook" not in keys.inner_text()  # there is none to give the keys back to
    keys.get_by_role("button", name="Close").click()
    studio.button("Play").click()
    page.wait_for_function(f"{SOUND}.state === 'ready'")
    assert peak(page, 1) > SILENCE
    studio.button("Stop").click()
    studio.button("Choose a technique").click()
    studio.compose("gan")
    page.wait_for_function("document.querySelector('.dc-counts')?.textContent.includes('added')")
    assert studio.counts["added"] > 20
    page.reload()  # a new kernel; the draft comes back
    studio.wait_until_ready()
    studio.wait_for_step(3)
    end = time.monotonic() + 30
    while kernels(command) != 1:  # that of the page before has ended
        assert time.monotonic() < end, f"{kernels(command)} kernels run for one page"
        page.wait_for_timeout(200)
    assert page.faults == []
    assert page.elsewhere == []
    page.context.close()
