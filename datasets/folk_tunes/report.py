"""Tell in figures how the tunes' arrangements turn out, or print some bars of one.

python datasets/folk_tunes/report.py                          # figures of every eighth tune in each style
python datasets/folk_tunes/report.py --every 1 --style jazz
python datasets/folk_tunes/report.py --show 700 --style jazz --bars 4 8
"""

from __future__ import annotations

import argparse

from deepcomposer_lab.datasets import load_dataset
from deepcomposer_lab.datasets.songs import TICKS_PER_BAR, Song
from deepcomposer_lab.music.arranging import STYLES, Arrangement, arrange
from deepcomposer_lab.music.arranging.quality import measure
from deepcomposer_lab.music.note import pitch_name


def arranged(songs: list[Song], index: int, style: str) -> Arrangement:
    """Return a tune arranged as the datasets do it."""
    return arrange(songs[index].notes[:, :3], songs[index].bars, songs[index].key, style, seed=index)


def figures(songs: list[Song], style: str, every: int) -> str:
    """Return the figures of every n-th tune, a line each."""
    measured = measure([arranged(songs, index, style) for index in range(0, len(songs), every)])
    return "\n".join([f"{style}:", *(f"  {name}: {rounded(value)}" for name, value in measured.items())])


def rounded(value: object) -> object:
    """Return a number with three digits behind the point, also inside a mapping."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {rounded(inner)}" for name, inner in value.items())
    return round(float(value), 3) if isinstance(value, float) else value


def text_of(made: Arrangement, first: int, last: int) -> str:
    """Return bars of an arrangement as text: chords, notes as tick:pitches(length), drums as a grid of ticks."""
    lines = []
    for bar in range(first, min(last, made.bars)):
        lines.append(f"bar {bar}: {made.chords[2 * bar].name} {made.chords[2 * bar + 1].name}")
        for role in made.roles:
            notes = [row for row in made.track(role).tolist() if row[0] // TICKS_PER_BAR == bar]
            lines += drum_lines(notes) if role == "drums" else [f"  {role:8}{note_line(notes)}"]
    return "\n".join(lines)


def note_line(notes: list[list[int]]) -> str:
    """Return the notes of a bar, those that begin and end together as one."""
    together: dict[tuple[int, int], list[str]] = {}
    for onset, pitch, duration in notes:
        together.setdefault((onset % TICKS_PER_BAR, duration), []).append(pitch_name(pitch))
    return " ".join(f"{tick}:{'+'.join(names)}({length})" for (tick, length), names in sorted(together.items()))


def drum_lines(notes: list[list[int]]) -> list[str]:
    """Return a bar of drums, a line each, a mark a tick."""
    hits = {(onset % TICKS_PER_BAR, drum) for onset, drum, _ in notes}
    return [
        f"  drum {drum:3}" + "".join("x" if (tick, drum) in hits else "." for tick in range(TICKS_PER_BAR))
        for drum in sorted({drum for _, drum in hits}, reverse=True)
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Figures of the arranged folk tunes, or some bars of one as text.")
    parser.add_argument("--style", choices=STYLES, help="one style alone")
    parser.add_argument("--every", type=int, default=8, help="take every n-th tune")
    parser.add_argument("--show", type=int, metavar="INDEX", help="print bars of the tune with this index")
    parser.add_argument("--bars", type=int, nargs=2, default=(0, 4), metavar=("FIRST", "BEFORE"))
    options = parser.parse_args(arguments)
    songs = load_dataset("folk_tunes").songs()
    for style in [options.style] if options.style else STYLES:
        if options.show is None:
            print(figures(songs, style, options.every))
        else:
            print(f"{songs[options.show].name}, {style}")
            print(text_of(arranged(songs, options.show, style), *options.bars))


if __name__ == "__main__":
    main()
