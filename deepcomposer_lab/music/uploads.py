"""Music that somebody hands over as a file's name and bytes."""

from __future__ import annotations

from pathlib import PurePath

from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.midi import read_midi

SCORE_ENDINGS = (".musicxml", ".mxl", ".xml")
MIDI_ENDINGS = (".mid", ".midi", ".rmi")

MOST_BYTES = 8_000_000


def read_upload(name: str, data: bytes) -> tuple[Composition, list[str]]:
    """Return the music of a file, and what was repaired or left out in reading it.

    Parameters
    ----------
    name : str
        The file's name; its ending says how it is read, and MIDI is tried where it says nothing.
    data : bytes

    Raises
    ------
    ValueError
        When it is empty, too large, neither MIDI nor MusicXML, or damaged; then in the reader's own words.
    """
    ending = PurePath(name).suffix.lower()
    if not data:
        raise ValueError(f"{name or 'The file'} is empty; save it again in your music program.")
    if len(data) > MOST_BYTES:
        raise ValueError(
            f"{name} has {len(data) / 1e6:.1f} MB, and music of more than {MOST_BYTES // 1_000_000} MB is not read: "
            "is it a recording? Those go through the microphone's tab."
        )
    if ending in SCORE_ENDINGS:
        from deepcomposer_lab.music.musicxml import read_musicxml

        piece = read_musicxml(data)
    elif ending in MIDI_ENDINGS or data[:4] in (b"MThd", b"RIFF"):
        piece = read_midi(data)
    else:
        endings = ", ".join((*MIDI_ENDINGS[:2], *SCORE_ENDINGS[:2]))
        raise ValueError(f"{name} is no music file that the studio reads; expected one that ends in {endings}.")
    if not piece.notes:
        raise ValueError(f"{name} holds no notes.")
    if piece.title in ("", "Untitled", "Melody"):
        piece = piece.with_title(PurePath(name).stem.replace("_", " ") or "Imported")
    return piece, [remark for step in piece.steps for remark in step.remarks]
