"""A composition as one HTML file that plays and shows itself: no server, no network, nothing to install."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from html import escape
from pathlib import Path

from deepcomposer_lab import sound
from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import beats_to_seconds

_HUES = (("#dd5a14", "#ff6230"), ("#00905f", "#55e3b2"), ("#a03ab5", "#c768e8"),
         ("#6b4a0c", "#f2de4a"), ("#274f78", "#9ccbf0"), ("#7a869c", "#838b97"))  # fmt: skip
_SHAPES = ("●", "■", "▲", "◆", "▼", "✚")
_PATTERNS = (
    "",
    '<path class="p" d="M0 6 6 0"/>',
    '<circle class="p d" cx="3" cy="3" r="1"/>',
    '<path class="p" d="M0 3H6"/>',
    '<path class="p" d="M0 0 6 6"/>',
    '<path class="p" d="M3 0V6"/>',
)
_WIDTH, _LEAST_HEIGHT, _ROW = 1000, 160, 7
_PAGE, _PLACE = Path(__file__).with_name("share_page.html"), re.compile("@@([a-z]+)@@")
_LONGEST = 300.0  # seconds; a longer piece is heard up to there


def to_html(music: Composition | Melody, *, lineage: Sequence[str] = ()) -> bytes:
    """Return a page with the piece's piano roll, its sound (Opus, mono) and how it was made.

    Parameters
    ----------
    music : Composition or Melody
    lineage : sequence of str
        How it came to be, a step a text; told beneath the title.

    Raises
    ------
    TypeError
        When it is no music.
    ValueError
        When there is nothing to hear.
    """
    piece = as_composition(music)
    if not piece.notes:
        raise ValueError(f"{piece.title!r} has no notes, so there is nothing to share.")
    heard = piece if piece.seconds <= _LONGEST else _up_to(piece, _LONGEST)
    audio = b64encode(sound.to_opus(heard, mono=True)).decode("ascii")
    how = " → ".join(lineage) or "played by hand"
    marks = "".join(
        f'<li><b style="color:var(--t{index % 6 + 1})">{_SHAPES[_pattern_of(index)]}</b> {escape(track.name)}</li>'
        for index, track in enumerate(piece.tracks)
        if track.notes
    )
    clock = json.dumps([[round(beats_to_seconds(piece.tempos, beat), 4), round(beat, 4)] for beat in _turns(piece)])
    values = {
        "title": escape(piece.title),
        "how": escape(how),
        "marks": marks,
        "roll": _roll(piece),
        "audio": audio,
        "clock": clock,
        "end": f"{piece.end:.4f}",
        "width": str(_WIDTH),
        "colours": _colours(0),
        "dark": _colours(1),
        "day": date.today().isoformat(),
    }
    # Not str.format: the page's own style sheet and script are full of braces.
    page = _PLACE.sub(lambda found: values[found[1]], _PAGE.read_text(encoding="utf-8"))
    return page.encode("utf-8")


def _up_to(piece: Composition, seconds: float) -> Composition:
    beats = piece.end
    while beats_to_seconds(piece.tempos, beats) > seconds:
        beats -= 1
    return piece.trim(0, beats)


def _turns(piece: Composition) -> list[float]:
    """Return the beats between which time runs evenly."""
    return sorted({0.0, piece.end, *(change.onset for change in piece.tempos if change.onset < piece.end)})


def _colours(dark: int) -> str:
    return "".join(f"--t{index + 1}:{hues[dark]};" for index, hues in enumerate(_HUES))


def _roll(piece: Composition) -> str:
    pitches = [note.pitch for note in piece.notes]
    low, high = min(pitches) - 1, max(pitches) + 1
    height = max(_LEAST_HEIGHT, (high - low + 1) * _ROW)
    row = height / (high - low + 1)
    across = _WIDTH / piece.end
    bars = "".join(
        f'<path class="bar" d="M{start * across:.1f} 0V{height:g}"/>' for start in piece.bars if start < piece.end
    )
    tracks = "".join(
        f'<g fill="{_fill(index)}">'
        + "".join(
            f'<rect x="{note.onset * across:.2f}" y="{(high - note.pitch) * row:.2f}" '
            f'width="{max(1.5, note.duration * across - 0.8):.2f}" height="{row - 0.8:.2f}" rx="1.5"/>'
            for note in track.notes
        )
        + "</g>"
        for index, track in enumerate(piece.tracks)
    )
    return (
        f'<svg id="roll" viewBox="0 0 {_WIDTH} {height:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="Piano roll of {escape(piece.title)}">{_patterns(len(piece.tracks))}{bars}{tracks}'
        f'<path id="head" d="M0 0V{height:g}"/></svg>'
    )


def _pattern_of(track: int) -> int:
    """Return a track's pattern and shape: past six tracks the hues come again, with other patterns."""
    return (track + track // len(_HUES)) % len(_HUES)


def _fill(track: int) -> str:
    return f"url(#p{track})" if _pattern_of(track) else f"var(--t{track % len(_HUES) + 1})"


def _patterns(tracks: int) -> str:
    drawn = "".join(
        f'<pattern id="p{track}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="6" fill="var(--t{track % len(_HUES) + 1})"/>{_PATTERNS[_pattern_of(track)]}</pattern>'
        for track in range(tracks)
        if _pattern_of(track)
    )
    return f"<defs>{drawn}</defs>"
