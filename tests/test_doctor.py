"""The doctor tells a broken set-up from a whole one, one line a question, and never faints."""

from __future__ import annotations

import builtins
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepcomposer_lab import doctor
from deepcomposer_lab.doctor import Check


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library" / "deep"
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(folder))
    return folder


def answer(name: str) -> Check:
    [found] = [check for check in doctor.checks() if check.name == name]
    return found


def test_a_whole_setup_answers_every_question_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "free_memory_gb", lambda: 8.0)  # what the machine has free now is no fault of ours
    answers = doctor.checks()
    assert [check.name for check in answers] == [
        "Python",
        "Libraries",
        "torch",
        "SoundFont",
        "Models",
        "Memory",
        "Library",
    ]
    assert [str(check) for check in answers if not check.ok] == []
    assert all("\n" not in str(check) and check.sentence.endswith(".") for check in answers)
    assert importlib.metadata.version("torch") in answers[1].sentence
    assert str(home) in answers[-1].sentence
    assert not home.parent.exists()  # looking changes nothing


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    real = builtins.__import__

    def import_without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {missing!r}")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", import_without)


def test_a_missing_torch_is_one_failed_line_and_the_rest_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch")
    answers = {check.name: check for check in doctor.checks()}
    assert not answers["torch"].ok
    assert "No module named 'torch'" in answers["torch"].sentence
    assert answers["Python"].ok
    assert answers["Library"].ok


def test_torch_that_computes_wrongly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *arguments: torch.zeros(1, 1, 2, 2))
    assert not answer("torch").ok


def test_libraries_that_are_missing_or_too_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata,
        "requires",
        lambda name: ["numpy>=2", "mido<0.1", "no-such-library>=1", 'pytest<0.1; extra == "test"'],
    )
    found = answer("Libraries")
    assert not found.ok
    assert "no-such-library is missing" in found.sentence
    assert "mido is" in found.sentence
    assert "pytest" not in found.sentence
    assert "numpy" not in found.sentence
    assert "run `make lab` again" in found.sentence
    assert "pip" not in found.sentence


def test_outside_a_checkout_there_is_no_make_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["no-such-library>=1"])
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "deepcomposer_lab" / "doctor.py"))
    assert answer("Libraries").sentence == "no-such-library is missing: install deepcomposer-lab again."


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deepcomposer_lab.models import registry

    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "bach-1.safetensors").write_bytes(b"other")
    cards = [SimpleNamespace(stem="bach-1", weights_sha256="00" * 32)]
    monkeypatch.setattr(registry, "list_models", lambda: cards)
    monkeypatch.setattr(registry, "find_card", lambda stem: tmp_path / "cards" / f"{stem}.json")
    found = answer("Models")
    assert (found.ok, "bach-1" in found.sentence) == (False, True)
    monkeypatch.setattr(registry, "list_models", list)
    assert not answer("Models").ok


def test_a_soundfont_that_cannot_be_made_is_a_failed_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepcomposer_lab import sound

    def broken() -> Path:
        raise ValueError("The SoundFont is damaged.")

    monkeypatch.setattr(sound, "soundfont_path", broken)
    found = answer("SoundFont")
    assert (found.ok, "damaged" in found.sentence) == (False, True)


def test_a_cache_that_cannot_be_written_costs_no_sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deepcomposer_lab import sound
    from deepcomposer_lab.music.samples import sample_melody

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_CACHE", str(tmp_path / "file"))  # a file, where a folder is needed
    found = answer("SoundFont")
    assert found.ok
    assert f"made in memory, a second a start, since {tmp_path / 'file'} cannot be written" in found.sentence
    sound._soundfont_2.cache_clear()
    assert len(sound.render(sample_melody("ode_to_joy"), sample_rate=8_000)[0])


@pytest.mark.parametrize(("free", "ok"), [(0.99, False), (1.0, True), (None, True)])
def test_memory_below_what_composing_needs_fails(monkeypatch: pytest.MonkeyPatch, free: float | None, ok: bool) -> None:
    monkeypatch.setattr(doctor, "free_memory_gb", lambda: free)
    assert answer("Memory").ok is ok


def test_free_memory_is_what_the_system_says() -> None:
    import psutil

    assert doctor.free_memory_gb() == pytest.approx(psutil.virtual_memory().available / 1e9, rel=0.2)


def test_a_library_that_cannot_be_written_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPCOMPOSER_LAB_HOME", str(tmp_path / "file"))  # a file, where a folder is needed
    found = answer("Library")
    assert not found.ok
    assert "DEEPCOMPOSER_LAB_HOME" in found.sentence


@pytest.mark.parametrize(("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 14), True)])
def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], ok: bool) -> None:
    monkeypatch.setattr(doctor.sys, "version_info", version)
    ask: Callable[[], Check] = doctor._python
    assert ask().ok is ok
