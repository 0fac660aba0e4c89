"""The microphone: hum, sing or whistle, and have the melody in Python.

The browser records with a recorder of our own, because a kernel would need a sound decoder for what browsers make
themselves; the samples come as 16 bits, one channel, 22,050 a second, and stay in the kernel's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import beats_to_seconds
from deepcomposer_lab.music.plain import to_plain
from deepcomposer_lab.music.transcribe import HeardNote, Recording, Transcription, timed, transcription
from deepcomposer_lab.widgets.lab_widget import STATIC, LabWidget, styles

_CURVE_SECONDS = 0.03  # distance of the curve's points on the page
_FEWEST_RATE, _MOST_RATE = 8000, 192_000


class Microphone(LabWidget):
    """A recorder that turns what is sung into notes; an output of a notebook when it ends a cell.

    Parameters
    ----------
    bpm : float
        Beats a minute where somebody switches "Keep a beat" on, 40–160; else the singer's own tempo is found.
    rhythm_assist : bool
        Whether the notes are moved onto the beat.
    grid : float
        Distance of rhythm assist's grid lines in beats; 1/4 is a sixteenth note.

    Attributes
    ----------
    melody : Melody
        What was sung last; empty, and so falsy, before. Another may be assigned, and is shown.
    recording : Recording or None
        The sound: samples (int16) and their rate, as `dc.transcribe` takes them.
    words : str
        What was heard, in a sentence.
    """

    _esm = STATIC / "microphone.js"
    _css = styles("microphone.css")

    sung = traitlets.Dict().tag(sync=True)
    has_recording = traitlets.Bool(False).tag(sync=True)
    bpm = traitlets.Float(100.0, min=40, max=160).tag(sync=True)
    rhythm_assist = traitlets.Bool(True).tag(sync=True)

    def __init__(self, bpm: float = 100.0, *, rhythm_assist: bool = True, grid: float = 0.25) -> None:
        super().__init__(bpm=bpm, rhythm_assist=rhythm_assist)
        self.grid = grid
        self.recording: Recording | None = None
        self._melody = Melody(bpm=bpm, title="Sung melody")
        self._heard: tuple[HeardNote, ...] = ()
        self._beat: tuple[float | None, float | None] = (None, None)
        self._number = 0
        self.observe(self._time_again, "rhythm_assist")
        self.answer("transcribe", self._answer_transcribe, slow=True)
        self.answer("recording", self._answer_recording)

    def __repr__(self) -> str:
        return f"Microphone({self.words!r})"

    @property
    def melody(self) -> Melody:
        """What was sung last."""
        return self._melody

    @melody.setter
    def melody(self, melody: Melody) -> None:
        if not isinstance(melody, Melody):
            raise TypeError(f"A microphone's melody is a Melody; got {type(melody).__name__}.")
        tempo = Composition.from_melody(melody).tempos
        heard = tuple(
            HeardNote(start, note.pitch, beats_to_seconds(tempo, note.offset) - start, note.velocity)
            for note in melody.notes
            for start in (beats_to_seconds(tempo, note.onset),)
        )
        self.recording, self._heard, self._beat, self._melody = None, heard, (melody.bpm, 0.0), melody
        count = "1 note" if len(melody) == 1 else f"{len(melody)} notes"
        words = f"{melody.title}: {count}, at {melody.bpm:g} beats a minute." if melody else "No note was sung yet."
        seconds = max((note.onset + note.duration for note in heard), default=0.0)
        self._show(Transcription(melody, words, heard, 0.0, 0.0, np.zeros(0), np.zeros(0)), seconds)

    @property
    def words(self) -> str:
        """What was heard, in a sentence."""
        return str(self.sung.get("words", "No note was sung yet."))

    def _answer_transcribe(self, question: dict[str, Any], buffers: Sequence[bytes]) -> dict[str, Any]:
        rate = question.get("rate")
        if not buffers or not isinstance(rate, int | float) or not _FEWEST_RATE <= rate <= _MOST_RATE:
            raise ValueError("The page sent no recording that can be read; reload it and record again.")
        recording = Recording(np.frombuffer(buffers[0], dtype="<i2"), int(rate))
        beat = (_number(question.get("bpm")), _number(question.get("first_beat")))
        found = transcription(
            recording, bpm=beat[0], first_beat=beat[1], rhythm_assist=self.rhythm_assist, grid=self.grid
        )
        self.recording, self._heard, self._beat, self._melody = recording, found.heard, beat, found.melody
        return self._show(found, recording.seconds)

    def _answer_recording(self, _: dict[str, Any], __: Sequence[bytes]) -> Any:
        if self.recording is None:
            raise ValueError("The kernel no longer has this recording; record again.")
        return {"rate": self.recording.sample_rate}, [self.recording.samples.astype("<i2").tobytes()]

    def _time_again(self, _: object) -> None:
        """Move the notes onto the beat, or back to where they were sung."""
        if not self._heard:
            return
        bpm, first = self._beat
        self._melody, _start = timed(
            self._heard,
            bpm=bpm,
            first_beat=first,
            rhythm_assist=self.rhythm_assist,
            grid=self.grid,
            title=self._melody.title,
        )
        self._number += 1
        self.sung = {**self.sung, "piece": _piece(self._melody), "number": self._number}

    def _show(self, found: Transcription, seconds: float) -> dict[str, Any]:
        self._number += 1
        self.has_recording = self.recording is not None
        self.sung = {"number": self._number, **sung_of(found, seconds)}
        return self.sung


def sung_of(found: Transcription, seconds: float) -> dict[str, Any]:
    """Return what was heard in a recording of so many seconds, as the page shows it."""
    return {
        "piece": _piece(found.melody),
        "words": found.words,
        "heard": [[round(note.onset, 3), note.pitch, round(note.duration, 3)] for note in found.heard],
        "curve": _curve(found.times, found.pitches),
        "seconds": round(seconds, 3),
        "first_beat": round(found.first_beat, 3),
    }


def _piece(melody: Melody) -> dict[str, Any]:
    return {**to_plain(Composition.from_melody(melody)), "title": melody.title}


def _curve(times: NDArray[np.float64], pitches: NDArray[np.float64]) -> list[list[float | None]]:
    """Return every few points of the curve, with one None for each stretch where nothing was sung."""
    if len(times) < 2:
        return []
    step = max(1, round(_CURVE_SECONDS / float(times[1] - times[0])))
    points: list[list[float | None]] = []
    for time, pitch in zip(times[::step].tolist(), pitches[::step].tolist(), strict=True):
        is_silent = pitch != pitch
        if not is_silent or (points and points[-1][1] is not None):
            points.append([round(time, 3), None if is_silent else round(pitch, 2)])
    return points


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
