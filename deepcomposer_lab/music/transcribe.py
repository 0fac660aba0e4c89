"""From a voice to notes: what somebody hums, sings or whistles becomes a Melody.

Three steps: the pitch at every moment, notes out of that curve, and beats out of seconds.

Pitch is found by SwiftF0 (swift-f0, MIT), a small network, chosen among what may be used freely by 14 synthesised
recordings (tests/humming.py: vibrato, slides, breath, echo, mains hum, weak fundamentals, tuning off by 40 cents). The
share of sung moments within half a semitone in the worst of them, the time for ten seconds of sound on one core, and
what a library adds to the disk:

- SwiftF0 0.99, 0.5 s, 79 MB (onnxruntime);
- pYIN of librosa 0.00 (a breathy whistle; else 0.99), 8 s, 370 MB (numba, scipy);
- Harvest of pyworld 0.00 (whistles; else 0.81), 3 s, and DIO 0.00, 0.1 s, 2 MB;
- YAAPT of AMFM_decompy 0.00 (children, whistles, strong octaves), 0.7 s, 140 MB (scipy).

libf0 is librosa's pYIN and SWIPE again; parselmouth is under the GPL, pesto under the LGPL with torchaudio.
SwiftF0 hears 47–2094 Hz. Told that a recording is half as fast as it is, it hears an octave more at the top and twice
as finely, which whistles need; only the lowest voices are listened to as they are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.music.checks import checked_number, shown
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import TempoChange
from deepcomposer_lab.music.note import Note

MAX_SECONDS = 600
SLOWEST, FASTEST = 40, 160  # beats a minute: where a tempo is looked for

_MODEL_RATE = 16000
_LOWEST_SLOWED = 94.0  # Hz: the least that is heard in a recording told as half as fast
_SILENCE = -62.0  # dB below full scale; a microphone in a quiet room lies near it
_BELOW_LOUDEST = 30.0  # dB; what is softer than the loudest moments by more is no note
_ABOVE_ROOM = 8.0  # dB
_HOLD = 90.0  # ms: a new pitch a semitone away becomes a note when it stays as long
_LEAST_SECONDS = 0.07
_LEAST_CONFIDENCE = 0.55
_DIP = 5.5  # dB; where loudness falls and comes back by more, the same pitch is sung again
_LEGATO = 0.16  # seconds; a shorter silence between two notes is a breath, not a rest


class Recording(NamedTuple):
    """Sound of one channel: samples (whole numbers of 16 bits, or −1…1) and how many of them make a second."""

    samples: NDArray[Any]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class HeardNote:
    """A note as it was sung: onset and duration in seconds of the recording, pitch rounded to a semitone."""

    onset: float
    pitch: int
    duration: float
    velocity: int


@dataclass(frozen=True)
class Transcription:
    """What was heard.

    Parameters
    ----------
    melody : Melody
        Empty where nothing was sung.
    words : str
        A sentence: how many notes, which tempo and tuning, or why there are none.
    heard : tuple of HeardNote
        The notes in seconds, before the beat was found.
    tuning : float
        Cents by which the voice was tuned above A = 440 Hz, −50…50; the pitches are counted from there.
    first_beat : float
        The second of the recording that is beat 0.
    times, pitches : ndarray of float
        The curve: a moment in seconds, and the pitch then as a MIDI number with a fraction; NaN where none was heard.
    """

    melody: Melody
    words: str
    heard: tuple[HeardNote, ...]
    tuning: float
    first_beat: float
    times: NDArray[np.float64]
    pitches: NDArray[np.float64]


def transcribe(
    recording: Any,
    sample_rate: float | None = None,
    *,
    bpm: float | None = None,
    rhythm_assist: bool = True,
    grid: float = 0.25,
    first_beat: float | None = None,
    title: str = "Sung melody",
) -> Melody:
    """Return the melody that somebody hums, sings or whistles; `transcription` also says what was heard.

    Parameters
    ----------
    recording : Recording, (samples, rate), bytes, path, samples or ipywebrtc.AudioRecorder
        One voice. A file is WAV, FLAC, Ogg (Opus, Vorbis) or MP3; samples have the shape (n,) or (n, channels),
        as whole numbers or −1…1, and need `sample_rate`. An AudioRecorder records what its browser can: Firefox Ogg,
        with `format="ogg"`; Chromium WebM alone, for which `dc.Microphone` is there.
    sample_rate : float, optional
        Samples a second.
    bpm : float, optional
        The tempo sung to, in beats a minute; without it, it is found in the recording, 40–160.
    rhythm_assist : bool
        Whether notes are moved onto the grid of beats.
    grid : float
        Distance of the grid lines in beats; 1/4 is a sixteenth note.
    first_beat : float, optional
        The second of the recording at which beat 0 falls, where somebody sang to a metronome; without it, the first
        note begins there.
    title : str
        The melody's name.

    Returns
    -------
    Melody
        One note at a time; empty, and so falsy, where nothing was sung.

    Raises
    ------
    ValueError
        When the sound cannot be read, is longer than `MAX_SECONDS`, or a number lies outside its range.
    RuntimeError
        When the pitch tracker is not installed.
    """
    return transcription(
        recording,
        sample_rate,
        bpm=bpm,
        rhythm_assist=rhythm_assist,
        grid=grid,
        first_beat=first_beat,
        title=title,
    ).melody


def transcription(
    recording: Any,
    sample_rate: float | None = None,
    *,
    bpm: float | None = None,
    rhythm_assist: bool = True,
    grid: float = 0.25,
    first_beat: float | None = None,
    title: str = "Sung melody",
) -> Transcription:
    """Return what was heard: the melody with a sentence about it; parameters and errors as in `transcribe`."""
    if bpm is not None:
        bpm = TempoChange(0, bpm).bpm
    grid = checked_number(grid, "The grid of a transcription")
    if not 1 / 16 <= grid <= 4:
        raise ValueError(
            f"The distance of the grid lines lies in 1/16–4 beats (1/4 is a sixteenth note); got {grid:g}."
        )
    if first_beat is not None:
        first_beat = checked_number(first_beat, "The second of the first beat")
    sound, rate = _as_sound(recording, sample_rate)
    curve = _curve(sound, rate)
    empty = Melody(bpm=bpm or 100.0, title=title)
    if isinstance(curve, str):
        return Transcription(empty, curve, (), 0.0, 0.0, np.zeros(0), np.zeros(0))
    pieces = _merged(_split_at_dips(_segments(curve), curve), curve)
    shown_pitches = np.where(curve.confidence >= 0.5, curve.pitch, np.nan)
    if not pieces:
        words = (
            "No note was heard: there was sound, but no steady pitch in it. Hum or whistle one note at a time, each "
            "for a quarter of a second or longer, nearer to the microphone."
        )
        return Transcription(empty, words, (), 0.0, 0.0, curve.times, shown_pitches)
    heard, tuning = _heard(pieces, curve)
    melody, start = timed(heard, bpm=bpm, rhythm_assist=rhythm_assist, grid=grid, first_beat=first_beat, title=title)
    words = _in_words(heard, melody.bpm, tuning, bpm is not None)
    return Transcription(melody, words, tuple(heard), tuning, start, curve.times, shown_pitches)


def timed(
    heard: Sequence[HeardNote],
    *,
    bpm: float | None = None,
    rhythm_assist: bool = True,
    grid: float = 0.25,
    first_beat: float | None = None,
    title: str = "Sung melody",
) -> tuple[Melody, float]:
    """Return the melody of notes in seconds, and the second that is beat 0; parameters as in `transcribe`."""
    if not heard:
        return Melody(bpm=bpm or 100.0, title=title), first_beat or 0.0
    beats, tempo, start = _in_beats(heard, bpm, first_beat, grid, rhythm_assist)
    notes = (Note(onset, note.pitch, length, note.velocity) for (onset, length), note in zip(beats, heard, strict=True))
    return Melody(notes=tuple(notes), bpm=tempo, title=title), start


def _in_words(heard: Sequence[HeardNote], tempo: float, tuning: float, was_given: bool) -> str:
    count = "1 note was" if len(heard) == 1 else f"{len(heard)} notes were"
    words = f"{count} heard, sung at {tempo:g} beats a minute."
    if was_given:
        words = f"{count} heard, counted at the {tempo:g} beats a minute that were set."
    if abs(tuning) >= 15:
        side = "above" if tuning > 0 else "below"
        words += f" You sang about {abs(tuning):.0f} cents {side} the piano's tuning; the notes are counted from there."
    return words


# --- sound -------------------------------------------------------------------------------------------------------


def _as_sound(recording: Any, sample_rate: float | None) -> tuple[NDArray[np.float64], int]:
    """Return one channel as −1…1, and its rate."""
    samples: Any
    rate: Any
    recording = getattr(getattr(recording, "audio", None), "value", recording)  # of ipywebrtc's AudioRecorder
    if isinstance(recording, bytes | bytearray | memoryview | str | os.PathLike):
        samples, rate = _read(recording)
    elif (
        isinstance(recording, tuple | list)
        and len(recording) == 2
        and np.ndim(recording[1]) == 0
        and np.ndim(recording[0])
    ):
        samples, rate = recording
    elif sample_rate is None:
        raise ValueError(
            f"A recording is bytes of a sound file, its path, or (samples, samples a second); got {shown(recording)}. "
            f"Samples alone need their rate: transcribe(samples, 44100)."
        )
    else:
        samples, rate = recording, sample_rate
    rate = checked_number(rate, "Samples a second")
    if not 4000 <= rate <= 384_000 or rate != int(rate):
        raise ValueError(f"Samples a second are a whole number in 4,000–384,000 (often 44,100); got {rate:g}.")
    values = np.asarray(samples)
    if values.dtype.kind not in "iuf" or values.ndim not in (1, 2):
        raise ValueError(f"Samples are numbers of the shape (n,) or (n, channels); got {values.dtype} {values.shape}.")
    if values.dtype.kind == "u":
        raise ValueError("Samples are signed: whole numbers around 0 or −1…1; got unsigned ones.")
    sound = values.astype(np.float64) / (2.0 ** (values.dtype.itemsize * 8 - 1) if values.dtype.kind == "i" else 1.0)
    if sound.ndim == 2:
        if sound.shape[1] > 32:
            raise ValueError(f"Samples have the shape (n, channels); got {values.shape}: turn them with samples.T.")
        sound = sound.mean(axis=1)
    if not np.isfinite(sound).all():
        raise ValueError("Some samples are not finite numbers; record again, or replace them by 0.")
    if len(sound) / rate > MAX_SECONDS:
        raise ValueError(
            f"The recording lasts {len(sound) / rate / 60:.1f} minutes; at most {MAX_SECONDS // 60} are read. "
            f"Cut it first."
        )
    return sound - (sound.mean() if len(sound) else 0.0), int(rate)


def _read(source: Any) -> tuple[NDArray[Any], int]:
    import soundfile

    if isinstance(source, str | os.PathLike):
        name = f"“{os.path.basename(source)}”"
        try:
            with open(source, "rb") as file:
                data = file.read()
        except OSError as error:
            raise ValueError(f"{name} cannot be opened ({error.strerror}); check its name and folder.") from None
    else:
        name, data = "The recording", bytes(source)
    if not data:
        raise ValueError(f"{name} is empty; record something first.")
    try:
        samples, rate = soundfile.read(BytesIO(data), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError):
        kind = " It is WebM, as browsers record it." if data[:4] == b"\x1a\x45\xdf\xa3" else ""
        raise ValueError(
            f"{name} is not a sound file that can be read: WAV, FLAC, Ogg (Opus or Vorbis) or MP3 was expected.{kind} "
            f"dc.Microphone() records without a file."
        ) from None
    return samples, rate


def _resampled(sound: NDArray[np.float64], rate: int, wanted: int) -> NDArray[np.float32]:
    """Return the sound at another rate: exact below the lower of both Nyquist frequencies (by its spectrum)."""
    if rate == wanted:
        return sound.astype(np.float32)
    step = math.gcd(rate, wanted)
    block = rate // step
    size = (
        math.ceil(len(sound) / block) + max(1, math.ceil(0.05 * rate / block))
    ) * block  # silence, so that ends do not meet
    length = size * wanted // rate
    spectrum = np.fft.rfft(sound, size)
    kept = np.zeros(length // 2 + 1, dtype=complex)
    shared = min(len(spectrum), len(kept))
    kept[:shared] = spectrum[:shared]
    resampled = np.fft.irfft(kept, length) * (length / size)
    return resampled[: math.ceil(len(sound) * wanted / rate)].astype(np.float32)


# --- pitch at every moment ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Curve:
    """Frames at equal distances: seconds, MIDI number with a fraction, 0–1, and dB below full scale."""

    times: NDArray[np.float64]
    pitch: NDArray[np.float64]
    confidence: NDArray[np.float64]
    loudness: NDArray[np.float64]
    loudest: float
    step: float


@lru_cache(maxsize=1)
def _detector() -> Any:
    try:
        from swift_f0 import SwiftF0
    except ImportError as error:
        raise RuntimeError(
            "Turning a recording into notes needs the pitch tracker swift-f0, which is not installed here: "
            "pip install swift-f0"
        ) from error
    # The pool sleeps between calls: a spinning one would take a core from whoever trains meanwhile.
    return SwiftF0(threads=1, spin=False)


def _curve(sound: NDArray[np.float64], rate: int) -> _Curve | str:
    """Return the curve of pitch, or a sentence where there is nothing to listen to."""
    if len(sound) < 0.1 * rate:
        return "No note was heard: the recording lasts less than a tenth of a second."
    fine = _resampled(sound, rate, 2 * _MODEL_RATE)
    detector = _detector()
    slowed = detector.detect(fine, _MODEL_RATE)
    step = slowed.timestamps[1] / 2 if len(slowed.timestamps) > 1 else 0.008
    loudness = _loudness(fine, 2 * _MODEL_RATE, step, len(slowed.timestamps))
    loudest = float(np.percentile(loudness, 97))
    if loudest < _SILENCE:
        return (
            "No note was heard: the recording is silent. Is the right microphone chosen, and not muted? The level "
            "beside the record button moves when it hears you."
        )
    room = float(np.percentile(loudness, 8))
    gate = max(loudest - _BELOW_LOUDEST, min(room + _ABOVE_ROOM, loudest - 14))
    hertz, confidence = slowed.pitch_hz * 2, slowed.confidence.copy()
    is_loud = loudness > gate
    if np.mean(confidence[is_loud] > 0.5) < 0.85:
        # Something is sung that the slowed recording does not tell: a voice below 94 Hz, perhaps.
        low = detector.detect(_resampled(sound, rate, _MODEL_RATE), _MODEL_RATE)
        at = np.minimum(np.arange(len(hertz)) // 2, len(low.pitch_hz) - 1)
        is_low = (low.confidence[at] > 0.5) & (confidence < 0.5) & (low.pitch_hz[at] < _LOWEST_SLOWED * 1.1)
        hertz = np.where(is_low, low.pitch_hz[at], hertz)
        confidence = np.where(is_low, low.confidence[at], confidence)
    confidence[~is_loud] = 0.0
    pitch = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    return _Curve(np.arange(len(pitch)) * step, pitch, confidence, loudness, loudest, step)


def _loudness(sound: NDArray[np.float32], rate: int, step: float, frames: int) -> NDArray[np.float64]:
    """Return the level around each frame in dB, over 32 ms with soft ends: one period of the lowest voice."""
    half = round(0.016 * rate)
    window = np.hanning(2 * half + 1)
    hop = round(step * rate)
    power = np.square(np.pad(sound.astype(np.float64), (half, half + hop * frames)))
    smooth = np.fft.irfft(
        np.fft.rfft(power, len(power) + 2 * half) * np.fft.rfft(window / window.sum(), len(power) + 2 * half),
        len(power) + 2 * half,
    )[2 * half :]
    return 10 * np.log10(np.maximum(smooth[: hop * frames : hop], 1e-12))


# --- notes out of the curve --------------------------------------------------------------------------------------

_Piece = tuple[int, int]  # frames [first, last)


def _segments(curve: _Curve) -> list[_Piece]:
    """Cut the curve into notes and silence with the least total cost; see swift_f0.segment_notes."""
    from swift_f0 import PitchResult, segment_notes
    from swift_f0.core import FRAME_PERIOD

    result = PitchResult(
        np.arange(len(curve.pitch)) * FRAME_PERIOD,
        440 * 2 ** ((curve.pitch - 69) / 12),
        curve.confidence,
        curve.loudness,
    )
    stretch = FRAME_PERIOD / curve.step
    notes = segment_notes(result, pitch_hold_ms=_HOLD * stretch)
    return [(round(note.start / FRAME_PERIOD), round(note.end / FRAME_PERIOD)) for note in notes]


def _split_at_dips(pieces: list[_Piece], curve: _Curve) -> list[_Piece]:
    """Split where one pitch is sung twice: loudness falls by `_DIP` and comes back."""
    reach = round(0.12 / curve.step)
    least = round(_LEAST_SECONDS / curve.step)
    split: list[_Piece] = []
    for first, last in pieces:
        start = first
        level = curve.loudness
        for at in range(first + least, last - least):
            if at - start < least or level[at] > level[max(first, at - 3) : at + 4].min():
                continue
            before = np.percentile(level[max(start, at - reach) : at], 70)
            after = np.percentile(level[at : min(last, at + reach)], 70)
            if min(before, after) - level[at] >= _DIP:
                split.append((start, at))
                start = at
        split.append((start, last))
    return split


def _merged(pieces: list[_Piece], curve: _Curve) -> list[_Piece]:
    """Drop what is no note, and join slivers to the note they touch: a scoop, or a voice that broke for a moment."""
    least = round(_LEAST_SECONDS / curve.step)
    kept: list[_Piece] = []
    joins_next: int | None = None
    for index, (first, last) in enumerate(pieces):
        if joins_next is not None:
            first, joins_next = joins_next, None
        touches_last = bool(kept) and first - kept[-1][1] <= 1
        touches_next = index + 1 < len(pieces) and pieces[index + 1][0] - last <= 1
        length = last - first
        if (
            length < 2 * least
            and (touches_last or touches_next)
            and _is_octave_slip(first, last, kept, pieces[index + 1 :], curve)
        ):
            if touches_last:
                kept[-1] = (kept[-1][0], last)
            else:
                joins_next = first
            continue
        if length < least:
            if touches_next:
                joins_next = first
            elif touches_last:
                kept[-1] = (kept[-1][0], last)
            continue
        if curve.confidence[first:last].mean() < _LEAST_CONFIDENCE:
            continue
        kept.append((first, last))
    return kept


def _is_octave_slip(first: int, last: int, before: list[_Piece], after: list[_Piece], curve: _Curve) -> bool:
    """Say whether a short piece lies an octave from a neighbour that it touches: nobody leaps so fast."""
    own = _middle_pitch(first, last, curve)
    beside = [piece for piece in (before[-1:] + after[:1]) if min(abs(piece[1] - first), abs(piece[0] - last)) <= 1]
    return bool(beside) and all(abs(abs(_middle_pitch(*piece, curve) - own) - 12) < 0.8 for piece in beside)


def _middle_pitch(first: int, last: int, curve: _Curve) -> float:
    """Return the median pitch of a piece, its ends left out where it is long enough: they slide."""
    margin = (last - first) // 5
    inside = slice(first + margin, last - margin)
    is_sure = curve.confidence[inside] >= 0.5
    values = curve.pitch[inside][is_sure] if is_sure.any() else curve.pitch[first:last]
    return float(np.median(values))


def _heard(pieces: Sequence[_Piece], curve: _Curve) -> tuple[list[HeardNote], float]:
    pitches = np.array([_middle_pitch(*piece, curve) for piece in pieces])
    lengths = np.array([last - first for first, last in pieces]) * curve.step
    middles = np.array([(first + last) / 2 for first, last in pieces]) * curve.step
    offsets = _tuning(pitches, middles, np.minimum(lengths, 0.6))
    loud = np.array([np.percentile(curve.loudness[first:last], 80) for first, last in pieces])
    velocities = np.clip(np.rint(84 + 2 * (loud - np.median(loud))), 30, 120)
    whole = np.rint(pitches - offsets)
    heard = [
        HeardNote(
            float(first * curve.step), int(np.clip(pitch, 0, 127)), float((last - first) * curve.step), int(velocity)
        )
        for (first, last), pitch, velocity in zip(pieces, whole, velocities, strict=True)
    ]
    return heard, float(np.average(offsets, weights=lengths)) * 100


def _tuning(
    pitches: NDArray[np.float64], times: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far, in semitones, the voice's tuning lies from the piano's at each note.

    It is a line through the recording, since unaccompanied singers sink or rise: the one to which the fractions of the
    pitches lie nearest, on the circle from one semitone to the next. A steep line must earn its steepness.
    """
    middle = times - np.average(times, weights=weights)
    steepest = min(0.06, 0.8 / max(float(np.ptp(times)), 1.0)) if len(pitches) >= 6 else 0.0
    best, found = -math.inf, (0.0, 0.0)
    for slope in np.linspace(-steepest, steepest, 41) if steepest else [0.0]:
        total = np.sum(weights * np.exp(2j * np.pi * (pitches - slope * middle))) / weights.sum()
        score = abs(total) - 0.1 * abs(slope) / 0.06
        if score > best:
            best, found = score, (float(np.angle(total)) / (2 * np.pi), float(slope))
    return found[0] + found[1] * middle


# --- beats out of seconds ----------------------------------------------------------------------------------------

# How likely a note lasts so many beats to the next one, and how well a place in the beat suits a note's start.
_LENGTHS = {0.25: 0.05, 0.5: 0.26, 0.75: 0.02, 1.0: 0.38, 1.5: 0.06, 2.0: 0.14, 3.0: 0.04, 4.0: 0.03}
_RARE = 0.004


def _in_beats(
    heard: Sequence[HeardNote], bpm: float | None, first_beat: float | None, grid: float, rhythm_assist: bool
) -> tuple[list[tuple[float, float]], float, float]:
    """Return onset and duration of each note in beats, the tempo, and the second of beat 0."""
    onsets = np.array([note.onset for note in heard])
    ends = np.array([note.onset + note.duration for note in heard])
    if bpm is None:
        units, beats = _followed(onsets, grid)
        span = onsets[-1] - onsets[0]
        tempo = units[-1] * grid * 60 / span if span > 0 else 100.0
        tempo = float(np.clip(round(tempo), SLOWEST, FASTEST))
    else:
        tempo, beats = bpm, np.full(len(onsets), 60 / bpm)
        units = None
    start = first_beat if first_beat is not None else float(onsets[0])
    if units is None or first_beat is not None:
        if first_beat is None:
            start = _phase(onsets, 60 / tempo, grid)
        units = np.rint((onsets - start) * tempo / 60 / grid).astype(int)
        if first_beat is None:
            start += units[0] * grid * 60 / tempo
            units = units - units[0]
        units = np.maximum(units, 0)
    if not rhythm_assist:
        starts = np.maximum((onsets - start) * tempo / 60, 0.0)
        lengths = (ends - onsets) * tempo / 60
        return [(float(s), float(d)) for s, d in zip(starts, lengths, strict=True)], tempo, start
    for index in range(1, len(units)):  # two notes never share a grid line
        units[index] = max(units[index], units[index - 1] + 1)
    timed = []
    for index, unit in enumerate(units):
        line = beats[index] * grid
        length = max(1, round((ends[index] - onsets[index]) / line))
        if index + 1 < len(units):
            room = int(units[index + 1] - unit)
            pause = onsets[index + 1] - ends[index]
            length = room if pause < max(_LEGATO, 0.75 * line) else min(length, room)
        timed.append((float(unit * grid), float(length * grid)))
    return timed, tempo, start


def _phase(onsets: NDArray[np.float64], beat: float, grid: float) -> float:
    """Return the second within one grid line after which the onsets lie nearest to the grid."""
    total = np.sum(np.exp(2j * np.pi * onsets / (beat * grid)))
    return float(np.angle(total)) / (2 * np.pi) * beat * grid


def _followed(onsets: NDArray[np.float64], grid: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Follow the beat of somebody who sings freely.

    The most likely path through (length of a beat, place in the beat) at every onset, where the beat may change by some
    per cent from note to note, a note lasts a usual number of beats, and most begin on a beat (Viterbi's algorithm).

    Returns
    -------
    units : ndarray of int
        The grid line of each onset; the first is 0.
    beats : ndarray of float
        Seconds a beat around each onset.
    """
    if len(onsets) == 1:
        return np.zeros(1, dtype=np.int64), np.array([0.6])
    tempos = np.geomspace(SLOWEST, FASTEST, 90)
    beats = 60 / tempos
    places = max(1, round(1 / grid))
    unit = beats * grid
    off_beat = np.array([_place_cost(place, places) for place in range(places)])
    move = np.abs(np.log(tempos[:, None] / tempos[None, :])) / 0.025
    move = np.where(move < 3, move**2 / 2, np.inf)  # from, to
    cost = np.full((len(beats), places), np.inf)
    cost[:, :] = (np.log2(tempos / 100) / 0.45)[:, None] ** 2 / 2 + off_beat + np.where(np.arange(places) == 0, 0, 1.5)
    came: list[NDArray[np.int64]] = []
    lasted: list[NDArray[np.int64]] = []
    for gap in np.diff(onsets):
        spread = math.hypot(0.028, 0.035 * gap)
        moved = cost[:, None, :] + move[:, :, None]  # from, to, place
        source = moved.argmin(axis=0)
        arrived = moved.min(axis=0)  # to, place before
        fresh = np.full_like(cost, np.inf)
        origin = np.zeros((len(beats), places, 2), dtype=np.int64)
        length = np.zeros((len(beats), places), dtype=np.int64)
        nearest = np.maximum(1, np.floor(gap / unit).astype(int))
        for extra in (0, 1):
            count = nearest + extra
            fit = ((gap - count * unit) / spread) ** 2 / 2 - np.log([_length_share(n * grid) for n in count])
            for place in range(places):
                target = (place + count) % places
                rows = np.arange(len(beats))
                total = arrived[:, place] + fit + off_beat[target]
                better = total < fresh[rows, target]
                fresh[rows[better], target[better]] = total[better]
                origin[rows[better], target[better], 0] = source[rows[better], place]
                origin[rows[better], target[better], 1] = place
                length[rows[better], target[better]] = count[better]
        cost = fresh
        came.append(origin)
        lasted.append(length)
    row, place = divmod(int(np.argmin(cost)), places)
    counts, path = [], [row]
    for origin, length in zip(reversed(came), reversed(lasted), strict=True):
        counts.append(int(length[row, place]))
        row, place = (int(value) for value in origin[row, place])
        path.append(row)
    units = np.concatenate(([0], np.cumsum(counts[::-1])))
    return units.astype(np.int64), beats[np.array(path[::-1])]


def _place_cost(place: int, places: int) -> float:
    if place == 0:
        return 0.0
    return 0.6 if 2 * place == places else 1.4


def _length_share(length: float) -> float:
    return _LENGTHS.get(round(length, 6), _RARE)
