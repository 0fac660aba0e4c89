"""Sound: music becomes audio, through a SoundFont and without a browser.

The package carries `soundfont/deepcomposer_lab.sf3`, twenty General MIDI instruments and a drum kit in
6 MB. Its samples are Ogg Vorbis streams (SoundFont 3), and the renderer reads plain samples alone
(SoundFont 2.01), so the first sound writes the SoundFont 2 to the user's cache; that takes about a second,
once a user.

Audio is float32 of shape (samples, channels) in [−1, 1], 48,000 samples a second unless asked otherwise.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from math import ceil
from pathlib import Path

import midirenderer
import numpy as np
import soundfile

from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.files import write_atomically
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.midi import TICKS_PER_BEAT, write_midi

SAMPLE_RATE = 48_000
"""Samples a second that the renderer makes."""

PEAK = 10 ** (-1 / 20)
"""Largest amplitude of rendered audio: −1 dBFS, so that no player or encoder clips."""

SOUNDFONT_SHA256 = "a712c1a55e1628c160cc21af5c7ce15c2675f8d74fb5a2184b9695264a9bf8d5"
"""sha256 of the SoundFont 3 in the package."""

_SOUNDFONT_3 = Path(__file__).parent / "soundfont" / "deepcomposer_lab.sf3"


class SoundFontError(RuntimeError):
    """The SoundFont in the package is missing or damaged."""


# -------------------------------------------------------------------------------- instruments

PROGRAMS_PRESENT = (0, 4, 11, 19, 24, 27, 32, 33, 38, 40, 42, 48, 53, 56, 65, 68, 71, 73, 80, 89)
"""The General MIDI programs in the SoundFont."""

# One row a General MIDI family: the program that plays each of its eight. Low members of a family go to the
# present instrument whose range reaches down (bassoon to clarinet, double bass to cello); what is plucked
# stays plucked.
_NEAREST: tuple[int, ...] = (
    *(0, 0, 0, 0, 4, 4, 0, 4),  # 0 piano: harpsichord to piano, clavinet to electric piano
    *(11, 11, 11, 11, 11, 11, 11, 11),  # 8 chromatic percussion
    *(19, 19, 19, 19, 19, 19, 19, 19),  # 16 organ, accordion
    *(24, 24, 27, 27, 27, 27, 27, 27),  # 24 guitar
    *(32, 33, 33, 33, 33, 33, 38, 38),  # 32 bass
    *(
        40,
        42,
        42,
        42,
        48,
        24,
        24,
        32,
    ),  # 40 solo strings; pizzicato, harp to guitar, timpani to plucked bass
    *(48, 48, 48, 48, 53, 53, 53, 48),  # 48 ensembles and choirs
    *(56, 56, 56, 56, 56, 56, 56, 56),  # 56 brass
    *(65, 65, 65, 65, 68, 68, 71, 71),  # 64 reeds
    *(73, 73, 73, 73, 73, 73, 73, 73),  # 72 pipes
    *(80, 80, 80, 80, 80, 53, 80, 80),  # 80 synth leads; the voice lead to voices
    *(89, 89, 89, 53, 89, 89, 89, 89),  # 88 synth pads; the choir pad to voices
    *(89, 89, 11, 89, 89, 89, 89, 24),  # 96 synth effects: crystal to vibraphone, sitar-like to guitar
    *(24, 27, 24, 24, 11, 68, 40, 68),  # 104 sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai
    *(11, 11, 11, 11, 32, 32, 38, 89),  # 112 tuned percussion; taiko and toms to the bass
    *(24, 73, 89, 73, 11, 89, 89, 89),  # 120 sound effects: a colour near them, and no silence
)


def nearest_program(program: int) -> int:
    """Return the program of the SoundFont that sounds most like General MIDI `program`, itself if present.

    Raises
    ------
    ValueError
        When `program` is outside 0–127.
    """
    if not 0 <= program <= 127:
        raise ValueError(f"A General MIDI program lies in 0–127 (0 is the grand piano); got {program}.")
    return _NEAREST[program]


# -------------------------------------------------------------------------------- the SoundFont


def cache_folder() -> Path:
    """Return the folder for files that can be made again.

    $DEEPCOMPOSER_LAB_CACHE where it is set, else the platform's own place for caches.
    """
    chosen = os.environ.get("DEEPCOMPOSER_LAB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "deepcomposer_lab" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "deepcomposer_lab"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "deepcomposer_lab"


def soundfont_path() -> Path:
    """Return the path of the SoundFont 2 in the cache, written now if it is not there or damaged.

    Returns
    -------
    Path
        A file of 28.6 MB whose sha256 is the one noted beside it when it was written.

    Raises
    ------
    SoundFontError
        When the SoundFont 3 in the package is missing or damaged.
    OSError
        When the cache cannot be written; `render` then works from memory.
    """
    path = _cached_path()
    if _read_checked(path) is None:
        _write_checked(path, _soundfont_2_from_package())
    return path


@lru_cache(maxsize=1)
def _soundfont_2() -> bytes:
    """Return the SoundFont 2, from the cache where there is one; read once a process."""
    path = _cached_path()
    cached = _read_checked(path)
    if cached is not None:
        return cached
    made = _soundfont_2_from_package()
    with contextlib.suppress(OSError):  # a full disk or a read-only home costs a second a start, and no sound
        _write_checked(path, made)
    return made


def _cached_path() -> Path:
    """The name holds the source's digest, so a package with another SoundFont never reads this one's."""
    return cache_folder() / f"deepcomposer_lab-{SOUNDFONT_SHA256[:12]}.sf2"


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sf2.sha256")


def _read_checked(path: Path) -> bytes | None:
    """Return the file's bytes, or None when it is missing or not what was written."""
    try:
        data, digest = path.read_bytes(), _digest_path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _write_checked(path: Path, data: bytes) -> None:
    """Write `data` and then its sha256, each in one step: a reader finds a whole pair or makes its own."""
    # Noted here rather than committed: Vorbis decoders may differ by one step of a sample between platforms.
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
    write_atomically(_digest_path(path), hashlib.sha256(data).hexdigest().encode("ascii"))


def _soundfont_2_from_package() -> bytes:
    try:
        source = _SOUNDFONT_3.read_bytes()
    except OSError as error:
        raise SoundFontError(
            f"The SoundFont {_SOUNDFONT_3.name} is missing; install deepcomposer-lab again."
        ) from error
    if hashlib.sha256(source).hexdigest() != SOUNDFONT_SHA256:
        raise SoundFontError(
            f"The SoundFont {_SOUNDFONT_3.name} is damaged ({len(source):,} bytes, another sha256 than it "
            f"was released with); install deepcomposer-lab again."
        )
    return soundfont_2_from_3(source)


# name, start, end, loop start, loop end, rate, key, cents, link, type
_SAMPLE_HEADER = struct.Struct("<20s5IBbHH")
_COMPRESSED = 0x10
_GUARD_SAMPLES = 46  # zeros after every sample, as the SoundFont 2.01 specification asks (section 7.10)


def soundfont_2_from_3(source: bytes) -> bytes:
    """Return a SoundFont 3 (samples as Ogg Vorbis) as a SoundFont 2.01 (samples as 16-bit PCM).

    In a SoundFont 3 the header of a compressed sample counts its start and end in bytes of the sample chunk,
    and its loop in samples from its own start; in a SoundFont 2 all four count samples of the whole chunk.

    Parameters
    ----------
    source : bytes
        The SoundFont 3 file.

    Returns
    -------
    bytes
        The SoundFont 2 file: the same presets, instruments and generators, with decoded mono samples.

    Raises
    ------
    SoundFontError
        When `source` is not a SoundFont or one of its samples cannot be decoded.
    """
    try:
        lists = {kind: dict(_chunks(source, start + 4, end)) for kind, start, end in _lists(source)}
        headers = list(_SAMPLE_HEADER.iter_unpack(lists[b"pdta"][b"shdr"]))
        samples = lists[b"sdta"][b"smpl"]
    except (struct.error, KeyError) as error:
        raise SoundFontError("This is no SoundFont: its RIFF chunks are not those of one.") from error

    # libsndfile decodes outside the interpreter's lock, so threads share the cores. The last header ends the
    # table and has no sample.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as threads:
        decoded = list(threads.map(lambda header: _decoded(header, samples), headers[:-1]))

    guard = np.zeros(_GUARD_SAMPLES, dtype=np.int16)
    new_headers, position = [], 0
    for header, sample in zip(headers, decoded, strict=False):
        name, start, _, loop_start, loop_end, *rest, kind = header
        shift = position if kind & _COMPRESSED else position - start
        loop = (loop_start + shift, loop_end + shift)
        new_headers.append((name, position, position + len(sample), *loop, *rest, kind & ~_COMPRESSED))
        position += len(sample) + _GUARD_SAMPLES
    new_headers.append(headers[-1])

    lists[b"INFO"][b"ifil"] = struct.pack("<HH", 2, 1)
    lists[b"pdta"][b"shdr"] = b"".join(_SAMPLE_HEADER.pack(*header) for header in new_headers)
    pcm = np.concatenate([part for sample in decoded for part in (sample, guard)])
    lists[b"sdta"][b"smpl"] = pcm.astype("<i2", copy=False).tobytes()
    body = b"".join(
        _chunk(b"LIST", kind + b"".join(_chunk(name, data) for name, data in lists[kind].items()))
        for kind in (b"INFO", b"sdta", b"pdta")
    )
    return _chunk(b"RIFF", b"sfbk" + body)


def _decoded(header: tuple, samples: bytes) -> np.ndarray:
    """Return one sample as int16, whichever of the two forms its header says it has."""
    name, start, end, *_, kind = header
    if not kind & _COMPRESSED:
        return np.frombuffer(samples[2 * start : 2 * end], dtype="<i2")
    try:
        return soundfile.read(io.BytesIO(samples[start:end]), dtype="int16")[0]
    except soundfile.LibsndfileError as error:
        label = name.rstrip(b"\0").decode("latin-1")
        raise SoundFontError(f"Sample “{label}” of the SoundFont cannot be decoded.") from error


def _lists(source: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each LIST chunk of a SoundFont."""
    riff, size, form = struct.unpack_from("<4sI4s", source, 0)
    if (riff, form) != (b"RIFF", b"sfbk"):
        raise KeyError("sfbk")
    position = 12
    while position < min(len(source), size + 8):
        name, length = struct.unpack_from("<4sI", source, position)
        if name == b"LIST":
            yield source[position + 8 : position + 12], position + 8, position + 8 + length
        position += 8 + length + length % 2


def _chunks(source: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while start < end:
        name, length = struct.unpack_from("<4sI", source, start)
        yield name, source[start + 8 : start + 8 + length]
        start += 8 + length + length % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


# -------------------------------------------------------------------------------- rendering

_TAIL_SECONDS = 3.0  # after the last note ends, instruments ring on
_SILENCE = 10 ** (-60 / 20)  # of the peak; what is softer at the end is left out
_FADE_SECONDS = 0.05
_LARGEST_GAIN = 10 ** (24 / 20)  # what was played softly stays softer than what was played hard
_CHANNEL_VOLUMES = (127, 40, 13, 4)  # each about a tenth of the amplitude of the one before
_FULL_SCALE = 32_767 / 32_768  # a sample that reaches it was clipped
_TRACKS_AT_ONCE = 8  # of 15 pitched channels: overlaps of one pitch take a second channel


def render(music: Composition | Melody, *, sample_rate: int = SAMPLE_RATE) -> tuple[np.ndarray, int]:
    """Return `music` as audio.

    The loudest moment is brought to −1 dBFS, by at most 24 dB; nothing clips. After the last note the
    instruments ring on until they are 60 dB below the peak, for three seconds at most.

    Parameters
    ----------
    music : Composition or Melody
        Any number of tracks. A program that the SoundFont does not hold plays as the nearest one it does.
    sample_rate : int
        Samples a second, 8,000–48,000; less saves space and loses the highest overtones.

    Returns
    -------
    audio : ndarray of float32, shape (samples, 2)
        Left and right, in [−0.891, 0.891].
    sample_rate : int
        As asked.

    Raises
    ------
    ValueError
        When there is nothing to hear, or the sample rate is outside its range.
    """
    if not 8_000 <= sample_rate <= SAMPLE_RATE:
        raise ValueError(f"A sample rate lies in 8,000–48,000 samples a second; got {sample_rate}.")
    composition = as_composition(music)
    if not any(track.notes for track in composition.tracks):
        raise ValueError(
            f"“{composition.title}” has no notes, so there is nothing to hear. Play a few notes first, or "
            f'take dc.sample_melody("ode_to_joy").'
        )
    audio = _levelled(_trimmed(_rendered(composition), composition.seconds))
    return _resampled(audio, sample_rate), sample_rate


def to_wav(music: Composition | Melody, *, mono: bool = False, sample_rate: int = SAMPLE_RATE) -> bytes:
    """Return `music` as a 16-bit WAV file, stereo or (`mono`) the mean of both sides. Errors as `render`."""
    audio, rate = render(music, sample_rate=sample_rate)
    return encode_wav(to_mono(audio) if mono else audio, rate)


def to_opus(music: Composition | Melody, *, mono: bool = False) -> bytes:
    """Return `music` as an Ogg Opus file, about a tenth of the WAV. Errors as `render`."""
    audio, rate = render(music)
    return encode_opus(to_mono(audio) if mono else audio, rate)


def to_mono(audio: np.ndarray) -> np.ndarray:
    """Return the mean of both sides, shape (samples, 1)."""
    return audio.mean(axis=1, keepdims=True, dtype=np.float32)


def encode_wav(audio: np.ndarray, sample_rate: int) -> bytes:
    """Return audio of shape (samples, channels) as a WAV file, 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, audio, sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def encode_opus(audio: np.ndarray, sample_rate: int) -> bytes:
    """Return audio of shape (samples, channels) as an Ogg Opus file; at 48, 24, 16, 12 or 8 kHz.

    The same audio gives the same bytes.
    """
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", sample_rate, channels=audio.shape[1], format="OGG", subtype="OPUS") as encoder:
        for start in range(0, len(audio), sample_rate):  # a second at a time: its encoder keeps a block on the stack
            encoder.write(audio[start : start + sample_rate])
    return _with_fixed_serial(file.getvalue())


_OGG_SERIAL = 1
_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _with_fixed_serial(ogg: bytes) -> bytes:
    """Return an Ogg file of one stream under a fixed serial number: libsndfile draws a new one for each file.

    A page (RFC 3533, section 6) has its serial at byte 14, its checksum at 22, the number of its segments at 26 and
    their lengths after it.
    """
    pages, start = [], 0
    while start < len(ogg):
        segments = ogg[start + 26]
        body = start + 27 + segments
        end = body + sum(ogg[start + 27 : body])
        page = bytearray(ogg[start:end])
        struct.pack_into("<I", page, 14, _OGG_SERIAL)
        struct.pack_into("<I", page, 22, 0)  # the checksum counts as 0 while it is computed
        struct.pack_into("<I", page, 22, _ogg_checksum(page))
        pages.append(page)
        start = end
    return b"".join(pages)


def _ogg_checksum(page: bytes | bytearray) -> int:
    """Return the CRC-32 of an Ogg page: polynomial 0x04c11db7, highest bit first, from 0, without a final inversion.

    zlib's has the same polynomial, lowest bit first and inverted at both ends: reversing the bits of what goes in and
    of what comes out turns the one into the other, at zlib's speed.
    """
    reflected = zlib.crc32(page.translate(_BITS_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _rendered(composition: Composition) -> np.ndarray:
    """Return float32 of shape (samples, 2) at the renderer's own level, which may exceed 1."""
    playable = [replace(track, program=nearest_program(track.program)) for track in composition.tracks]
    end_tick = _end_tick(composition)
    # The renderer knows 16 channels and no MIDI ports, so a larger orchestra is rendered in groups and mixed.
    groups = [
        _rendered_tracks(composition.with_tracks(playable[first : first + _TRACKS_AT_ONCE]), end_tick)
        for first in range(0, len(playable), _TRACKS_AT_ONCE)
    ]
    mixed = groups[0]
    for group in groups[1:]:
        length = min(len(mixed), len(group))
        mixed = mixed[:length] + group[:length]
    return mixed


def _rendered_tracks(composition: Composition, end_tick: int) -> np.ndarray:
    """Return float32 of shape (samples, 2), rendered as loud as it goes without clipping."""
    midi = write_midi(composition)
    for volume in _CHANNEL_VOLUMES:
        wav = midirenderer.render_wave_from(_soundfont_2(), _with_control_track(midi, volume, end_tick))
        samples, _ = soundfile.read(io.BytesIO(wav), dtype="float32", always_2d=True)
        if max(samples.max(initial=0), -samples.min(initial=0)) < _FULL_SCALE:
            break
    samples *= (_CHANNEL_VOLUMES[0] / volume) ** 2  # a channel's amplitude follows the square of its volume
    return samples


def _end_tick(composition: Composition) -> int:
    """Return the tick at which the tail is over; the renderer stops with the last event."""
    tempo = [change for change in composition.tempos if change.onset <= composition.end][-1]
    return ceil((composition.end + _TAIL_SECONDS * tempo.bpm / 60) * TICKS_PER_BEAT)


def _with_control_track(midi: bytes, volume: int, end_tick: int) -> bytes:
    """Return the MIDI file with one more track: each channel's volume at its start, an event at `end_tick`.

    The renderer has no master volume and cuts its audio with the last event, ringing notes or not.
    """
    volumes = b"".join(bytes((0, 0xB0 | channel, 7, volume)) for channel in range(16))
    last = _variable_length(end_tick) + bytes((0xB0, 7, volume))
    events = volumes + last + b"\x00\xff\x2f\x00"
    tracks = struct.unpack_from(">H", midi, 10)[0] + 1
    header = midi[:8] + struct.pack(">HH", 1, tracks) + midi[12:]
    return header + b"MTrk" + struct.pack(">I", len(events)) + events


def _variable_length(number: int) -> bytes:
    """Return a MIDI variable-length quantity: seven bits a byte, the high bit set on all but the last."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def _trimmed(samples: np.ndarray, seconds: float) -> np.ndarray:
    """Return `samples` without the silence after the music's own end, faded out."""
    threshold = max(samples.max(initial=0), -samples.min(initial=0)) * _SILENCE
    audible = np.flatnonzero((samples > threshold).any(axis=1) | (samples < -threshold).any(axis=1))
    fade = int(_FADE_SECONDS * SAMPLE_RATE)
    end = max(int(seconds * SAMPLE_RATE), int(audible[-1]) + 1 if audible.size else 0) + fade
    trimmed = samples[:end]
    fade = min(fade, len(trimmed))
    trimmed[len(trimmed) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return trimmed


def _levelled(audio: np.ndarray) -> np.ndarray:
    peak = max(float(audio.max(initial=0)), -float(audio.min(initial=0)))
    if peak == 0:
        raise ValueError(
            "No note of this music can be heard: drums sound on General MIDI keys 35–81, and the extremes of "
            "MIDI's pitches lie outside hearing."
        )
    audio *= np.float32(min(PEAK / peak, _LARGEST_GAIN))
    return audio


def _resampled(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return `audio` at a lower rate, by cutting its spectrum at the new Nyquist frequency."""
    if sample_rate == SAMPLE_RATE:
        return audio
    # Padded to whole seconds, so that both lengths are whole numbers that the FFT likes.
    seconds = len(audio) // SAMPLE_RATE + 1
    padded = np.zeros((seconds * SAMPLE_RATE, audio.shape[1]), dtype=np.float32)
    padded[: len(audio)] = audio
    spectrum = np.fft.rfft(padded, axis=0)[: seconds * sample_rate // 2 + 1]
    kept = round(len(audio) * sample_rate / SAMPLE_RATE)
    resampled = np.fft.irfft(spectrum, n=seconds * sample_rate, axis=0)[:kept] * (sample_rate / SAMPLE_RATE)
    return np.clip(resampled, -PEAK, PEAK).astype(np.float32)  # the ripple of a cut spectrum may reach above the peak
