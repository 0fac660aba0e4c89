"""Measures of an accompaniment beside its melody, each defined so that it can be counted by hand.

Real and generated music take the same way: planes are read as notes (`TrackWindow.read`), and the notes are measured.
Everything is in C (`training/song_planes.py`), on the encoding's grid. A *beat* is a quarter note; *sounding* means
held notes too; a *pitch class* is the pitch regardless of the octave.

Of each track by itself, `<track>.<measure>`:

| measure | tracks | definition |
|---|---|---|
| `empty_bars` | all | share of bars in which nothing sounds, as `metrics.empty_bar_rate` |
| `notes_a_bar` | all | notes that start, divided by the bars |
| `pitches_a_bar` | pitched | different pitches that sound in a bar; mean over all bars, as `metrics.pitches_used` |
| `pitch_classes_a_bar` | pitched | different pitch classes that sound in a bar (the UPC of MuseGAN); mean over all bars, empty ones included |
| `qualified_notes` | pitched | share of notes that last an eighth note or longer: a threshold in time, the same on every grid |
| `polyphonic` | pitched | share of steps in which more than two pitches sound, as `metrics.polyphonic_rate` |
| `in_scale` | pitched | share of notes in the scale: C major, or C minor with the raised sixth and seventh too |
| `drum_in_pattern` | drums | mean worth of the hits, as `metrics.drum_in_pattern`: an eighth 1, any other step 0.1; on six steps a beat as well |

Of every two pitched tracks, `<track>-<track>.tonal_distance`, which knows nothing of the melody either.

Of the accompaniment beside the melody:

| measure | definition |
|---|---|
| `melody.chord_tone_agreement` | of the melody's notes that start on a beat, the share whose pitch class sounds in a pitched track at any time in that beat; a note over silence does not agree |
| `melody-<track>.tonal_distance` | mean over the beats in which both sound of the distance of their tonal centroids |
| `melody-<track>.consonant_beats` | of the beats on whose first step both sound, the share on which the melody forms consonances alone with all that sounds in the track: unison, thirds, perfect fourth and fifth, sixths, and their octaves |

The fourth counts as a consonance, here as in harmony.py: over a bass it would want resolving, between other voices not.

*Tonal distance* (Harte, Sandler and Gasser 2006; radii 1, 1, ½): how long each pitch class sounds in the beat, divided
by their sum, is laid on the circles of fifths, minor and major thirds; the distance is that of the two points. It is
measured as the code of BMuseGAN does, but over beats in which both sound, wherever they stand.

A value is NaN where the question has no answer, such as the share of long notes where there are none.

Two figures sum up a corpus. `distance_sd` asks whether it sounds like the data, `fit_to_melody` whether it belongs to
its melody; see there.

Lesson: notebooks/06_musegan.ipynb.
"""  # noqa: E501

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from deepcomposer_lab.benchmarks.harmony import SCALES
from deepcomposer_lab.benchmarks.intervals import Draws, Weights, mean
from deepcomposer_lab.encoding.bars import BarsEncoding, Placed, Planes
from deepcomposer_lab.metrics import DRUM_TOLERANCE
from deepcomposer_lab.training.song_planes import BytePlanes

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]  # (versions, pieces, measures)

QUALIFIED_BEATS = 0.5  # an eighth note
MORE_THAN = 2  # pitches at once: polyphony, as in the glossary
CONSONANT = (0, 3, 4, 5, 7, 8, 9)  # semitones, modulo the octave
LEAST_SD = 0.01  # what varies less between pieces of the data is left out: dividing by it says nothing
HALVINGS = 200

_CIRCLES = ((7 * np.pi / 6, 1.0), (3 * np.pi / 2, 1.0), (2 * np.pi / 3, 0.5))  # fifths, minor thirds, major thirds
_TONAL = np.array([radius * wave(np.arange(12) * turn) for turn, radius in _CIRCLES for wave in (np.sin, np.cos)])


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A melody and its accompaniment, in C, in steps of an encoding's grid.

    Parameters
    ----------
    melody : ndarray, int64, shape (N, 3)
        Columns onset, pitch, duration.
    tracks : tuple of ndarray, int64, shape (N, 3)
        The notes of each added track, in the encoding's order.
    bars : int
    encoding : BarsEncoding
    minor : bool
        Whether the key is C minor; else it is C major.
    song : int
        Excerpts of one song share it; what is drawn or halved is songs.
    """

    melody: Placed = field(repr=False)
    tracks: tuple[Placed, ...] = field(repr=False)
    bars: int
    encoding: BarsEncoding = field(repr=False)
    minor: bool = False
    song: int = 0

    @classmethod
    def of(
        cls,
        melody: BytePlanes | Planes,
        tracks: BytePlanes | Planes,
        encoding: BarsEncoding,
        *,
        minor: bool = False,
        song: int = 0,
    ) -> Excerpt:
        """Read planes: the melody's (2, M, T), and the added tracks' one above the other (2, R, T)."""
        parts = encoding.split(tracks)  # type: ignore[arg-type]  # bytes are compared like floats
        notes = tuple(window.read(part) for window, part in zip(encoding.tracks, parts, strict=True))
        bars = melody.shape[-1] // encoding.steps_per_bar
        return cls(encoding.melody.read(melody), notes, bars, encoding, minor, song)  # type: ignore[arg-type]

    @property
    def steps(self) -> int:
        """Columns."""
        return self.bars * self.encoding.steps_per_bar

    def roll(self, notes: Placed) -> Mask:
        """Return where each MIDI pitch sounds: bool, (128, steps)."""
        roll = np.zeros((128, self.steps), dtype=bool)
        for onset, pitch, duration in notes.tolist():
            roll[pitch, onset : onset + duration] = True
        return roll


# --- Of one piece ------------------------------------------------------------------------------------------------


def measure_tracks(excerpt: Excerpt) -> dict[str, float]:
    """Return the measures of each track, and the tonal distances between them, by the names of the first table."""
    found: dict[str, float] = {}
    heard: dict[str, NDArray[np.float64]] = {}
    for window, notes in zip(excerpt.encoding.tracks, excerpt.tracks, strict=True):
        roll = excerpt.roll(notes)
        by_bar: Mask = np.any(roll.reshape(128, excerpt.bars, -1), axis=2)  # type: ignore[assignment]  # (128, bars)
        measures = {"empty_bars": float(1 - by_bar.any(axis=0).mean()), "notes_a_bar": len(notes) / excerpt.bars}
        if window.is_drum:
            measures["drum_in_pattern"] = drum_in_pattern(notes, excerpt.encoding.steps_per_beat)
        else:
            measures |= _pitched_measures(excerpt, notes, roll, by_bar)
            heard[window.role] = chroma(roll, excerpt.encoding.steps_per_beat)
        found |= {f"{window.role}.{name}": value for name, value in measures.items()}
    for (one, first), (other, second) in combinations(heard.items(), 2):
        found[f"{one}-{other}.tonal_distance"] = tonal_distance(first, second)
    return found


def _pitched_measures(excerpt: Excerpt, notes: Placed, roll: Mask, by_bar: Mask) -> dict[str, float]:
    scale = SCALES[1 if excerpt.minor else 0]
    lengths = notes[:, 2] / excerpt.encoding.steps_per_beat
    return {
        "pitches_a_bar": float(by_bar.sum(axis=0).mean()),
        "pitch_classes_a_bar": float(_folded(by_bar.astype(np.int64)).astype(bool).sum(axis=0).mean()),
        "qualified_notes": _share(lengths >= QUALIFIED_BEATS - 1e-9),
        "polyphonic": float((roll.sum(axis=0) > MORE_THAN).mean()),
        "in_scale": _share(np.isin(notes[:, 1] % 12, scale)),
    }


def measure_fit(excerpt: Excerpt) -> dict[str, float]:
    """Return the measures of the accompaniment beside the melody, by the names of the second table."""
    per_beat = excerpt.encoding.steps_per_beat
    melody = excerpt.roll(excerpt.melody)
    pitched = {
        window.role: excerpt.roll(notes)
        for window, notes in zip(excerpt.encoding.tracks, excerpt.tracks, strict=True)
        if not window.is_drum
    }
    found = {"melody.chord_tone_agreement": chord_tone_agreement(excerpt.melody, list(pitched.values()), per_beat)}
    sung = chroma(melody, per_beat)
    for role, roll in pitched.items():
        found[f"melody-{role}.tonal_distance"] = tonal_distance(sung, chroma(roll, per_beat))
        found[f"melody-{role}.consonant_beats"] = consonant_beats(melody, roll, per_beat)
    return found


def drum_in_pattern(hits: Placed, steps_per_beat: int) -> float:
    """Return the mean worth of drum hits: 1 on an eighth, `DRUM_TOLERANCE` elsewhere; NaN without hits."""
    if not len(hits):
        return math.nan
    on_eighth = 2 * hits[:, 0] % steps_per_beat == 0
    return float(np.where(on_eighth, 1.0, DRUM_TOLERANCE).mean())


def chord_tone_agreement(melody: Placed, rolls: Sequence[Mask], steps_per_beat: int) -> float:
    """Return the share of the melody's notes on a beat whose pitch class sounds in the accompaniment in that beat."""
    on_beat = melody[melody[:, 0] % steps_per_beat == 0]
    if not len(on_beat):
        return math.nan
    sounding = sum((chroma(roll, steps_per_beat) for roll in rolls), np.zeros((12, 1))) > 0
    sounding = np.broadcast_to(sounding, (12, max(sounding.shape[1], int(on_beat[:, 0].max()) // steps_per_beat + 1)))
    return float(sounding[on_beat[:, 1] % 12, on_beat[:, 0] // steps_per_beat].mean())


def consonant_beats(melody: Mask, track: Mask, steps_per_beat: int) -> float:
    """Return the share of beats on whose first step the melody is consonant with all of the track; NaN without any."""
    above, below = _folded(melody[:, ::steps_per_beat]) > 0, _folded(track[:, ::steps_per_beat]) > 0  # (12, beats)
    both = above.any(axis=0) & below.any(axis=0)
    dissonant = set(range(12)) - set(CONSONANT)
    clashes = np.stack([(above & np.roll(below, interval, axis=0)).any(axis=0) for interval in dissonant])
    consonant: Mask = ~np.asarray(clashes.any(axis=0))
    return _share(consonant[np.asarray(both)])


def chroma(roll: Mask, steps_per_beat: int) -> NDArray[np.float64]:
    """Return for how many steps each pitch class sounds in each beat: float64, (12, beats)."""
    return _folded(roll.astype(np.float64)).reshape(12, -1, steps_per_beat).sum(axis=2)


def tonal_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the mean distance of two chromas' tonal centroids, over the beats in which both sound; NaN without any."""
    both = (one.sum(axis=0) > 0) & (other.sum(axis=0) > 0)
    if not both.any():
        return math.nan
    first, second = (_TONAL @ (part[:, both] / part[:, both].sum(axis=0)) for part in (one, other))
    return float(np.linalg.norm(first - second, axis=0).mean())


def _folded(roll: NDArray) -> NDArray:
    """Return the sum over octaves: (128, T) -> (12, T)."""
    padded = np.concatenate([roll, np.zeros((4, roll.shape[1]), dtype=roll.dtype)])
    return padded.reshape(11, 12, -1).sum(axis=0)


def _share(true: Mask) -> float:
    return float(true.mean()) if len(true) else math.nan


# --- Of a corpus -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Corpus:
    """What was measured of many pieces, in one or several versions of each.

    Parameters
    ----------
    names : tuple of str
        The measures.
    values : ndarray, float64, shape (versions, pieces, measures)
    """

    names: tuple[str, ...]
    values: Values = field(repr=False)

    @classmethod
    def of(cls, versions: Sequence[Sequence[dict[str, float]]]) -> Corpus:
        """Gather what `measure_tracks` or `measure_fit` gave, version by version, piece by piece."""
        names = tuple(versions[0][0])
        values = np.array([[[piece[name] for name in names] for piece in version] for version in versions], dtype=float)
        return cls(names, values)

    def means(self, weights: Weights) -> NDArray[np.float64]:
        """Return each measure's mean over versions and the pieces taken: (1 + resamples, measures)."""
        return np.stack([mean(_over_versions(self.values[..., index]), weights) for index in range(len(self.names))], 1)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one measure, mean over versions: (pieces,)."""
        return _over_versions(self.values[..., self.names.index(name)])


def _over_versions(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over versions, (versions, pieces) -> (pieces,); what has no value is left out."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def deviations(real: Corpus) -> NDArray[np.float64]:
    """Return the standard deviation of each measure across pieces of the data; NaN where it is under `LEAST_SD`."""
    found = []
    for index in range(len(real.names)):
        known = real.values[0, :, index]
        known = known[~np.isnan(known)]
        found.append(known.std(ddof=1) if len(known) > 1 else 0.0)
    return np.where(np.array(found) >= LEAST_SD, found, np.nan)


def distances(generated: Corpus, real: Corpus, weights: Weights) -> NDArray[np.float64]:
    """Return |mean of the generated − mean of the real| in standard deviations: (1 + resamples, measures).

    A standard deviation is that across pieces of the data. NaN where that is too small to divide by, or where one of
    the two has no value at all; a track that never plays is found by its empty bars.
    """
    return abs(generated.means(weights) - real.means(weights)) / deviations(real)


def distance_sd(generated: Corpus, real: Corpus, weights: Weights) -> Draws:
    """Return the mean of `distances` over every measure of every track: how unlike the data it is as a whole.

    It cannot tell whether an accompaniment belongs to its melody: real ones, exchanged, come out at 0. A resample adds
    noise of its own to absolute differences, so an interval near 0 lies higher than its figure.
    """
    return np.nanmean(distances(generated, real, weights), axis=1)


def left_out_gap(generated: Corpus, real: Corpus, weights: Weights) -> Draws:
    """Return the largest |mean of the generated − mean of the real| of what `distances` leaves out, in hundredths.

    What hardly varies in the data cannot be divided by, but a model may still miss it: notes cut short where real ones
    never are. 0 where nothing is left out.
    """
    gaps = abs(generated.means(weights) - real.means(weights))[:, np.isnan(deviations(real))]
    return 100 * np.nan_to_num(gaps).max(axis=1, initial=0.0)


def noise_floor_sd(real: Corpus, songs: NDArray[np.int64], halvings: int = HALVINGS) -> Draws:
    """Return `distance_sd` of half of the data to the other half: what cannot be told from nothing at all.

    Songs are halved at random, many times over. The difference of two halves of n/2 pieces each varies √2 times as much
    as that of two sets of n pieces, the size that a model is held against; so it is divided by √2. (A model gets the
    data's own melodies, and its mean is over several seeds: it may come out lower still.)

    Parameters
    ----------
    real : Corpus
    songs : ndarray, int64, shape (pieces,)
        Which song each piece is from.

    Returns
    -------
    ndarray, float64, shape (1 + halvings,)
        The mean over halvings, then each.
    """
    random = np.random.default_rng(0)
    there = np.unique(songs)
    halves = np.array([random.permutation(len(there)) < len(there) // 2 for _ in range(halvings)])
    taken = halves[:, np.searchsorted(there, songs)].astype(float)  # (halvings, pieces)
    apart = abs(real.means(taken) - real.means(1 - taken)) / deviations(real)
    found = np.nanmean(apart, axis=1) / math.sqrt(2)
    return np.concatenate([[found.mean()], found])


def fit_distances(generated: Corpus, real: Corpus) -> NDArray[np.float64]:
    """Return how far each piece is from the real accompaniment of the same melody: (pieces, measures), in sd.

    |generated − real| for each version by itself, then the mean over versions. Where the real one has an answer and the
    generated one has none, it counts as far away as the piece of the data that is farthest from it.
    """
    truth = real.values[0]  # (pieces, measures)
    apart = abs(generated.values - truth)
    farthest = np.fmax(np.nanmax(truth, axis=0) - truth, truth - np.nanmin(truth, axis=0))
    apart = np.where(np.isnan(generated.values) & ~np.isnan(truth), farthest, apart)
    return np.stack([_over_versions(apart[..., index]) for index in range(apart.shape[2])], axis=1) / deviations(real)


def fit_to_melody(generated: Corpus, real: Corpus, weights: Weights) -> Draws:
    """Return the mean of `fit_distances` over pieces, then over measures: 0 is the real accompaniment itself.

    Whatever has a will of its own is above 0; what matters is whether it is below the same figure of real
    accompaniments that were exchanged between melodies.
    """
    apart = fit_distances(generated, real)
    return np.nanmean([mean(column, weights) for column in apart.T], axis=0)


def exchanges(excerpts: Sequence[Excerpt], times: int) -> list[list[int]]:
    """Return, `times` over, which piece's accompaniment each melody is given: never one of its own song.

    Keys are alike, since everything is in C; where it can be, major stays with major and minor with minor.

    Raises
    ------
    ValueError
        When all pieces are of one song.
    """
    random = np.random.default_rng(0)
    groups = [[i for i, one in enumerate(excerpts) if one.minor == minor] for minor in (False, True)]
    groups = [group for group in groups if group]
    if any(_most_of_a_song(excerpts, group) * 2 > len(group) for group in groups):
        groups = [list(range(len(excerpts)))]
    found = []
    for _ in range(times):
        given = [0] * len(excerpts)
        for group in groups:
            order = {song: place for place, song in enumerate(random.permutation(sorted({e.song for e in excerpts})))}
            row = sorted(group, key=lambda index: (order[excerpts[index].song], random.random()))
            turn = _most_of_a_song(excerpts, group)  # songs lie together: so far on, another one has begun
            for place, index in enumerate(row):
                given[index] = row[(place + turn) % len(row)]
        if any(excerpts[one].song == excerpts[other].song for one, other in enumerate(given)):
            raise ValueError("Accompaniments cannot be exchanged: more than half of the pieces are of one song.")
        found.append(given)
    return found


def _most_of_a_song(excerpts: Sequence[Excerpt], group: Sequence[int]) -> int:
    return max(np.unique([excerpts[index].song for index in group], return_counts=True)[1].tolist())


def exchanged(melody: Excerpt, other: Excerpt) -> Excerpt:
    """Return a melody with another piece's accompaniment."""
    return Excerpt(melody.melody, other.tracks, melody.bars, melody.encoding, melody.minor, melody.song)


# --- Silence and noise -------------------------------------------------------------------------------------------


def sounding_bars(excerpts: Sequence[Excerpt]) -> NDArray[np.float64]:
    """Return the share of bars in which each track sounds: (tracks,)."""
    return np.mean([_by_track(excerpt, of_bars=True) for excerpt in excerpts], axis=0)


def density(excerpts: Sequence[Excerpt]) -> NDArray[np.float64]:
    """Return how many pitches of each track sound in a step, on average: (tracks,)."""
    return np.mean([_by_track(excerpt, of_bars=False) for excerpt in excerpts], axis=0)


def _by_track(excerpt: Excerpt, *, of_bars: bool) -> list[float]:
    found = []
    for notes in excerpt.tracks:
        roll = excerpt.roll(notes)
        sounds = roll.any(axis=0).reshape(excerpt.bars, -1).any(axis=1)
        found.append(float(sounds.mean() if of_bars else roll.sum(axis=0).mean()))
    return found


def silent_tracks(generated: Sequence[Excerpt], real: Sequence[Excerpt]) -> list[str]:
    """Return the tracks that sound in under a quarter as many bars as the data's."""
    return _flagged(generated, sounding_bars(generated) < 0.25 * sounding_bars(real))


def solid_tracks(generated: Sequence[Excerpt], real: Sequence[Excerpt]) -> list[str]:
    """Return the tracks in which over three times as many pitches sound at once as in the data's."""
    return _flagged(generated, density(generated) > 3 * density(real))


def _flagged(excerpts: Sequence[Excerpt], flags: Mask) -> list[str]:
    return [window.role for window, flag in zip(excerpts[0].encoding.tracks, flags, strict=True) if flag]
