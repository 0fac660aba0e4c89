"""Node, as `make test` finds or installs it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "deepcomposer_lab" / "widgets" / "js"


def run(program, *arguments, **options):
    """Run a program of Node or of a package in widgets/js, and return what `subprocess.run` does, with text."""
    specification = importlib.util.spec_from_file_location("lab", ROOT / "lab.py")
    lab = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(lab)
    found = lab.find_node(sys.executable)
    if found is None or not (SOURCES / "node_modules").is_dir():
        pytest.fail("Node or the packages in widgets/js are missing: `make test` installs them, or says how.")
    folders = [str(SOURCES / "node_modules" / ".bin"), os.path.dirname(found[0]), os.environ.get("PATH", "")]
    surroundings = {**os.environ, "PATH": os.pathsep.join(folders)}
    command = [shutil.which(program, path=surroundings["PATH"]), *map(str, arguments)]
    return subprocess.run(
        command, cwd=SOURCES, env=surroundings, capture_output=True, encoding="utf-8", timeout=300, **options
    )
