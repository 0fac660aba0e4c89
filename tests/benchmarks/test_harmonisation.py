"""Harmonisation: partners, keys, and the counting of measures; an echo of Bach and a soprano alone as both ends."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepcomposer_lab.benchmarks import harmonisation
from deepcomposer_lab.benchmarks.corpus import Frequencies, chorales
from deepcomposer_lab.benchmarks.harmonisation import ROWS, Harmonised, partners
from deepcomposer_lab.benchmarks.harmony import MEASURES, Texture
from deepcomposer_lab.benchmarks.ngram import NeighbourNGram
from deepcomposer_lab.encoding.image import ImageEncoding


@pytest.fixture(scope="module")
def everything():
    return chorales(ImageEncoding())


@pytest.fixture(scope="module")
def floors(everything):
    sources = [chorale.source for chorale in everything[:3]]
    return Frequencies.of(sources, 4), NeighbourNGram.of([chorale.piece.notes for chorale in everything[:3]])


def test_partners_of_the_test_pieces(everything):
    pieces = [chorale.piece for chorale in everything]
    found = partners(pieces)
    assert sorted(found) == list(range(77))  # every piece is somebody's partner once
    assert found == partners(pieces)
    for index, other in enumerate(found):
        assert other != index
        assert pieces[other].metre == pieces[index].metre
        if pieces[index].metre == (4, 4):  # in 3/4 only one piece is in minor
            assert pieces[other].key[1] == pieces[index].key[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([(4, 4), (3, 4)]), st.integers(0, 1)), min_size=2, max_size=12), st.data())
def test_no_piece_is_its_own_partner_and_the_metre_is_kept_where_it_can(everything, kinds, data):
    piece = everything[0].piece
    pieces = [replace(piece, metre=metre, key=(0, mode)) for metre, mode in kinds]
    found = partners(pieces, seed=data.draw(st.integers(0, 100)))
    for index, other in enumerate(found):
        assert other != index
        metre, mode = kinds[index]
        others = [kind for at, kind in enumerate(kinds) if at != index]
        if any(kind[0] == metre for kind in others):
            assert kinds[other][0] == metre
        same = [kind for kind in kinds if kind[0] == metre]
        if min(same.count((metre, 0)), same.count((metre, 1))) != 1:
            assert kinds[other] == (metre, mode) or len(same) == 1


def test_one_piece_alone_has_no_partner(everything):
    with pytest.raises(ValueError, match="at least two pieces"):
        partners([everything[0].piece])


def test_a_partner_comes_into_the_key(everything):
    for index in range(0, 77, 5):
        piece, other = everything[index].piece, everything[(index + 1) % 77].piece
        moved = harmonisation.in_key_of(other, piece)
        shift = moved.notes[0].pitch - other.to_composition().notes[0].pitch
        assert -6 <= shift <= 5
        assert (other.key[0] + shift) % 12 == piece.key[0]


def test_lower_voices_of_one_under_the_soprano_of_another():
    def texture(voices, bars, steps):
        return Texture(tuple(np.array(voice, dtype=np.int64) for voice in voices), steps, bars)

    bach = texture([[(0, 72, 4), (4, 74, 16)], [(0, 60, 20)]], (0, 4), 20)  # a beat of pickup
    other = texture([[(0, 80, 12)], [(0, 50, 12)]], (0,), 12)
    voices, own = harmonisation.under_soprano(bach, other)
    assert [voice.tolist() for voice in voices.voices] == [[[0, 74, 12]], [[0, 50, 12]]]
    assert [voice.tolist() for voice in own.voices] == [[[0, 74, 12]], [[0, 60, 12]]]
    voices, own = harmonisation.under_soprano(other, bach)
    assert [voice.tolist() for voice in voices.voices] == [[[0, 80, 12]], [[0, 60, 12]]]
    assert own.bars == (0,)


class Echo:
    """Gives what it was given: a soprano alone."""

    def compose(self, music, *, seed):
        return music


class Bach:
    """Knows the answer."""

    def __init__(self, pieces):
        self.pieces = pieces

    def compose(self, music, *, seed):
        return next(piece.to_composition() for piece in self.pieces if piece.name == music.title)


def test_bach_himself_is_nearer_on_all_that_can_differ_and_a_soprano_alone_on_few(everything, floors):
    few = everything[:6]
    other = everything[10:16]
    best = [
        harmonisation.harmonise(Bach([c.piece for c in few]), c, o, *floors) for c, o in zip(few, other, strict=True)
    ]
    weights = np.ones((1, 6))
    figures = {name: float(draws[0]) for name, draws in harmonisation.figures(best, weights).items()}
    ties = sum(figures[f"harmonisation.{name}.shuffled_difference"] == 0 for name in MEASURES)
    assert 1 <= ties <= 3  # nobody has empty bars
    assert figures["harmonisation.measures_nearer_than_shuffled"] == 9 - ties
    assert figures["harmonisation.triad_or_seventh_ratio"] == 1
    assert all(figures[f"harmonisation.{name}.difference"] == 0 for name in MEASURES)
    alone = [harmonisation.harmonise(Echo(), c, o, *floors) for c, o in zip(few, other, strict=True)]
    figures = {name: float(draws[0]) for name, draws in harmonisation.figures(alone, weights).items()}
    assert figures["harmonisation.empty_bars.model"] == 1
    assert figures["harmonisation.pitch_class_overlap.difference"] == 1
    assert figures["harmonisation.triad_or_seventh_share"] == 0
    assert figures["harmonisation.measures_nearer_than_shuffled"] <= 3
    assert 0.85 < figures["harmonisation.bach.triad_or_seventh_share"] < 1
    # Rows that are told Bach's rhythm have his number of notes.
    for row in ("ngram", "most_likely_pitch", "random"):
        assert figures[f"harmonisation.notes_per_beat.{row}_difference"] == 0
        assert figures[f"{row}.harmonisation.triad_or_seventh_share"] < 0.6


def row(**values):
    return {name: values.get(name, 0.0) for name in MEASURES}


def test_a_tie_counts_for_neither_and_differences_are_means_of_distances():
    still = dict.fromkeys(ROWS, row())
    one = Harmonised({**still, "bach": row(dissonant_beats=0.5, triad_or_seventh_share=0.8), "model": row(
        dissonant_beats=0.7, triad_or_seventh_share=0.6), "shuffled": row(dissonant_beats=0.2)})  # fmt: skip
    two = Harmonised({**still, "bach": row(dissonant_beats=0.5, triad_or_seventh_share=1.0), "model": row(
        dissonant_beats=0.4, triad_or_seventh_share=0.9), "shuffled": row(dissonant_beats=0.3)})  # fmt: skip
    figures = harmonisation.figures([one, two], np.array([[1.0, 1.0], [2.0, 0.0]]))
    # 0.7 and 0.4 lie around 0.5: their mean is 0.55, but their distances are 0.2 and 0.1.
    assert figures["harmonisation.dissonant_beats.model"] == pytest.approx([0.55, 0.7])
    assert figures["harmonisation.dissonant_beats.difference"] == pytest.approx([0.15, 0.2])
    assert figures["harmonisation.dissonant_beats.shuffled_difference"] == pytest.approx([0.25, 0.3])
    assert figures["harmonisation.measures_nearer_than_shuffled"] == pytest.approx([2, 2])  # the other seven are ties
    assert figures["harmonisation.triad_or_seventh_ratio"] == pytest.approx([0.75 / 0.9, 0.75])


def test_a_result_longer_than_bach_is_cut(everything, floors):
    chorale = everything[0]

    class Longer:
        def compose(self, music, *, seed):
            whole = chorale.piece.to_composition()
            note = whole.tracks[3].notes[-1]
            more = [replace(note, onset=note.offset + 4 * i) for i in range(20)]
            return whole.with_tracks([*whole.tracks[:3], whole.tracks[3].with_notes([*whole.tracks[3].notes, *more])])

    measures = harmonisation.harmonise(Longer(), chorale, everything[1], *floors).measures
    assert measures["model"] == measures["bach"]


def test_musical_figures_stand_beside_the_datasets_own(everything):
    figures = harmonisation.musical_figures(Echo(), [chorale.piece for chorale in everything[:4]])
    assert figures["model"]["polyphonic_rate"] == 0  # a soprano alone
    assert figures["dataset"]["polyphonic_rate"] > 0.8
    assert figures["dataset"]["active_notes_per_bar"] > 3 * figures["model"]["active_notes_per_bar"]
    assert 0.8 < figures["dataset"]["in_scale_ratio"] < 1
