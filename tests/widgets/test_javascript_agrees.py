"""What the page works out by itself is what Python works out: bars, times, names, instruments, MIDI and WAV files."""

import base64
import io
import json
import random
from pathlib import Path

import mido
import node
import numpy as np
import pytest
import soundfile

from deepcomposer_lab import sound
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.metre import MetreChange, TempoChange, beats_to_seconds
from deepcomposer_lab.music.midi import read_midi
from deepcomposer_lab.music.note import Note, pitch_name
from deepcomposer_lab.music.plain import titled_plain
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

ANSWERS = Path(__file__).parents[1] / "js" / "answers.mjs"


def ask(*questions):
    """Put questions to the JavaScript: {"what": …, …}, …."""
    result = node.run("node", ANSWERS, input=json.dumps(questions))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def made_up(seed):
    """Return a piece with changes of tempo and metre, a pickup, drums and several tracks."""
    chance = random.Random(seed)
    metres = [(4, 4), (3, 4), (6, 8), (2, 2), (5, 8), (12, 8), (7, 16)]
    first = chance.choice(metres)
    beats = first[0] * 4 / first[1]
    pickup = chance.choice([0, 0, beats / 2])
    change = pickup + chance.randint(1, 3) * beats
    tempos = [TempoChange(0, chance.choice([60, 97.5, 144]))]
    tempos += [
        TempoChange(onset, chance.uniform(40, 200)) for onset in sorted({chance.randint(1, 60) / 4 for _ in "ab"})
    ]

    def notes(count, low, high):
        return [
            Note(chance.randint(0, 96) / 4, chance.randint(low, high), chance.randint(1, 9) / 4, chance.randint(1, 127))
            for _ in range(count)
        ]

    tracks = [
        Track(notes(chance.randint(1, 30), 36, 96), f"Track {n} é", program=chance.randint(0, 127)) for n in range(3)
    ]
    tracks.append(Track(notes(9, 35, 50), "Drums", is_drum=True))
    return Composition(
        tracks=tracks,
        tempos=tempos,
        metres=[MetreChange(0, *first), MetreChange(change, *chance.choice(metres))],
        pickup=pickup,
        title="Made up",
    )


PIECES = [made_up(seed) for seed in range(12)] + [
    Composition([Track(sample_melody(name).notes, "Melody")], title=name) for name in list_sample_melodies()[:3]
]


def test_bars_start_where_they_start():
    for piece, bars in zip(
        PIECES, ask(*({"what": "bars", "piece": titled_plain(piece)} for piece in PIECES)), strict=True
    ):
        starts = [bar["start"] for bar in bars]
        expected = piece.bars
        assert starts[: len(expected)] == pytest.approx(expected), piece
        assert [bar["number"] for bar in bars] == list(range(0 if piece.pickup else 1, len(bars) + (not piece.pickup)))
        for bar in bars:
            metre = piece.metre_at(bar["start"])
            assert (bar["numerator"], bar["denominator"]) == (metre.numerator, metre.denominator)


def test_times_through_changes_of_tempo():
    beats = [0, 0.25, 3, 7.75, 15.5, 40]
    answers = ask(*({"what": "seconds", "piece": titled_plain(piece), "beats": beats} for piece in PIECES))
    for piece, seconds in zip(PIECES, answers, strict=True):
        assert seconds == pytest.approx([beats_to_seconds(piece.tempos, beat) for beat in beats])
    back = ask(
        *(
            {"what": "beats", "piece": titled_plain(piece), "seconds": found}
            for piece, found in zip(PIECES, answers, strict=True)
        )
    )
    for found in back:
        assert found == pytest.approx(beats)


def test_ends_names_and_instruments():
    assert ask(*({"what": "end", "piece": titled_plain(piece)} for piece in PIECES)) == [piece.end for piece in PIECES]
    pitches = list(range(128))
    names, programs = ask({"what": "names", "pitches": pitches}, {"what": "programs", "programs": pitches})
    assert [name.replace("♯", "#").replace("♭", "b") for name in names] == [
        pitch_name(pitch).replace("♯", "#").replace("♭", "b") for pitch in pitches
    ]
    assert programs == [sound.nearest_program(program) for program in pitches]


def test_a_midi_file_of_the_page_says_what_the_piece_says():
    answers = ask(*({"what": "midi", "piece": titled_plain(piece)} for piece in PIECES))
    for piece, answer in zip(PIECES, answers, strict=True):
        data = base64.b64decode(answer)
        file = mido.MidiFile(file=io.BytesIO(data), clip=False)
        assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, 480, len(piece.tracks) + 1)
        for track, written in zip(piece.tracks, file.tracks[1:], strict=True):
            assert written.name.encode("latin-1").decode("utf-8") == track.name
            beat, struck = 0, []
            for message in written:
                beat += message.time
                if message.type == "note_on":
                    struck.append((beat / 480, message.note, message.velocity, message.channel == 9))
                if message.type == "program_change":
                    assert message.program == track.program
            expected = [(note.onset, note.pitch, note.velocity, track.is_drum) for note in track.notes]
            assert sorted(struck) == sorted(expected)
        changes = [message for message in file.tracks[0] if message.type == "set_tempo"]
        assert [60e6 / change.tempo for change in changes] == pytest.approx(
            [tempo.bpm for tempo in piece.tempos], rel=1e-4
        )


def test_the_packages_own_reader_gives_the_piece_back(tmp_path):
    piece = PIECES[-1]
    path = tmp_path / "piece.mid"
    path.write_bytes(base64.b64decode(ask({"what": "midi", "piece": titled_plain(piece)})[0]))
    back = read_midi(path)
    assert [(note.onset, note.pitch, note.duration) for note in back.notes] == [
        (note.onset, note.pitch, note.duration) for note in piece.notes
    ]
    assert back.metres == piece.metres


@pytest.mark.parametrize("loudest", [0.5, 3.0])
def test_a_wav_file_of_the_page_holds_its_samples(loudest):
    left = (loudest * np.sin(np.linspace(0, 60, 900))).tolist()
    right = [0.25 * sample for sample in left]
    (answer,) = ask({"what": "wav", "channels": [left, right], "rate": 22050})
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(answer)))
    assert (rate, samples.shape) == (22050, (900, 2))
    gain = min(1, 0.98 / max(map(abs, left)))
    assert samples == pytest.approx(gain * np.array([left, right]).T, abs=2 / 32768)
