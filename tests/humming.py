"""Recordings of people who hum, sing "la" and whistle, synthesised, so that what they meant is known exactly.

Nothing here is shared with what is tested: a note is drawn as a curve of pitch and a curve of loudness, sample by
sample, and sounds as a sum of partials with the faults of voices and rooms added one by one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

RATE = 22050

# Tunes as (pitch, beats) in a row; None rests.
ODE = [(64, 1), (64, 1), (65, 1), (67, 1), (67, 1), (65, 1), (64, 1), (62, 1),
       (60, 1), (60, 1), (62, 1), (64, 1), (64, 1.5), (62, 0.5), (62, 2)]  # fmt: skip
TWINKLE = [(60, 1), (60, 1), (67, 1), (67, 1), (69, 1), (69, 1), (67, 2),
           (65, 1), (65, 1), (64, 1), (64, 1), (62, 1), (62, 1), (60, 2)]  # fmt: skip
JACQUES = [(60, 1), (62, 1), (64, 1), (60, 1), (60, 1), (62, 1), (64, 1), (60, 1), (64, 1), (65, 1), (67, 2),
           (64, 1), (65, 1), (67, 2), (67, 0.5), (69, 0.5), (67, 0.5), (65, 0.5), (64, 1), (60, 1)]  # fmt: skip
LEAPS = [(60, 1), (72, 1), (71, 0.5), (67, 0.5), (69, 1), (72, 1), (60, 1), (69, 1), (67, 2), (None, 1),
         (57, 1), (65, 1), (64, 0.5), (60, 0.5), (62, 1), (64, 1), (65, 2)]  # fmt: skip
QUICK = [(60, 0.5), (62, 0.5), (64, 0.5), (65, 0.5), (67, 0.5), (67, 0.5), (69, 0.5), (69, 0.5), (67, 1), (None, 0.5),
         (65, 0.5), (65, 0.5), (64, 0.5), (64, 0.5), (62, 0.5), (60, 1.5)]  # fmt: skip


@dataclass(frozen=True)
class Voice:
    """How somebody sounds; the defaults are a steady voice in a quiet room."""

    kind: str = "hum"  # "hum", "la" or "whistle"
    up: int = 0  # semitones above the tune as written
    cents: float = 0.0  # the whole recording is tuned this much above A = 440 Hz
    drift: float = 0.0  # cents by which the tuning has risen at the end
    vibrato: float = 0.0  # cents to either side
    vibrato_rate: float = 5.5
    slide: float = 0.04  # seconds from one pitch to the next
    scoop: float = 0.0  # cents below, from which a phrase's notes are reached
    gap: float = 0.05  # seconds of silence before the next note; 0 runs on without a break
    loose: float = 0.0  # standard deviation of the onsets, seconds
    breath: float = 0.003  # noise of the breath, sounding with the voice
    room: float = 0.0008  # noise that is always there
    mains: float = 0.0  # the room hums, at 50 Hz and its partials
    partials: tuple[float, ...] = ()  # instead of the kind's own
    echo: float = 0.0  # how loud the room answers
    jitter: float = 6.0  # cents, irregular
    level: float = 0.4


@dataclass(frozen=True)
class Sung:
    """A recording and what was meant by it."""

    samples: np.ndarray
    rate: int
    notes: list[tuple[float, int, float]]  # (onset, pitch, end) in seconds
    pitch: np.ndarray  # MIDI number at every sample, fractions included; NaN where nothing is sung


def slow_noise(generator, size, rate, hertz):
    """Noise that moves no faster than `hertz`, of standard deviation 1."""
    points = max(4, int(size / rate * hertz) + 3)
    steps = np.interp(np.linspace(0, points - 1, size), np.arange(points), generator.standard_normal(points))
    return steps / max(1e-9, steps.std())


def sing(tune, bpm=100.0, voice=Voice(), seed=0, lead=0.4, rate=RATE):
    """Synthesise a tune; `lead` seconds of room before and after it."""
    generator = np.random.default_rng(seed)
    beat, position, notes = 60 / bpm, lead, []
    for pitch, beats in tune:
        if pitch is not None:
            onset = position + (generator.normal(0, voice.loose) if voice.loose and notes else 0)
            notes.append([onset, pitch + voice.up, position + beats * beat])
        position += beats * beat
    size = int((position + lead) * rate)
    at = np.arange(size) / rate

    for note, following in pairwise(notes):
        if following[0] - note[2] < 0.08:
            note[2] = following[0] - (voice.gap if voice.gap else 0)
    # Pitch: steps, smoothed into slides, with a scoop, vibrato, jitter and a tuning that moves.
    pitch, loud = np.full(size, np.nan), np.zeros(size)
    for index, (onset, number, end) in enumerate(notes):
        here = (at >= onset - voice.slide / 2) & (at < (notes[index + 1][0] if index + 1 < len(notes) else end + 0.2))
        pitch[here] = number
    for index, (onset, number, _) in enumerate(notes):
        runs_on = index and onset - notes[index - 1][2] < 0.15
        begin = notes[index - 1][1] if runs_on else number - voice.scoop / 100
        if voice.scoop or runs_on:
            length = max(voice.slide, 0.005) if not voice.scoop else max(voice.slide, 0.08)
            begin = begin if not voice.scoop else number - voice.scoop / 100
            glide = (at >= onset - voice.slide / 2) & (at < onset - voice.slide / 2 + length)
            share = (at[glide] - onset + voice.slide / 2) / length
            pitch[glide] = begin + (number - begin) * (0.5 - 0.5 * np.cos(np.pi * share))
    for index, (onset, _, end) in enumerate(notes):
        runs_on = voice.gap == 0 and index and abs(notes[index - 1][2] - onset) < 1e-6
        continues = voice.gap == 0 and index + 1 < len(notes) and abs(notes[index + 1][0] - end) < 1e-6
        same = runs_on and notes[index - 1][1] == notes[index][1]
        follows_same = continues and notes[index + 1][1] == notes[index][1]
        attack, release = (0.012, 0.03) if voice.kind == "la" else (0.03, 0.05)
        shape = np.clip((at - onset) / attack, 0, 1)
        if not continues:
            shape *= np.clip((end - at) / release, 0, 1)
        inside = (at >= onset) & (at < end)
        shape = np.where(inside, shape, 0)
        if runs_on:  # a small dip where the pitch moves, a deep one where it is sung again
            dip = 0.25 if same else 0.75
            shape = np.where(
                inside & (at < onset + attack), dip + (1 - dip) * np.clip((at - onset) / attack, 0, 1), shape
            )
        if continues:
            dip = 0.25 if follows_same else 0.75
            near = inside & (at > end - 0.03)
            shape = np.where(near, np.minimum(shape, dip + (1 - dip) * (end - at) / 0.03), shape)
        strength = generator.uniform(0.7, 1.0)
        decay = 0.75 + 0.25 * np.exp(-np.clip(at - onset, 0, None) / 0.25)
        loud = np.maximum(loud, shape * strength * decay)
        ramp = np.clip((at - onset - 0.12) / 0.15, 0, 1)
        moved = ramp * voice.vibrato / 100 * np.sin(2 * np.pi * voice.vibrato_rate * (at - onset))
        pitch = np.where(inside, pitch + moved, pitch)
    pitch = (
        pitch + (voice.cents + voice.drift * at / at[-1] + voice.jitter * slow_noise(generator, size, rate, 12)) / 100
    )
    hertz = 440 * 2 ** ((np.nan_to_num(pitch, nan=60.0) - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / rate

    sound = np.zeros(size)
    for number, strength in enumerate(_partials(voice, hertz), 1):
        sound += np.where(hertz * number < rate * 0.46, strength, 0) * np.sin(number * phase + number)
    sound /= max(1e-9, np.sqrt(np.mean(sound[loud > 0.1] ** 2)) * 2)
    hiss = generator.standard_normal(size)
    if voice.kind == "whistle":
        sound *= 1 + 0.15 * slow_noise(generator, size, rate, 40)
        hiss = np.diff(hiss, prepend=0)
    sound = loud * (sound + voice.breath * 4 * hiss)
    if voice.echo:
        tail = np.exp(-np.arange(int(0.25 * rate)) / (0.06 * rate)) * generator.standard_normal(int(0.25 * rate))
        tail /= np.sqrt(np.sum(tail**2))
        tail[: int(0.01 * rate)] = 0
        sound = sound + voice.echo * np.convolve(sound, tail)[:size]
    sound = sound * voice.level / max(1e-9, np.abs(sound).max())
    hum = sum(np.sin(2 * np.pi * 50 * number * at + number) / number for number in (1, 2, 3, 5))
    sound = sound + voice.room * generator.standard_normal(size) + voice.mains * hum
    silent = loud < 0.05
    return Sung(sound.astype(np.float32), rate, [tuple(note) for note in notes], np.where(silent, np.nan, pitch))


def _partials(voice, hertz):
    if voice.partials:
        return [np.full_like(hertz, strength) for strength in voice.partials]
    if voice.kind == "whistle":
        return [np.ones_like(hertz), np.full_like(hertz, 0.02)]
    if voice.kind == "hum":
        return [np.full_like(hertz, 0.42**number) for number in range(7)]
    formants = ((700, 130, 1.0), (1150, 150, 0.6), (2600, 250, 0.25))
    return [
        sum(gain / (1 + ((hertz * number - centre) / width) ** 2) for centre, width, gain in formants) / number**0.5
        + 0.05 / number
        for number in range(1, 25)
    ]


def f_score(found, meant, seconds=0.05):
    """Return F1 of (onset, pitch) pairs: found counts where a meant note of that pitch begins within `seconds`.

    Every note is matched at most once; the largest matching is found by augmenting paths.
    """
    matched = {}

    def place(index, tried):
        for other, (onset, pitch, *_) in enumerate(meant):
            if other in tried or pitch != found[index][1] or abs(onset - found[index][0]) > seconds:
                continue
            tried.add(other)
            if other not in matched or place(matched[other], tried):
                matched[other] = index
                return True
        return False

    hits = sum(place(index, set()) for index in range(len(found)))
    return 2 * hits / max(1, len(found) + len(meant))


def as_wav(samples, rate=RATE):
    """Return a WAV file of 16 bits, one channel."""
    data = np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    header = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return header + b"data" + struct.pack("<I", len(data)) + data
