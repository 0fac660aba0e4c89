"""binder/: its steps, as Binder runs them, give an environment that composes and a quiet JupyterLab."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
NOT_IN_A_CLONE = (".venv", ".git", "__pycache__", ".*_cache", "compositions", ".ipynb_checkpoints", ".hypothesis")


def test_holds_what_binder_needs_and_nothing_else():
    assert {path.name for path in BINDER.iterdir()} == {
        "requirements.txt",
        "runtime.txt",
        "postBuild",
        "overrides.json",
        "workspace.json",
    }
    assert os.access(BINDER / "postBuild", os.X_OK)


def test_the_cpu_index_and_the_pinned_torch_come_before_the_package():
    lab = (ROOT / "lab.py").read_text()
    version = re.search(r'TORCH_VERSION = "([\d.]+)"', lab)[1]
    index = re.search(r'TORCH_CPU_INDEX = "(\S+)"', lab)[1]
    # With "=", because older Binder builders take what follows a space for a file of the repository.
    expected = [f"--extra-index-url={index}", f"torch=={version}", "-e ."]
    assert (BINDER / "requirements.txt").read_text().split("\n") == [*expected, ""]


def test_its_python_is_one_that_the_package_takes():
    with open(ROOT / "pyproject.toml", "rb") as file:
        oldest = re.fullmatch(r">=3\.(\d+)", tomllib.load(file)["project"]["requires-python"])[1]
    runtime = re.fullmatch(r"python-3\.(\d+)\n", (BINDER / "runtime.txt").read_text())[1]
    assert int(runtime) >= int(oldest)


def test_jupyterlab_asks_for_no_news_draws_every_cell_and_folds_its_sidebars():
    settings = json.loads((BINDER / "overrides.json").read_text())
    assert settings["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false", "checkForUpdates": False}
    # A picture in a cell that is skipped while out of sight comes back empty when the window changes its size.
    assert settings["@jupyterlab/notebook-extension:tracker"] == {"windowingMode": "none"}
    layout = json.loads((BINDER / "workspace.json").read_text())["data"]["layout-restorer:data"]
    assert layout["left"]["collapsed"] is True
    assert layout["right"]["collapsed"] is True


def test_the_build_stops_at_the_first_step_that_fails(tmp_path):
    (tmp_path / "python").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho {tmp_path}\nexit 4\n')
    (tmp_path / "python").chmod(0o755)
    surroundings = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run([BINDER / "postBuild"], cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert result.returncode == 4
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


@pytest.mark.slow
def test_its_steps_build_an_environment_that_composes(tmp_path):
    """Takes minutes: a whole installation. Where the index of CPU builds is out of reach, pip does without."""
    clone, environment = tmp_path / "clone", tmp_path / "environment"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    surroundings = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_RETRIES": "1",
        "PIP_DEFAULT_TIMEOUT": "15",
    }
    surroundings.pop("PYTHONPATH", None)
    install = ["python", "-m", "pip", "install", "-q", "-r", "binder/requirements.txt"]
    subprocess.run(install, cwd=clone, env=surroundings, check=True, timeout=1800)
    subprocess.run([clone / "binder" / "postBuild"], cwd=clone, env=surroundings, check=True, timeout=300)

    settings = environment / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    assert settings.read_text() == (BINDER / "overrides.json").read_text()
    assert list((tmp_path / ".jupyter" / "lab" / "workspaces").glob("default-*.jupyterlab-workspace"))
    code = (
        "import deepcomposer_lab as dc; melody = dc.sample_melody('ode_to_joy'); "
        "bach = dc.ARCNN.from_pretrained('autoregressive_cnn_bach'); "
        "print(len(bach.compose(melody, sampling_iterations=10, seed=1).notes))"
    )
    composed = subprocess.run(
        ["python", "-c", code], cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=300
    )
    assert composed.returncode == 0, composed.stderr
    assert int(composed.stdout) > 0
