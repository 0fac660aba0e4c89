"""Where and with what a training ran: what a model card says beside the recipe."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch


def surroundings() -> dict[str, str | int]:
    """Return hardware, versions and commit as plain values; "" where one cannot be known."""
    return {
        "hardware": f"{platform.machine()}, CPU",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "package_version": version("deepcomposer-lab"),
        "commit": _commit(),
    }


def _commit() -> str:
    """Return the commit of the checkout that this package runs from; "" when it runs from an installed copy."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
