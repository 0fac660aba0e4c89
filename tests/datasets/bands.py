"""A small band to make songs of, and the band as a MIDI file that mido writes."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import mido
import numpy as np

from deepcomposer_lab.datasets.bars import bars_of_metres
from deepcomposer_lab.datasets.sources import Source, SourceTrack

TUNE = [67, 69, 71, 72, 74, 72, 71, 69, 67, 64, 65, 67, 69, 67, 65, 64]  # eight bars of half notes


def line(pitches: list[int], length: float = 2.0, start: float = 0.0) -> np.ndarray:
    return np.array([[start + number * length, pitch, length] for number, pitch in enumerate(pitches)])


def later(notes: np.ndarray, beats: float) -> np.ndarray:
    return notes + np.array([beats, 0, 0])


def chords(bars: int, root: int, length: float = 1.0) -> np.ndarray:
    return np.array(
        [[beat, root + step, length] for beat in np.arange(0, 4 * bars, length) for step in (0, 4, 7)], dtype=float
    )


def drum_beat(bars: int) -> np.ndarray:
    hits = [(beat, 36 if beat % 2 == 0 else 38) for beat in range(4 * bars)] + [(b / 2, 42) for b in range(8 * bars)]
    return np.array([[beat, key, 0.25] for beat, key in hits])


def band(*extra: SourceTrack, without: str = "", bars: int = 8) -> Source:
    tracks = {
        "melody": SourceTrack("Trumpet", 56, False, line([*TUNE, *TUNE][: 2 * bars])),
        "drums": SourceTrack("kit", 0, True, drum_beat(bars)),
        "bass": SourceTrack("low", 33, False, line([36, 43] * bars)),
        "guitar": SourceTrack("", 27, False, chords(bars, 48)),
        "strings": SourceTrack("", 48, False, chords(bars, 60, 4.0)),
    }
    kept = [track for role, track in tracks.items() if role != without]
    end = 4.0 * bars
    return Source("band", (*kept, *extra), tuple(bars_of_metres([], end)), ((0.0, 132.0),))


def midi_bytes(
    source: Source, metres: Sequence[tuple[float, int, int]] = (), ticks: int = 480, scale: float = 1.0
) -> bytes:
    """Write a source as mido does; `scale` stretches its notes, not its beats."""
    file = mido.MidiFile(ticks_per_beat=ticks)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(source.tempos[0][1]), time=0))
    now = 0
    for beat, top, bottom in metres:
        head.append(
            mido.MetaMessage("time_signature", numerator=top, denominator=bottom, time=round(beat * ticks) - now)
        )
        now = round(beat * ticks)
    file.tracks.append(head)
    for number, part in enumerate(source.tracks):
        channel = 9 if part.is_drum else number
        events = [(0, 0, mido.Message("program_change", program=part.program, channel=channel))]
        for onset, pitch, duration in part.notes:
            start, end = round(onset * ticks * scale), round((onset + duration) * ticks * scale)
            events.append((start, 2, mido.Message("note_on", note=int(pitch), velocity=80, channel=channel)))
            events.append((end, 1, mido.Message("note_off", note=int(pitch), channel=channel)))
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=part.name, time=0)])
        now = 0
        for tick, _, message in sorted(events, key=lambda event: event[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    stream = BytesIO()
    file.save(file=stream)
    return stream.getvalue()
