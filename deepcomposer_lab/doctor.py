"""Doctor: is everything there that composing needs? One line a question, whatever else is broken.

`deepcomposer-lab doctor` prints it; the first notebook shows it. Each check stands alone: one that fails, or breaks,
says so in its own line and the others still answer.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OLDEST_PYTHON = (3, 11)
MEMORY_NEEDED_GB = 1.0  # composing takes under 0.7 GB; the rest is the notebook's


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question.

    Parameters
    ----------
    name : str
        What was looked at: "Python", "SoundFont" …
    ok : bool
        Whether it is as it should be.
    sentence : str
        What was found; where it is not ok, also what to do.
    """

    name: str
    ok: bool
    sentence: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else '!!'}  {self.name}: {self.sentence}"


def checks() -> list[Check]:
    """Look at everything, and return one `Check` a question; nothing is raised and nothing is left behind."""
    questions: dict[str, Callable[[], Check]] = {
        "Python": _python,
        "Libraries": _libraries,
        "torch": _torch,
        "SoundFont": _soundfont,
        "Models": _models,
        "Memory": _memory,
        "Library": _library,
    }
    return [_answer(name, question) for name, question in questions.items()]


def _answer(name: str, question: Callable[[], Check]) -> Check:
    """Ask one question; whatever goes wrong becomes its answer, since a doctor who faints helps nobody."""
    try:
        return question()
    except Exception as error:
        return Check(name, False, f"the check failed ({type(error).__name__}: {' '.join(str(error).split())}).")


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", False, f"{found}; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed.")
    return Check("Python", True, f"{found}.")


def _libraries() -> Check:
    """Compare what is installed with what the package asks for."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in importlib.metadata.requires("deepcomposer-lab") or []]
    present, faults = [], []
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            faults.append(f"{requirement.name} is missing")
            continue
        present.append(f"{requirement.name} {version}")
        if not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"{requirement.name} is {version}, tested with {requirement.specifier}")
    if faults:
        return Check("Libraries", False, f"{'; '.join(faults)}: {_remedy()}.")
    return Check("Libraries", True, f"{', '.join(present)}.")


def _remedy() -> str:
    """Say how what is missing comes back: a checkout installs itself, whatever was installed is installed again."""
    is_checkout = (Path(__file__).resolve().parent.parent / "lab.py").is_file()
    return "run `make lab` again (or `python lab.py`)" if is_checkout else "install deepcomposer-lab again"


def _torch() -> Check:
    """Run one small convolution, the operation every model here is made of, against a result known beforehand."""
    import torch

    summed = torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
    if summed.flatten().tolist() != [9.0] * 4:
        return Check("torch", False, f"{torch.__version__} computes wrongly: nine ones make {summed.flatten()[0]}.")
    threads = torch.get_num_threads()
    return Check("torch", True, f"{torch.__version__} computes, on {threads} CPU thread{'s' if threads > 1 else ''}.")


def _soundfont() -> Check:
    from deepcomposer_lab.sound import cache_folder, soundfont_path

    try:
        path = soundfont_path()
    except OSError as error:  # it was made, and only its copy for the next time was refused
        return Check(
            "SoundFont",
            True,
            f"it is made in memory, a second a start, since {cache_folder()} cannot be written ({error.strerror}).",
        )
    return Check("SoundFont", True, f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, is ready.")


def _models() -> Check:
    """Compare every model's weights with the sha256 on its card."""
    from deepcomposer_lab.models.registry import find_card, list_models, weights_path

    good: list[str] = []
    damaged: list[str] = []
    for card in list_models():
        data = weights_path(find_card(card.stem)).read_bytes()
        is_right = hashlib.sha256(data).hexdigest() == card.weights_sha256
        (good if is_right else damaged).append(f"{card.stem} ({len(data) / 1e6:.1f} MB)")
    if damaged:
        return Check("Models", False, f"the weights of {', '.join(damaged)} differ from their card: {_remedy()}.")
    if not good:
        return Check("Models", False, f"none is here: {_remedy()}.")
    return Check("Models", True, f"{', '.join(good)}, weights as their cards say.")


def _memory() -> Check:
    free = free_memory_gb()
    if free is None:
        return Check("Memory", True, "this system does not say how much is free.")
    if free < MEMORY_NEEDED_GB:
        return Check("Memory", False, f"{free:.1f} GB free; composing needs {MEMORY_NEEDED_GB:g} GB: close something.")
    return Check("Memory", True, f"{free:.1f} GB free.")


def free_memory_gb() -> float | None:
    """Return the memory that programs may still take, in GB (10⁹ bytes); None where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024 / 1e9
    try:
        import psutil  # comes with Jupyter's kernel
    except ImportError:
        return None
    return psutil.virtual_memory().available / 1e9


def _library() -> Check:
    from deepcomposer_lab.library import library_directory

    folder = library_directory()
    existing = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Check(
            "Library",
            False,
            f"{folder} cannot be written ({error.strerror}): name another in DEEPCOMPOSER_LAB_HOME.",
        )
    return Check("Library", True, f"compositions are kept in {folder}.")
