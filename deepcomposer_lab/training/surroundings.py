"""Where and with what a training ran: what a model card says beside the recipe."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch


def surroundings() -> dict[str, str | int]:
    """Return hardware, versions and commit as plain values; "" where one cannot be known."""
    return {
        "hardware": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "package_version": _package_version(),
        "commit": _commit(),
    }


def _package_version() -> str:
    """Return the installed version; "" where the package runs from a copy that was never installed."""
    try:
        return version("deepcomposer-lab")
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return the processor's name as the system tells it, and how many cores there are."""
    name = platform.processor() or platform.machine()
    told = Path("/proc/cpuinfo")
    if told.exists():
        lines = [
            line.partition(":")[2].strip() for line in told.read_text().splitlines() if line.startswith("model name")
        ]
        name = lines[0] if lines else name
    return f"{name} ({platform.machine()}), {os.cpu_count()} cores"


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
