"""Sung melodies come back as notes: synthesised recordings (tests/humming.py) against what was meant."""

import io
import itertools
import re
import sys

import ipywebrtc
import numpy as np
import pytest
import soundfile
from humming import JACQUES, LEAPS, ODE, QUICK, TWINKLE, Voice, as_wav, f_score, sing

from deepcomposer_lab.music import transcribe as module
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.transcribe import HeardNote, Recording, timed, transcribe, transcription

# What was sung, at how many beats a minute, and how. None of these set a threshold.
RECORDINGS = {
    "a man hums": (TWINKLE, 88, Voice(up=-12)),
    "a bass hums below 94 Hz": (ODE, 104, Voice(up=-22)),
    "a woman sings la with vibrato": (LEAPS, 96, Voice("la", up=2, vibrato=55, vibrato_rate=6.2)),
    "a child sings la quickly": (QUICK, 126, Voice("la", up=12, slide=0.03)),
    "slides, and no break between the notes": (JACQUES, 92, Voice(up=-5, slide=0.13, gap=0)),
    "every note is scooped": (ODE, 80, Voice("la", up=-7, scoop=220, vibrato=35)),
    "breath and a noisy room": (TWINKLE, 100, Voice(up=-9, breath=0.04, room=0.02, mains=0.01)),
    "a room that answers": (QUICK, 96, Voice("la", up=-3, echo=0.3, room=0.004)),
    "the octave is louder than the pitch": (LEAPS, 90, Voice(up=-9, partials=(0.12, 1, 0.2, 0.5, 0.1))),
    "the pitch itself is missing": (JACQUES, 100, Voice(up=-11, partials=(0, 0.7, 1, 0.5, 0.4, 0.2))),
    "40 cents sharp": (JACQUES, 108, Voice(cents=40, up=-6, vibrato=20)),
    "40 cents flat": (TWINKLE, 95, Voice("la", cents=-40, up=-2)),
    "sinking by 70 cents": (JACQUES, 100, Voice(drift=-70, up=-8)),
    "nearly inaudible": (ODE, 112, Voice(level=0.015, room=0.0003, up=-4)),
    "a whistle": (LEAPS, 100, Voice("whistle", up=21, breath=0.03)),
    "a whistle above 2094 Hz": (ODE, 92, Voice("whistle", up=34, breath=0.02, vibrato=20)),
    "a breathy whistle with slides": (TWINKLE, 84, Voice("whistle", up=24, breath=0.1, slide=0.1, gap=0)),
}


def meant_in_beats(tune, up):
    """(onset, pitch) of a tune, the first note at 0."""
    found, at = [], 0.0
    for pitch, beats in tune:
        if pitch is not None:
            found.append((at, pitch + up))
        at += beats
    return found


@pytest.fixture(scope="module")
def heard():
    """Every recording, transcribed once."""
    kept = {}
    for name, (tune, bpm, voice) in RECORDINGS.items():
        sung = sing(tune, bpm, voice, seed=11)
        kept[name] = sung, transcription((sung.samples, sung.rate))
    return kept


@pytest.mark.parametrize("name", RECORDINGS)
def test_notes_begin_within_50_ms_at_the_right_pitch(heard, name):
    sung, found = heard[name]
    score = f_score([(note.onset, note.pitch) for note in found.heard], sung.notes, seconds=0.05)
    assert score >= 0.9, (name, score, found.heard)


def test_over_all_recordings_hardly_a_note_is_lost_or_invented(heard):
    scores = [f_score([(n.onset, n.pitch) for n in found.heard], sung.notes) for sung, found in heard.values()]
    assert np.mean(scores) >= 0.98, dict(zip(heard, scores, strict=True))


def test_the_score_can_fail():
    sung = sing(ODE, 100, Voice(up=-5), seed=1)
    truth = [(onset, pitch) for onset, pitch, _ in sung.notes]
    assert f_score(truth, sung.notes) == 1
    assert f_score([(onset + 0.06, pitch) for onset, pitch in truth], sung.notes) == 0
    assert f_score([(onset, pitch + 12) for onset, pitch in truth], sung.notes) == 0
    assert f_score([], sung.notes) == 0
    assert f_score([*truth, *truth], sung.notes) == pytest.approx(2 / 3)  # none counts twice


@pytest.mark.parametrize("name", RECORDINGS)
def test_ends_lie_where_the_voice_ends(heard, name):
    sung, found = heard[name]
    ends = [
        note.onset + note.duration - end
        for note in found.heard
        for onset, pitch, end in sung.notes
        if pitch == note.pitch and abs(onset - note.onset) < 0.05
    ]
    assert abs(np.median(ends)) < 0.06, (name, np.median(ends))


@pytest.mark.parametrize("name", RECORDINGS)
def test_in_tempo_with_rhythm_assist(heard, name):
    tune, bpm, voice = RECORDINGS[name]
    found = heard[name][1]
    assert found.melody.bpm == pytest.approx(bpm, abs=2)
    score = f_score([(n.onset, n.pitch) for n in found.melody], meant_in_beats(tune, voice.up), seconds=1e-6)
    assert score >= 0.9, (name, [(n.onset, n.name) for n in found.melody])


def test_tuning_is_told(heard):
    assert heard["40 cents sharp"][1].tuning == pytest.approx(40, abs=6)
    assert re.search(r"about (3[5-9]|4[0-5]) cents above", heard["40 cents sharp"][1].words)
    assert "below" in heard["40 cents flat"][1].words
    assert "cents" not in heard["a man hums"][1].words


def test_somebody_who_is_never_quite_in_time(heard):
    """Onsets off by 25 ms, and a tempo that rises by a tenth from the first note to the last."""
    sung = sing(JACQUES, 90, Voice(up=-5, loose=0.025), seed=8)
    melody = transcribe((sung.samples, sung.rate))
    assert f_score([(n.onset, n.pitch) for n in melody], meant_in_beats(JACQUES, -5), 1e-6) >= 0.9
    times = np.cumsum([0.0, *(0.6 * 0.9 ** (index / 30) for index in range(30))])
    hurried = [HeardNote(float(time), 60 + index % 5, 0.4, 80) for index, time in enumerate(times)]
    melody, _ = timed(hurried)
    assert [note.onset for note in melody] == list(range(31))
    assert melody.bpm == pytest.approx(105, abs=2)


@pytest.fixture(scope="module")
def sung():
    return sing(ODE[:5], 100, Voice(up=-5), seed=6)


class TestBeats:
    def test_sung_to_a_metronome_the_first_beat_is_where_it_was(self):
        sung = sing(ODE, 120, Voice(up=-5), lead=1.0, seed=2)
        melody = transcribe((sung.samples, sung.rate), bpm=120, first_beat=0.5)
        assert melody.bpm == 120
        assert [note.onset for note in melody][:4] == [1, 2, 3, 4]

    def test_a_given_tempo_holds_from_the_first_note(self):
        sung = sing(ODE, 100, Voice(up=-5), lead=0.83, seed=2)
        melody = transcribe((sung.samples, sung.rate), bpm=100)
        assert [note.onset for note in melody] == [onset for onset, _ in meant_in_beats(ODE, 0)]
        assert [note.duration for note in melody][-3:] == [1.5, 0.5, 2]

    def test_without_rhythm_assist_notes_stay_where_they_were_sung(self):
        sung = sing(ODE, 100, Voice(up=-5, loose=0.03), seed=4)
        found = transcription((sung.samples, sung.rate), bpm=100, rhythm_assist=False)
        first = found.heard[0].onset
        seconds = [found.first_beat + note.onset * 0.6 for note in found.melody]
        assert abs(found.first_beat - first) < 0.05
        assert seconds[1:] == pytest.approx([note.onset for note in found.heard][1:], abs=1e-6)
        assert any(note.onset % 0.25 > 0.01 for note in found.melody)

    def test_one_voice_stays_one_voice(self, heard):
        for _, found in heard.values():
            notes = found.melody.notes
            assert all(a.offset <= b.onset + 1e-9 for a, b in itertools.pairwise(notes))

    def test_louder_is_harder(self):
        soft, loud = sing([(60, 1)], 60, Voice(level=0.06)), sing([(62, 1)], 60, Voice(level=0.5))
        both = np.concatenate([soft.samples, loud.samples])
        first, second = transcribe((both, soft.rate))
        assert first.velocity < second.velocity - 15


class TestNothingToHear:
    def test_silence(self):
        found = transcription((np.zeros(44100), 22050))
        assert found.melody == Melody(title="Sung melody")
        assert not found.melody
        assert "silent" in found.words

    def test_a_quiet_room(self):
        noise = 0.0003 * np.random.default_rng(1).standard_normal(44100)
        assert "silent" in transcription((noise, 22050)).words

    def test_noise_without_pitch(self):
        noise = 0.2 * np.random.default_rng(1).standard_normal(5 * 22050)
        found = transcription((noise, 22050))
        assert not found.melody
        assert "no steady pitch" in found.words

    def test_a_moment(self):
        assert "tenth of a second" in transcription((np.zeros(1000), 22050)).words
        assert not transcribe((np.zeros(0), 22050))


class TestWhatIsTaken:
    def pitches(self, *values, **named):
        return [note.pitch for note in transcribe(*values, **named)]

    def test_what_ipywebrtc_recorded_is_read_where_it_can_be(self, sung):
        file = io.BytesIO()
        soundfile.write(file, sung.samples, sung.rate, format="OGG", subtype="VORBIS")
        recorder = ipywebrtc.AudioRecorder(format="ogg")
        with pytest.raises(ValueError, match="record something first"):
            transcribe(recorder)
        recorder.audio.value = file.getvalue()
        assert self.pitches(recorder) == [59, 59, 60, 62, 62]
        recorder.audio.value = b"\x1a\x45\xdf\xa3" + bytes(100)
        with pytest.raises(ValueError, match=r"It is WebM.*dc\.Microphone"):
            transcribe(recorder)

    def test_files_bytes_samples_and_channels_alike(self, sung, tmp_path):
        expected = [59, 59, 60, 62, 62]
        (tmp_path / "hum.wav").write_bytes(as_wav(sung.samples))
        whole = np.rint(sung.samples * 32767).astype(np.int16)
        assert self.pitches((sung.samples, sung.rate)) == expected
        assert self.pitches(sung.samples, sung.rate) == expected
        assert self.pitches(Recording(whole, sung.rate)) == expected
        assert self.pitches(np.stack([sung.samples, 0 * sung.samples], axis=1), sung.rate) == expected
        assert self.pitches(as_wav(sung.samples)) == expected
        assert self.pitches(tmp_path / "hum.wav") == expected
        for kind, subtype in (("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")):
            file = io.BytesIO()
            rate = 24000 if subtype == "OPUS" else sung.rate
            samples = np.interp(
                np.arange(0, len(sung.samples), sung.rate / rate), np.arange(len(sung.samples)), sung.samples
            )
            soundfile.write(file, samples, rate, format=kind, subtype=subtype)
            assert self.pitches(file.getvalue()) == expected, subtype

    @pytest.mark.parametrize("rate", [8000, 16000, 32000, 44100, 48000])
    def test_any_rate(self, rate):
        sung = sing(ODE[:5], 100, Voice(up=-5), seed=6, rate=rate)
        assert self.pitches((sung.samples, rate)) == [59, 59, 60, 62, 62]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (b"", "is empty"),
            (b"\x1a\x45\xdf\xa3" + bytes(100), "WebM"),
            (b"RIFF no sound", "not a sound file that can be read"),
            ("nowhere.wav", "cannot be opened"),
            (np.zeros(1000), "need their rate"),
            ((np.zeros(1000), 0), "whole number in 4,000–384,000"),
            ((np.full(1000, np.nan), 22050), "not finite"),
            ((np.zeros((2, 50_000)), 22050), "samples.T"),
            ((np.zeros((4, 4, 4)), 22050), r"shape \(n,\)"),
            ((np.zeros(1000, dtype=np.uint8), 22050), "signed"),
            ((np.zeros(8000 * 601, dtype=np.int8), 8000), "at most 10"),
        ],
    )
    def test_what_cannot_be_read_is_told(self, given, words):
        with pytest.raises(ValueError, match=words):
            transcribe(given)

    def test_numbers_out_of_range_are_told(self, sung):
        with pytest.raises(ValueError, match="4–1000"):
            transcribe((sung.samples, sung.rate), bpm=0)
        with pytest.raises(ValueError, match="1/16–4"):
            transcribe((sung.samples, sung.rate), grid=9)

    def test_a_missing_pitch_tracker_is_told(self, sung, monkeypatch):
        module._detector.cache_clear()
        monkeypatch.setitem(sys.modules, "swift_f0", None)
        with pytest.raises(RuntimeError, match="pip install swift-f0"):
            transcribe((sung.samples, sung.rate))
        module._detector.cache_clear()


def test_another_rate_keeps_the_sound():
    """A tone below both half rates comes out as the same tone, in place; one above is gone."""
    at = np.arange(22050) / 22050
    tone = np.sin(2 * np.pi * 1000 * at)
    slower = module._resampled(tone, 22050, 16000)
    assert len(slower) == 16000
    expected = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert np.abs(slower - expected)[500:-500].max() < 0.01
    assert np.abs(module._resampled(np.sin(2 * np.pi * 9500 * at), 22050, 16000))[500:-500].max() < 0.02
