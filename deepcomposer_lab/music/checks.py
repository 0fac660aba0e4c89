"""What may go into a musical value: each check returns the value in plain Python, or says what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_LONGEST = 60  # characters of a wrong value that a message repeats


def checked_number(value: object, what: str) -> float:
    """Return `value` as a float; numpy numbers and fractions are taken, text never is.

    Raises
    ------
    ValueError
        When it is no finite number; the message begins with `what`, such as "A note's onset".
    """
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{what} is a finite number{_without_quotes(value)}; got {shown(value)}.")
    return number


def checked_whole(value: object, what: str) -> int:
    """Return `value` as an int; a float is taken where it is whole. Errors as in `checked_number`."""
    number = checked_number(value, what)
    if not number.is_integer():
        raise ValueError(f"{what} is a whole number; got {shown(value)}.")
    return int(number)


def checked_text(value: object, what: str) -> str:
    """Return `value` as text that every file can hold: half of a surrogate pair, which UTF-8 lacks, becomes "?".

    Raises
    ------
    TypeError
        When it is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f'{what} is text in quotes, such as "Spring"; got {shown(value)}.')
    return value.encode("utf-8", "replace").decode("utf-8")


def checked_values(
    values: Iterable[T], kind: type[T], what: str, slips: Mapping[type[Any], str] | None = None
) -> tuple[T, ...]:
    """Return `values` as a tuple of `kind`.

    Parameters
    ----------
    values : iterable
        What was given.
    kind : type
        What each of them is to be.
    what : str
        The field, in the plural, as the message begins: "A track's notes".
    slips : mapping of type to str, optional
        A sentence to add for a wrong value of that type: what was probably meant. The first that fits is taken, so
        `object` comes last and stands for any other.

    Raises
    ------
    TypeError
        When it is no iterable, or one of the values is of another kind.
    """
    several = isinstance(values, Iterable) and not isinstance(values, str | bytes)
    items: tuple[Any, ...] = tuple(values) if several else (values,)
    wrong = [item for item in items if not several or not isinstance(item, kind)]
    if not wrong:
        return items
    if isinstance(wrong[0], kind):
        hint = "A single one goes into brackets: [ … ]."
    else:
        hint = next((hint for of, hint in (slips or {}).items() if isinstance(wrong[0], of)), "")
    raise TypeError(f"{what} are {kind.__name__} values; got {shown(wrong[0])}. {hint}".rstrip())


def shown(value: object) -> str:
    """Return how a message shows a wrong value: itself where it is short and plain, else what kind it is."""
    if value is None or isinstance(value, str | bytes | int | float | tuple | list):
        text = repr(value)
        if len(text) <= _LONGEST:
            return text
    return f"a value of type {type(value).__name__}"


def _without_quotes(value: object) -> str:
    return ", without quotes" if isinstance(value, str | bytes) else ""
