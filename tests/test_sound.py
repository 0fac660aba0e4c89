import io
import re
import struct
import time
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deepcomposer_lab import sound
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import TempoChange
from deepcomposer_lab.music.note import Note
from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

RATE = 48_000
A4 = 69


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One fresh cache for this file, so that nobody's own is touched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPCOMPOSER_LAB_CACHE", str(folder))
        sound._soundfont_2.cache_clear()
        yield folder
    sound._soundfont_2.cache_clear()


def one_track(notes, program=0, *, is_drum=False, bpm=100.0):
    return Composition([Track(notes, "Track", program, is_drum)], tempos=[TempoChange(0, bpm)])


def loudness(audio):
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def decibels(ratio):
    return 20 * np.log10(ratio)


def strongest_frequency(audio, rate, low=20.0, high=5_000.0):
    mono = audio.mean(axis=1)
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), n=8 * len(mono)))
    frequencies = np.arange(len(spectrum)) * rate / (8 * len(mono))
    band = (frequencies >= low) & (frequencies <= high)
    return float(frequencies[band][np.argmax(spectrum[band])])


def riff_chunks(data, start, end):
    """Yield (id, content) of the chunks in data[start:end], written here for the tests alone."""
    while start < end:
        identifier = data[start : start + 4]
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        yield identifier, data[start + 8 : start + 8 + size]
        start += 8 + size + (size & 1)


def soundfont_parts(data):
    assert data[:4] == b"RIFF"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data[8:12] == b"sfbk"
    return {
        content[:4]: dict(riff_chunks(content, 4, len(content)))
        for identifier, content in riff_chunks(data, 12, len(data))
        if identifier == b"LIST"
    }


def sample_headers(parts):
    raw = parts[b"pdta"][b"shdr"]
    names = ("name", "start", "end", "loop_start", "loop_end", "rate", "key", "cents", "link", "kind")
    return [dict(zip(names, values, strict=True)) for values in struct.iter_unpack("<20s5IBbHH", raw)]


class TestPrograms:
    def test_every_program_has_one_that_is_present(self):
        assert [sound.nearest_program(program) in sound.PROGRAMS_PRESENT for program in range(128)] == [True] * 128

    def test_a_present_program_plays_itself(self):
        assert [sound.nearest_program(program) for program in sound.PROGRAMS_PRESENT] == list(sound.PROGRAMS_PRESENT)

    def test_the_list_is_what_the_soundfont_holds(self):
        presets = soundfont_parts(sound.soundfont_path().read_bytes())[b"pdta"][b"phdr"]
        rows = [struct.unpack_from("<20sHH", presets, at) for at in range(0, len(presets) - 38, 38)]
        assert sorted(program for _, program, bank in rows if bank == 0) == list(sound.PROGRAMS_PRESENT)
        assert [program for _, program, bank in rows if bank == 128] == [0]

    @pytest.mark.parametrize(
        ("family", "expected"),
        [
            (range(8), {0, 4}),
            (range(8, 16), {11}),
            (range(16, 24), {19}),
            (range(24, 32), {24, 27}),
            (range(32, 40), {32, 33, 38}),
            (range(40, 44), {40, 42}),
            (range(48, 52), {48}),
            (range(52, 55), {53}),
            (range(56, 64), {56}),
            (range(64, 68), {65}),
            (range(72, 80), {73}),
            (range(88, 91), {89}),
        ],
    )
    def test_a_family_stays_in_its_family(self, family, expected):
        assert {sound.nearest_program(program) for program in family} == expected

    @pytest.mark.parametrize("program", [-1, 128])
    def test_a_program_outside_midi_is_refused(self, program):
        with pytest.raises(ValueError, match="0–127"):
            sound.nearest_program(program)

    @pytest.mark.parametrize("program", sound.PROGRAMS_PRESENT)
    def test_a_held_a4_sounds_at_440_hz_and_goes_on(self, program):
        """A wrong sample rate, key or loop would change the pitch, here or once the loop begins.

        The strongest partial may be the octave above or, of an organ with its 16-foot pipes, the one below.
        """
        audio, rate = sound.render(one_track([Note(0, A4, 5)], program))
        for start in (0.3, 1.8):
            heard = strongest_frequency(audio[int(start * rate) : int((start + 0.6) * rate)], rate, 200, 1_000)
            assert min(abs(1200 * np.log2(heard / partial)) for partial in (220, 440, 880)) < 25  # cents

    @pytest.mark.parametrize("program", sound.PROGRAMS_PRESENT)
    def test_no_key_of_the_piano_is_silent(self, program):
        keys = [33, 45, 88, 96, 108]
        audio, rate = sound.render(one_track([Note(2 * i, key, 2) for i, key in enumerate(keys)], program))
        heard = [np.abs(audio[int(i * 1.2 * rate) : int((i * 1.2 + 0.9) * rate)]).max() for i in range(len(keys))]
        assert min(heard) > 0.01

    def test_every_drum_sounds(self):
        drums = range(35, 82)
        audio, rate = sound.render(one_track([Note(i, drum, 1) for i, drum in enumerate(drums)], is_drum=True))
        heard = [np.abs(audio[int(i * 0.6 * rate) : int((i * 0.6 + 0.5) * rate)]).max() for i in range(len(drums))]
        assert min(heard) > 0.05


class TestSoundFont:
    def test_the_package_carries_at_most_6_mb_and_the_licence(self):
        folder = Path(sound.__file__).parent / "soundfont"
        assert (folder / "deepcomposer_lab.sf3").stat().st_size <= 6_000_000
        licence = (folder / "LICENSE").read_text(encoding="utf-8")
        assert "Frank Wen" in licence
        assert "Permission is hereby granted, free of charge" in licence
        assert sound.SOUNDFONT_SHA256 in (folder / "README.md").read_text(encoding="utf-8")

    def test_writing_the_soundfont_2_takes_less_than_3_seconds(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DEEPCOMPOSER_LAB_CACHE", str(tmp_path))
        start = time.process_time()
        path = sound.soundfont_path()
        assert time.process_time() - start < 3.0
        assert path.parent == tmp_path

    def test_headers_are_those_of_a_soundfont_2(self):
        parts = soundfont_parts(sound.soundfont_path().read_bytes())
        source = soundfont_parts((Path(sound.__file__).parent / "soundfont" / "deepcomposer_lab.sf3").read_bytes())
        assert parts[b"INFO"][b"ifil"] == struct.pack("<HH", 2, 1)
        pcm = np.frombuffer(parts[b"sdta"][b"smpl"], dtype="<i2")
        end = 0
        for header, stored in zip(sample_headers(parts)[:-1], sample_headers(source)[:-1], strict=True):
            assert header["start"] == end
            assert header["start"] <= header["loop_start"] <= header["loop_end"] <= header["end"]
            assert not pcm[header["end"] : header["end"] + 46].any()
            assert header["kind"] == 1
            assert all(header[name] == stored[name] for name in ("name", "rate", "key", "cents", "link"))
            end = header["end"] + 46
        assert end == len(pcm)
        for part in (b"phdr", b"pbag", b"pgen", b"inst", b"ibag", b"igen"):
            assert parts[b"pdta"][part] == source[b"pdta"][part]

    def test_compressed_and_plain_samples_both_come_through(self):
        """A SoundFont of two samples made here: one compressed, one plain that starts in the middle of the chunk."""
        wave_form = (12_000 * np.sin(np.arange(3_001) * 0.1)).astype(np.int16)
        vorbis = io.BytesIO()
        soundfile.write(vorbis, wave_form, 22_050, format="OGG", subtype="VORBIS")
        compressed = vorbis.getvalue() + b"\0" * (len(vorbis.getvalue()) % 2)
        plain = np.arange(-50, 51, dtype="<i2")
        plain_start = len(compressed) // 2
        headers = [
            (b"squeezed", 0, len(vorbis.getvalue()), 100, 2_900, 22_050, 60, -3, 0, 0x11),
            (b"plain", plain_start, plain_start + 101, plain_start + 7, plain_start + 90, 8_000, 72, 0, 0, 1),
            (b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0),
        ]
        source = _soundfont(compressed + plain.tobytes(), headers)
        parts = soundfont_parts(sound.soundfont_2_from_3(source))
        pcm = np.frombuffer(parts[b"sdta"][b"smpl"], dtype="<i2")
        first, second, last = sample_headers(parts)
        assert (first["start"], first["end"], first["loop_start"], first["loop_end"]) == (0, 3_001, 100, 2_900)
        assert (second["start"], second["end"]) == (3_047, 3_148)
        assert (second["loop_start"], second["loop_end"]) == (3_054, 3_137)
        assert (first["kind"], second["kind"], last["name"][:3]) == (1, 1, b"EOS")
        assert np.corrcoef(pcm[:3_001], wave_form)[0, 1] > 0.99
        np.testing.assert_array_equal(pcm[3_047:3_148], plain)
        assert len(pcm) == 3_148 + 46

    @pytest.mark.parametrize("source", [b"", b"RIFF", b"RIFF\4\0\0\0WAVE", b"MThd" + bytes(40)])
    def test_what_is_no_soundfont_is_refused(self, source):
        with pytest.raises(sound.SoundFontError, match="no SoundFont"):
            sound.soundfont_2_from_3(source)

    def test_a_sample_that_cannot_be_decoded_is_named(self):
        headers = [(b"broken", 0, 40, 1, 2, 22_050, 60, 0, 0, 0x11), (b"EOS", *[0] * 9)]
        with pytest.raises(sound.SoundFontError, match="broken"):
            sound.soundfont_2_from_3(_soundfont(b"x" * 40, headers))

    def test_a_damaged_package_is_reported(self, tmp_path, monkeypatch):
        damaged = tmp_path / "deepcomposer_lab.sf3"
        damaged.write_bytes(sound._SOUNDFONT_3.read_bytes()[:-1] + b"!")
        monkeypatch.setenv("DEEPCOMPOSER_LAB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(sound, "_SOUNDFONT_3", damaged)
        with pytest.raises(sound.SoundFontError, match="damaged"):
            sound.soundfont_path()
        monkeypatch.setattr(sound, "_SOUNDFONT_3", tmp_path / "nowhere.sf3")
        with pytest.raises(sound.SoundFontError, match="missing"):
            sound.soundfont_path()


def _soundfont(samples, headers):
    def chunk(name, content):
        return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)

    table = b"".join(struct.pack("<20s5IBbHH", *header) for header in headers)
    lists = (
        chunk(b"LIST", b"INFO" + chunk(b"ifil", struct.pack("<HH", 3, 1))),
        chunk(b"LIST", b"sdta" + chunk(b"smpl", samples)),
        chunk(b"LIST", b"pdta" + chunk(b"phdr", b"") + chunk(b"shdr", table)),
    )
    return chunk(b"RIFF", b"sfbk" + b"".join(lists))


class TestCache:
    @pytest.fixture
    def written(self, tmp_path, monkeypatch, cache):
        """A cache of this test's own, filled; copied, to save the decoding."""
        for path in (sound.soundfont_path(), sound._digest_path(sound.soundfont_path())):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        monkeypatch.setenv("DEEPCOMPOSER_LAB_CACHE", str(tmp_path))
        return sound.soundfont_path()

    def test_a_second_use_takes_what_is_there(self, written, monkeypatch):
        monkeypatch.setattr(sound, "soundfont_2_from_3", None)
        before = written.stat().st_mtime_ns
        assert sound.soundfont_path() == written
        assert written.stat().st_mtime_ns == before

    @pytest.mark.parametrize("damage", ["cut", "changed", "digest lost", "digest unreadable"])
    def test_a_damaged_file_is_made_again(self, written, damage, monkeypatch):
        good = written.read_bytes()
        monkeypatch.setattr(sound, "soundfont_2_from_3", lambda source: good)  # decoded once is enough
        if damage == "cut":
            written.write_bytes(good[: len(good) // 2])
        elif damage == "changed":
            written.write_bytes(good[:1000] + bytes([good[1000] ^ 1]) + good[1001:])
        elif damage == "digest lost":
            sound._digest_path(written).unlink()
        else:
            sound._digest_path(written).write_bytes(b"\xff\xfe")
        assert sound.soundfont_path().read_bytes() == good
        assert sorted(path.suffix for path in written.parent.iterdir()) == [".sf2", ".sha256"]

    def test_without_a_cache_that_can_be_written_there_is_still_sound(self, tmp_path, monkeypatch):
        good = sound.soundfont_path().read_bytes()
        monkeypatch.setattr(sound, "soundfont_2_from_3", lambda source: good)
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("DEEPCOMPOSER_LAB_CACHE", str(tmp_path / "file" / "cache"))
        sound._soundfont_2.cache_clear()
        audio, _ = sound.render(one_track([Note(0, 60, 1)]))
        assert loudness(audio) > 0.01
        with pytest.raises(OSError):
            sound.soundfont_path()
        sound._soundfont_2.cache_clear()

    @pytest.mark.parametrize(
        ("platform", "variables", "expected"),
        [
            ("linux", {"XDG_CACHE_HOME": "/x/cache"}, "/x/cache/deepcomposer_lab"),
            ("linux", {}, "/home/ada/.cache/deepcomposer_lab"),
            ("darwin", {}, "/home/ada/Library/Caches/deepcomposer_lab"),
            ("win32", {"LOCALAPPDATA": "/x/local"}, "/x/local/deepcomposer_lab/cache"),
            ("win32", {}, "/home/ada/AppData/Local/deepcomposer_lab/cache"),
            ("win32", {"DEEPCOMPOSER_LAB_CACHE": "~/mine"}, "/home/ada/mine"),
        ],
    )
    def test_the_folder_is_the_platforms_own(self, monkeypatch, platform, variables, expected):
        for name in ("DEEPCOMPOSER_LAB_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"HOME": "/home/ada", "USERPROFILE": "/home/ada", **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sound.sys, "platform", platform)
        assert sound.cache_folder() == Path(expected)


class TestRender:
    @pytest.mark.parametrize("name", list_sample_melodies())
    def test_sample_melodies_neither_clip_nor_fall_silent(self, name):
        melody = sample_melody(name)
        audio, rate = sound.render(melody)
        assert audio.dtype == np.float32
        assert audio.shape[1] == 2
        assert rate == RATE
        assert -12 < decibels(np.abs(audio).max()) <= -0.99
        assert decibels(loudness(audio)) > -36
        seconds = melody.end * 60 / melody.bpm
        assert seconds < len(audio) / rate < seconds + 3.1

    @pytest.mark.parametrize("program", [0, 19, 56])
    def test_the_loudest_chord_there_is_does_not_clip(self, program):
        """Sixty-four notes struck as hard as can be: far above full scale before the level is set."""
        audio, _ = sound.render(one_track([Note(0, pitch, 4, 127) for pitch in range(36, 100)], program))
        peak = np.abs(audio).max()
        assert decibels(peak) == pytest.approx(-1, abs=0.01)
        assert (np.abs(audio) > 0.999 * peak).sum() < 20  # a clipped wave stays at its peak

    def test_a_unison_beyond_full_scale_keeps_its_shape(self):
        """The same chord louder than the renderer can write has the shape of the soft one: nothing was cut off."""
        tracks = [Track([Note(0, 60, 2, 127)], f"Trumpet {i}", 56) for i in range(24)]
        audio, _ = sound.render(Composition(tracks))
        peak = np.abs(audio).max()
        assert decibels(peak) == pytest.approx(-1, abs=0.01)
        assert (np.abs(audio) > 0.999 * peak).sum() < 20

    def test_what_is_played_softly_is_softer(self):
        soft, _ = sound.render(one_track([Note(i, 60 + i, 1, 15) for i in range(4)]))
        hard, _ = sound.render(one_track([Note(i, 60 + i, 1, 110) for i in range(4)]))
        assert decibels(loudness(soft) / loudness(hard)) < -10
        assert loudness(soft) > 1e-4

    def test_notes_sound_when_the_tempos_say(self):
        """4 beats at 120 bpm are 2 s, 2 more at 60 bpm are 2 s: the second note starts at 4 s."""
        piece = Composition(
            [Track([Note(0, 60, 0.25), Note(6, 72, 1)], "Marimba", 12)],
            tempos=[TempoChange(0, 120), TempoChange(4, 60)],
        )
        audio, rate = sound.render(piece)
        mono = np.abs(audio).max(axis=1)
        assert mono[int(3.6 * rate) : int(3.98 * rate)].max() < 0.02
        onset = np.argmax(mono[int(3.9 * rate) :] > 0.05) / rate + 3.9
        assert onset == pytest.approx(4.0, abs=0.03)

    def test_the_last_note_rings_on_and_fades_to_nothing(self):
        piece = one_track([Note(0, 60, 1)])  # 0.6 s
        audio, rate = sound.render(piece)
        assert np.abs(audio[int(0.62 * rate) : int(0.8 * rate)]).max() > 0.02
        assert np.abs(audio[-10:]).max() < 1e-3

    def test_a_rest_at_the_end_of_a_track_is_no_reason_to_cut_another(self):
        audio, rate = sound.render(Composition([Track([Note(0, 60, 1)]), Track([Note(10, 67, 2)])]))
        assert len(audio) / rate > 7.2

    def test_more_tracks_than_midi_channels_keep_their_instruments(self):
        """Twenty tracks play one after another; the last, a flute, sounds as it does alone."""
        flute = Track([Note(40, 72, 2)], "Flute", 73)
        others = [Track([Note(2 * i, 48 + i, 1)], f"Track {i}", sound.PROGRAMS_PRESENT[i]) for i in range(19)]
        together, rate = sound.render(Composition([*others, flute]))
        alone, _ = sound.render(Composition([flute]))
        span = slice(int(24.0 * rate), int(25.1 * rate))
        spectra = [np.abs(np.fft.rfft(audio[span].mean(axis=1))) for audio in (together, alone)]
        assert np.corrcoef(*spectra)[0, 1] > 0.98

    def test_an_absent_program_sounds_as_the_nearest_present(self):
        notes = [Note(0, 60, 2)]
        tuba, _ = sound.render(one_track(notes, 58))
        trumpet, _ = sound.render(one_track(notes, 56))
        piano, _ = sound.render(one_track(notes, 0))
        np.testing.assert_array_equal(tuba, trumpet)
        assert tuba.shape != piano.shape or not np.allclose(tuba, piano, atol=0.05)

    def test_a_lower_rate_keeps_pitch_and_length(self):
        piece = one_track([Note(0, A4, 4)], 73)
        full, _ = sound.render(piece)
        low, rate = sound.render(piece, sample_rate=16_000)
        assert rate == 16_000
        assert len(low) / rate == pytest.approx(len(full) / RATE, abs=1e-3)
        assert strongest_frequency(low[4_800:24_000], rate) == pytest.approx(440, rel=0.01)
        # Below the new Nyquist frequency nothing changes: every third sample of what a wide filter leaves.
        spectrum = np.fft.rfft(full, axis=0)
        spectrum[int(len(full) * 8_000 / RATE) :] = 0
        filtered = np.fft.irfft(spectrum, n=len(full), axis=0)[::3]
        assert np.corrcoef(low[:30_000, 0], filtered[:30_000, 0])[0, 1] > 0.999
        assert loudness(low) == pytest.approx(loudness(filtered), rel=0.01)

    @pytest.mark.parametrize("sample_rate", [7_999, 48_001, 0])
    def test_a_sample_rate_out_of_range_is_refused(self, sample_rate):
        with pytest.raises(ValueError, match="8,000–48,000"):
            sound.render(one_track([Note(0, 60, 1)]), sample_rate=sample_rate)

    @pytest.mark.parametrize("music", [Melody(), Composition(), Composition([Track(), Track(is_drum=True)])])
    def test_nothing_to_hear_is_said(self, music):
        with pytest.raises(ValueError, match="nothing to hear"):
            sound.render(music)

    def test_notes_that_make_no_sound_are_said(self):
        with pytest.raises(ValueError, match="can be heard"):
            sound.render(one_track([Note(0, 5, 1)], is_drum=True))

    def test_a_path_is_no_music(self):
        with pytest.raises(TypeError, match="read_midi"):
            sound.render("song.mid")


class TestFiles:
    piece = one_track([Note(i, 60 + i, 1) for i in range(4)], 48)

    @pytest.mark.parametrize(("mono", "channels"), [(False, 2), (True, 1)])
    def test_a_wav_holds_what_was_rendered(self, mono, channels):
        audio, _ = sound.render(self.piece)
        with wave.open(io.BytesIO(sound.to_wav(self.piece, mono=mono))) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (channels, 2, RATE)
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, channels)
        expected = audio.mean(axis=1, keepdims=True) if mono else audio
        np.testing.assert_allclose(samples / 32_768, expected, atol=1e-4)

    def test_an_opus_file_sounds_like_the_wav_and_is_a_fraction_of_it(self):
        opus, wav = sound.to_opus(self.piece), sound.to_wav(self.piece)
        assert opus[:4] == b"OggS"
        assert b"OpusHead" in opus[:64]
        assert len(opus) < len(wav) / 8
        decoded, rate = soundfile.read(io.BytesIO(opus), always_2d=True)
        original, _ = soundfile.read(io.BytesIO(wav), always_2d=True)
        assert (rate, decoded.shape[1]) == (RATE, 2)
        length = min(len(decoded), len(original))
        assert abs(len(decoded) - len(original)) < 0.05 * RATE
        assert np.corrcoef(decoded[:length, 0], original[:length, 0])[0, 1] > 0.95
        assert np.abs(decoded).max() < 1

    def test_the_same_audio_gives_the_same_opus_bytes(self):
        audio, rate = sound.render(self.piece)
        first, second = sound.encode_opus(audio, rate), sound.encode_opus(audio, rate)
        assert first == second
        # libogg drops a page whose checksum is wrong, and libsndfile then hears less of it, or refuses the file.
        assert len(soundfile.read(io.BytesIO(first))[0]) == len(audio)

    def test_every_ogg_page_has_the_checksum_that_its_bits_give(self):
        opus = sound.encode_opus(sound.render(self.piece)[0], RATE)
        starts = [found.start() for found in re.finditer(b"OggS\0", opus)]
        assert len(starts) > 3
        for start, end in zip(starts, [*starts[1:], len(opus)], strict=True):
            page, remainder = bytearray(opus[start:end]), 0
            (noted,) = struct.unpack_from("<I", page, 22)
            page[22:26] = bytes(4)
            for byte in page:  # a long division by the polynomial, bit by bit
                remainder ^= byte << 24
                for _ in range(8):
                    remainder = (remainder << 1) ^ (0x104C11DB7 if remainder >> 31 else 0)
            assert noted == remainder

    def test_opus_in_mono_has_one_channel(self):
        assert soundfile.info(io.BytesIO(sound.to_opus(self.piece, mono=True))).channels == 1

    def test_the_same_music_gives_the_same_bytes(self):
        assert sound.to_wav(self.piece) == sound.to_wav(self.piece)
