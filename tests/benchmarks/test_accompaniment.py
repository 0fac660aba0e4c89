"""The measures of an accompaniment, counted by hand, and the laws of the two figures that sum them up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepcomposer_lab import metrics
from deepcomposer_lab.benchmarks.accompaniment import (
    Corpus,
    Excerpt,
    chroma,
    deviations,
    distance_sd,
    distances,
    drum_in_pattern,
    exchanged,
    exchanges,
    fit_distances,
    fit_to_melody,
    left_out_gap,
    measure_fit,
    measure_tracks,
    noise_floor_sd,
    silent_tracks,
    solid_tracks,
    tonal_distance,
)
from deepcomposer_lab.benchmarks.intervals import bootstrap_weights
from deepcomposer_lab.encoding.bars import BarsEncoding, TrackWindow
from deepcomposer_lab.music.composition import Composition, Track
from deepcomposer_lab.music.note import Note

ENCODING = BarsEncoding(
    TrackWindow("melody", "line", 48, 40),
    (
        TrackWindow("drums", "drums"),
        TrackWindow("bass", "line", 24, 28, top=False),
        TrackWindow("keys", "chords", 42, 40),
    ),
)


def notes(*rows: tuple[int, int, int]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


# Two bars. The melody sings C5 E5 F5 G5 in crotchets, then a whole C5.
MELODY = notes((0, 72, 4), (4, 76, 4), (8, 77, 4), (12, 79, 4), (16, 72, 16))
DRUMS = notes((0, 36, 1), (4, 38, 1), (5, 42, 1), (6, 42, 1))  # three eighths and a sixteenth
BASS = notes((0, 36, 8), (8, 43, 1), (9, 42, 1))  # a minim, two sixteenths; nothing in bar 2
KEYS = notes((0, 60, 8), (0, 64, 8), (0, 67, 8), (16, 60, 16), (16, 72, 16))


def excerpt(**changed: object) -> Excerpt:
    values: dict = {"melody": MELODY, "tracks": (DRUMS, BASS, KEYS), "bars": 2, "encoding": ENCODING}
    return Excerpt(**(values | changed))


def test_the_tracks_measures_can_be_counted() -> None:
    found = measure_tracks(excerpt())
    assert found["drums.empty_bars"] == 0.5
    assert found["drums.notes_a_bar"] == 2
    assert found["drums.drum_in_pattern"] == pytest.approx((3 + 0.1) / 4)
    assert found["bass.empty_bars"] == 0.5
    assert found["bass.notes_a_bar"] == 1.5
    assert found["bass.pitches_a_bar"] == 1.5  # 36, 42, 43; none
    assert found["bass.qualified_notes"] == pytest.approx(1 / 3)
    assert found["bass.in_scale"] == pytest.approx(2 / 3)  # F sharp is not
    assert found["keys.empty_bars"] == 0
    assert found["keys.pitches_a_bar"] == 2.5
    assert found["keys.pitch_classes_a_bar"] == 2  # C E G; C
    assert found["keys.polyphonic"] == 0.25  # three pitches for eight steps of 32
    assert found["keys.qualified_notes"] == 1
    assert "drums.in_scale" not in found
    # They sound together in two beats: C against C E G, twice.
    together = [np.eye(12)[[0]].sum(0), np.eye(12)[[0, 4, 7]].sum(0)]
    expected = tonal_distance(together[0][:, None], together[1][:, None])
    assert found["bass-keys.tonal_distance"] == pytest.approx(expected)


def test_they_are_those_of_the_glossary_where_they_have_its_names() -> None:
    piece = excerpt()
    found = measure_tracks(piece)
    tracks = [
        Track(tuple(Note(o / 4, p, d / 4) for o, p, d in rows.tolist()), window.role, is_drum=window.is_drum)
        for window, rows in zip(ENCODING.tracks, piece.tracks, strict=True)
    ]
    longest = Track((Note(0, 60, 8),), "measure")  # eight beats, as the excerpt
    by_name = {values.name: values for values in metrics.evaluate(Composition((*tracks, longest))).tracks}
    for role in ("drums", "bass", "keys"):
        assert found[f"{role}.empty_bars"] == pytest.approx(by_name[role].empty_bar_rate)
    for role in ("bass", "keys"):
        assert found[f"{role}.pitches_a_bar"] == pytest.approx(by_name[role].distinct_pitches_per_bar)
        assert found[f"{role}.polyphonic"] == pytest.approx(by_name[role].polyphonic_rate)
        assert found[f"{role}.in_scale"] == pytest.approx(by_name[role].in_scale_ratio)
    assert found["drums.drum_in_pattern"] == pytest.approx(by_name["drums"].drum_in_pattern)


def test_the_fit_can_be_counted() -> None:
    found = measure_fit(excerpt())
    # On beats: C over C E G, E over C E G, F over G and F sharp, G over nothing, C over C.
    assert found["melody.chord_tone_agreement"] == pytest.approx(3 / 5)
    # Beats on which both sound: C/C, E/C, F/G with the bass …
    assert found["melody-bass.consonant_beats"] == pytest.approx(2 / 3)
    # … and C/CEG, E/CEG, then four times C/C with the keys.
    assert found["melody-keys.consonant_beats"] == 1


def test_a_fourth_is_consonant_and_a_tritone_is_not() -> None:
    for pitch, expected in ((77, 1.0), (78, 0.0), (79, 1.0), (74, 0.0), (71, 0.0), (69, 1.0), (68, 1.0), (70, 0.0)):
        piece = excerpt(melody=notes((0, pitch, 4)), tracks=(notes(), notes((0, 36, 4)), notes()))
        assert measure_fit(piece)["melody-bass.consonant_beats"] == expected, pitch


def test_silence_has_no_answers_but_it_is_empty() -> None:
    silent = excerpt(tracks=(notes(), notes(), notes()))
    found = measure_tracks(silent) | measure_fit(silent)
    answers = {name: value for name, value in found.items() if not math.isnan(value)}
    assert {name for name in answers if name.endswith("empty_bars")} == {
        f"{r}.empty_bars" for r in ("drums", "bass", "keys")
    }
    assert found["melody.chord_tone_agreement"] == 0
    assert all(
        math.isnan(found[name]) for name in found if "tonal" in name or "in_scale" in name or "qualified" in name
    )


def test_a_long_note_is_an_eighth_on_every_grid() -> None:
    finer = BarsEncoding(ENCODING.melody, ENCODING.tracks, steps_per_beat=6)
    piece = excerpt(encoding=finer, tracks=(notes(), notes((0, 36, 3), (3, 36, 2)), notes()))
    assert measure_tracks(piece)["bass.qualified_notes"] == 0.5


def test_drums_are_worth_the_same_on_both_grids() -> None:
    for steps in (4, 6, 12):
        eighths = notes(*((step, 42, 1) for step in range(0, 4 * steps, steps // 2)))
        assert drum_in_pattern(eighths, steps) == 1
    assert drum_in_pattern(notes((0, 42, 1), (2, 42, 1), (4, 42, 1)), 6) == pytest.approx(1.2 / 3)  # triplets
    assert math.isnan(drum_in_pattern(notes(), 4))


def test_tonal_distance_is_that_of_harte() -> None:
    c, g, f_sharp = (np.eye(12)[:, [pitch]] for pitch in (0, 7, 6))
    assert tonal_distance(c, c) == 0
    # Neighbours on the circle of fifths are nearer than opposites.
    assert tonal_distance(c, g) < tonal_distance(c, f_sharp)
    # C and F sharp: opposite on the fifths (2) and minor thirds (2), the same place on the major thirds.
    assert tonal_distance(c, f_sharp) == pytest.approx(math.sqrt(4 + 4))
    assert tonal_distance(c, 3 * c) == 0  # how loud or long does not matter
    assert chroma(np.eye(128, dtype=bool)[:, [60, 60, 61, 72]], 4).sum() == 4


# --- The laws ----------------------------------------------------------------------------------------------------


def band(seed: int, *, mess: bool = False) -> Excerpt:
    """Eight bars of triads in a random diatonic progression; the melody sings chord tones. `mess`: chance instead."""
    random = np.random.default_rng(seed)
    melody, drums, bass, keys = [], [], [], []
    busy = int(random.integers(1, 4))
    for bar in range(8):
        root = int(random.choice([0, 2, 4, 5, 7, 9]))
        degrees = [0, 2, 4, 5, 7, 9, 11]
        chord = [degrees[(degrees.index(root) + 2 * n) % 7] for n in range(3)]
        for beat in range(4):
            step = 16 * bar + 4 * beat
            melody.append((step, 60 + int(random.choice(chord)), 4))
            drums += [(step + 2 * n, 42, 1) for n in range(2)] if beat < busy else []
            if mess:
                bass += [(step + n, int(random.integers(24, 50)), 1) for n in range(4)]
                keys += [(step + n, int(random.integers(42, 80)), 1) for n in range(4) for _ in range(3)]
                drums += [(step + n, 42, 1) for n in (1, 3)]
            elif beat < 1 + busy:
                bass.append((step, 36 + root - 12 * (root > 7), 4))
                keys += [(step, 60 + pitch, 4) for pitch in sorted(chord)]
    return Excerpt(notes(*melody), (notes(*drums), notes(*bass), notes(*keys)), 8, ENCODING, False, seed)


REAL = [band(seed) for seed in range(40)]
SONGS = np.arange(40)
WEIGHTS = bootstrap_weights(40, 50)


def corpora(*versions: list[Excerpt]) -> tuple[Corpus, Corpus]:
    return tuple(Corpus.of([[one(e) for e in v] for v in versions]) for one in (measure_tracks, measure_fit))  # type: ignore[return-value]


def test_real_music_lies_at_no_distance_from_itself() -> None:
    tracks, fit = corpora(REAL)
    assert distance_sd(tracks, tracks, WEIGHTS).max() == 0
    assert fit_to_melody(fit, fit, WEIGHTS).max() == 0


def test_exchanged_accompaniments_are_like_the_data_and_do_not_fit() -> None:
    real_tracks, real_fit = corpora(REAL)
    versions = [[exchanged(REAL[i], REAL[j]) for i, j in enumerate(given)] for given in exchanges(REAL, 4)]
    tracks, fit = corpora(*versions)
    floor = noise_floor_sd(real_tracks, SONGS)
    assert distance_sd(tracks, real_tracks, WEIGHTS)[0] < floor[0]
    assert fit_to_melody(fit, real_fit, WEIGHTS)[0] > 1
    # Other pieces of the same kind: near the floor, too.
    others, _ = corpora([band(seed) for seed in range(100, 140)])
    assert distance_sd(others, real_tracks, WEIGHTS)[0] < np.percentile(floor[1:], 97.5)


def test_chance_is_far_from_the_data_and_does_not_fit() -> None:
    real_tracks, real_fit = corpora(REAL)
    tracks, fit = corpora([exchanged(one, band(one.song, mess=True)) for one in REAL])
    assert distance_sd(tracks, real_tracks, WEIGHTS)[0] > 3
    assert fit_to_melody(fit, real_fit, WEIGHTS)[0] > 3


def test_the_noise_floor_falls_with_the_root_of_the_pieces() -> None:
    random = np.random.default_rng(0)
    floors = []
    for pieces in (20, 80, 320):
        corpus = Corpus(("a", "b", "c"), random.normal(size=(1, pieces, 3)))
        floors.append(noise_floor_sd(corpus, np.arange(pieces))[0])
        # E|N| √(2/n): what two sets of n pieces differ by.
        assert floors[-1] == pytest.approx(math.sqrt(2 / math.pi) * math.sqrt(2 / pieces), rel=0.2)
    assert floors[0] > floors[1] > floors[2]


def test_excerpts_of_one_song_are_halved_together() -> None:
    alike = np.repeat(np.random.default_rng(0).normal(size=10), 4)  # four excerpts a song, all the same
    corpus = Corpus(("a",), alike[None, :, None])
    by_song = noise_floor_sd(corpus, np.repeat(np.arange(10), 4))[0]
    assert by_song > 1.5 * noise_floor_sd(corpus, np.arange(40))[0]


def test_a_measure_that_hardly_varies_is_left_out() -> None:
    values = np.array([[[1.0, 0.5], [1.0, 0.7], [1.005, 0.9]]])
    real = Corpus(("constant", "varying"), values)
    assert np.isnan(deviations(real)).tolist() == [True, False]
    generated = Corpus(real.names, values + np.array([5.0, 0.2]))
    weights = np.ones((1, 3))
    assert distances(generated, real, weights)[0, 1] == pytest.approx(1)
    assert distance_sd(generated, real, weights)[0] == pytest.approx(1)
    # What is left out of it is not lost.
    assert left_out_gap(generated, real, weights)[0] == pytest.approx(500)
    assert left_out_gap(real, real, weights).max() == 0


def test_no_answer_where_there_should_be_one_counts_as_far_away_as_can_be() -> None:
    real = Corpus(("a",), np.array([[[0.0], [1.0], [4.0], [np.nan]]]))
    generated = Corpus(("a",), np.array([[[np.nan], [1.0], [4.0], [9.0]], [[0.0], [1.0], [4.0], [9.0]]]))
    sd = deviations(real)[0]
    found = fit_distances(generated, real)[:, 0]
    assert found[:3] * sd == pytest.approx([2, 0, 0])  # 4 in one version and 0 in the other
    assert np.isnan(found[3])


def test_exchanges_never_give_a_song_back_and_keep_the_mode() -> None:
    pieces = [excerpt(song=index // 3, minor=index >= 18) for index in range(30)]
    for given in exchanges(pieces, 5):
        assert sorted(given) == list(range(30))
        assert all(pieces[i].song != pieces[j].song and pieces[i].minor == pieces[j].minor for i, j in enumerate(given))
    lonely = [excerpt(song=index, minor=index == 0) for index in range(4)]  # nothing else in minor
    assert all(i != j for i, j in enumerate(exchanges(lonely, 1)[0]))
    with pytest.raises(ValueError, match="one song"):
        exchanges([excerpt(), excerpt()], 1)


def test_silent_and_solid_tracks_are_named() -> None:
    solid = notes(*((0, pitch, 128) for pitch in range(42, 82)))
    broken = [exchanged(one, excerpt(tracks=(one.tracks[0], notes(), solid))) for one in REAL]
    assert silent_tracks(broken, REAL) == ["bass"]
    assert solid_tracks(broken, REAL) == ["keys"]
    assert silent_tracks(REAL, REAL) == solid_tracks(REAL, REAL) == []


def test_planes_are_read_as_notes() -> None:
    melody = ENCODING.melody.draw(MELODY, 32)
    tracks = ENCODING.join(
        window.draw(rows, 32) for window, rows in zip(ENCODING.tracks, (DRUMS, BASS, KEYS), strict=True)
    )
    read = Excerpt.of(melody.astype(np.uint8), tracks.astype(np.uint8), ENCODING, minor=True, song=3)
    assert (read.bars, read.minor, read.song) == (2, True, 3)
    assert read.melody.tolist() == MELODY.tolist()
    assert [rows.tolist() for rows in read.tracks] == [DRUMS.tolist(), BASS.tolist(), KEYS.tolist()]
