"""Instruments by name and number."""

import pytest

from deepcomposer_lab.music.instruments import instrument_names, program_of


def test_every_name_and_number_is_known() -> None:
    names = instrument_names()
    assert len(names) == 128
    assert [program_of(name) for name in names] == [program_of(number) for number in range(128)] == list(range(128))


@pytest.mark.parametrize(
    ("written", "program"),
    [("acoustic bass", 32), ("Electric Bass finger", 33), ("HONKY TONK PIANO", 3), ("32", 32), (" 0 ", 0)],
)
def test_names_are_taken_as_people_write_them(written: str, program: int) -> None:
    assert program_of(written) == program


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Acustic Bass", "no instrument 'Acustic Bass'.*Acoustic Bass"),
        ("guitar", "Called alike: .*Guitar"),
        ("zzz", "Acoustic Grand Piano"),
        ("", "no instrument ''"),
        (128, "0–127"),
        ("-1", "0–127"),
        (True, "name or program"),
        (None, "General MIDI program is"),
    ],
)
def test_what_is_no_instrument_is_refused(written: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        program_of(written)  # type: ignore[arg-type]
