"""What every technique is: a name, parameters with ranges and reasons, and `compose`.

The parameters are described once, here as values, and serve everything that shows or checks them: the command line,
the studio's sliders, the model parameters that a composition keeps.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from deepcomposer_lab.music.checks import shown
from deepcomposer_lab.music.composition import Composition, CompositionStep
from deepcomposer_lab.music.melody import Melody

# (done, of how many): called after every step, so that a studio can show how far it is. Return value ignored.
ProgressCallback = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One control of a technique.

    Parameters
    ----------
    name : str
        As `compose` takes it.
    label : str
        As people know it: the original's name.
    default, minimum, maximum : float or int
        Whole numbers where the parameter is a count.
    unit : str
        "%", "notes per eight bars" …; "" for a plain number.
    help : str
        One line: what more of it does.
    """

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    unit: str
    help: str

    def check(self, value: Any) -> float:
        """Return `value` as a number of the right kind.

        Raises
        ------
        ValueError
            When it is no number or outside the range; the message names parameter, value and range.
        """
        unit = f" {self.unit}" if self.unit else ""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not self.minimum <= number <= self.maximum:
            raise ValueError(f"{self.name} lies in {self.minimum:g}–{self.maximum:g}{unit}; got {value!r}.")
        if isinstance(self.default, int):
            if number != int(number):
                raise ValueError(f"{self.name} is a whole number in {self.minimum:g}–{self.maximum:g}; got {value!r}.")
            return int(number)
        return number


@dataclass(frozen=True, slots=True)
class Choice:
    """One control that is a choice between names.

    Parameters
    ----------
    name, label, help : str
        As of a `Parameter`.
    default : str
    choices : tuple of str
    """

    name: str
    label: str
    default: str
    choices: tuple[str, ...]
    help: str

    def check(self, value: Any) -> str:
        """Return `value`; upper case and hyphens are taken too.

        Raises
        ------
        ValueError
            When it is none of the choices; the message lists them.
        """
        name = value.lower().replace("-", "_") if isinstance(value, str) else value
        if name not in self.choices:
            raise ValueError(f"{self.name} is one of {', '.join(self.choices)}; got {shown(value)}.")
        return str(name)


def checked(parameters: Sequence[Parameter | Choice], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter with its checked value, defaults filled in.

    Raises
    ------
    ValueError
        For a value out of range, or a name that no parameter has.
    """
    unknown = set(values) - {parameter.name for parameter in parameters}
    if unknown:
        known = ", ".join(parameter.name for parameter in parameters)
        raise ValueError(f"There is no parameter {sorted(unknown)[0]!r}; this technique has {known}.")
    return {parameter.name: parameter.check(values.get(parameter.name, parameter.default)) for parameter in parameters}


def checked_switch(name: str, value: object) -> bool:
    """Return what switches something on or off.

    Raises
    ------
    TypeError
        When it is neither True nor False: every text, "no" too, would count as True.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is True or False, without quotes; got {shown(value)}.")
    return bool(value)


def chosen_seed(seed: int | None) -> int:
    """Return the seed given, or a fresh one where none was: either way it is kept, so that a piece can come again.

    Raises
    ------
    ValueError
        When it is not a whole number of 0 or more.
    """
    if seed is None:
        return secrets.randbelow(2**31)
    try:
        if isinstance(seed, bool) or int(seed) != seed or seed < 0:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"A seed is a whole number of 0 or more; got {seed!r}.") from None
    return int(seed)


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that no track has yet: "Bass", else "Bass 2" and so on."""
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)


def step_to_repeat(made: object, technique: str) -> CompositionStep:
    """Return the step that `again` repeats: the one given, or a composition's last.

    Raises
    ------
    TypeError, ValueError
        When there is none, or another technique made it.
    """
    if isinstance(made, Composition):
        if not made.steps:
            raise ValueError(f"{made.title!r} does not tell how it was made, so there is nothing to do again.")
        made = made.steps[-1]
    if not isinstance(made, CompositionStep):
        raise TypeError(
            f"`again` takes a composition made by the technique {technique!r}, or its step; got {type(made).__name__}."
        )
    if made.technique != technique:
        raise ValueError(f"The last step was made by {made.technique!r}; {technique!r} can only repeat its own.")
    return made


class Technique(Protocol):
    """What the studio, the command line and the lessons rely on."""

    name: str
    parameters: Sequence[Parameter | Choice]

    def compose(
        self,
        music: Melody | Composition,
        *,
        seed: int | None = None,
        progress: ProgressCallback | None = None,
        **parameters: Any,
    ) -> Composition:
        """Return a new composition made from `music`."""
        ...
