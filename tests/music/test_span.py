"""Spans: which beats, which tracks, and what is said when they make no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcomposer_lab.music.span import Span, checked_in, checked_spans

BEATS = st.floats(0, 1000, allow_nan=False)


def test_a_span_is_half_open():
    span = Span(4, 8)
    assert (span.start, span.end, span.tracks) == (4.0, 8.0, None)
    assert span.overlaps(4, 5)
    assert span.overlaps(7.99, 20)
    assert span.overlaps(0, 4.01)
    assert span.overlaps(0, 100)
    assert not span.overlaps(0, 4)
    assert not span.overlaps(8, 9)


@given(BEATS, BEATS, st.none() | st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3))
def test_its_plain_values_give_it_back(start, length, tracks):
    span = Span(start, start + length + 0.25, tracks)
    assert Span(**span.as_dict()) == span
    assert checked_spans([span.as_dict(), span], "Spans") == (span, span)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start": 8, "end": 4}, "A span ends after it starts; got start 8 and end 4"),
        ({"start": 4, "end": 4}, "ends after it starts"),
        ({"start": -1, "end": 4}, "starts at beat 0 or later; got -1"),
        ({"start": "4", "end": 8}, "without quotes; got '4'"),
        ({"start": 0, "end": float("inf")}, "finite number"),
        ({"start": 0, "end": 1, "tracks": []}, "leave `tracks` out"),
    ],
)
def test_impossible_spans_are_refused_in_words(values, message):
    with pytest.raises(ValueError, match=message):
        Span(**values)


@pytest.mark.parametrize("tracks", ["Alto", 3, [3]])
def test_tracks_are_several_names(tracks):
    with pytest.raises(TypeError, match=r"in brackets, such as \[\"Melody\"\]|A track's name is text"):
        Span(0, 4, tracks)


@pytest.mark.parametrize("values", [(4, 8), [(4, 8)], [4], "4:8", [{"start": 4, "stop": 8}], {"start": 4, "end": 8}])
def test_what_is_no_span_is_told_how_to_write_one(values):
    with pytest.raises(TypeError, match=r"Locked passages are Span values.* written locked=\[dc.Span\(4, 8\)\]"):
        checked_spans(values, "Locked passages")


@pytest.mark.parametrize("values", [(4, 8), [4, 8.5], {"start": 0, "end": 4}, "4:8", 4])
def test_what_is_one_passage_instead_of_several_is_named_whole(values):
    with pytest.raises(TypeError) as refused:
        checked_spans(values, "Locked passages")
    expected = f"Locked passages are Span values; got {values!r}. Beats 4 to 8 are written locked=[dc.Span(4, 8)]."
    assert str(refused.value) == expected


def test_a_single_span_goes_into_brackets():
    with pytest.raises(TypeError, match="A single one goes into brackets"):
        checked_spans(Span(4, 8), "Locked passages")


def test_a_span_lies_in_the_piece_and_names_its_tracks():
    assert checked_in(Span(4, 99), end=8, names=["Melody"]) == Span(4, 99)
    assert checked_in(Span(4, 8, ["Alto", "Alto"]), end=8, names=["Alto", "Bass"]) == Span(4, 8, ("Alto",))
    with pytest.raises(ValueError, match="beats 8 to 12 lies outside the piece, which ends at beat 8"):
        checked_in(Span(8, 12), end=8, names=["Melody"])
    with pytest.raises(ValueError, match="no track 'Sopran' here; there is 'Soprano', 'Bass'"):
        checked_in(Span(0, 4, ["Sopran"]), end=8, names=["Soprano", "Bass", "Bass"])
