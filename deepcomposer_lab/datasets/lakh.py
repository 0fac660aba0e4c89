"""The Lakh Pianoroll Dataset (LPD-5) as songs, for those who have it.

    songs, report = load_lakh_pianorolls("lpd_5/lpd_5_cleansed", limit=500)

It is the data of MuseGAN (Dong, Hsiao, Yang and Yang, AAAI 2018): pieces merged into the tracks Drums, Piano, Guitar,
Bass and Strings, in files that pypianoroll saves. They are read here with numpy alone, and nothing in them is
unpickled, so a doctored file runs no code. LPD names no melody; it is chosen as for MIDI files.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepcomposer_lab.datasets.bars import Bar
from deepcomposer_lab.datasets.midi_folder import FolderReport, Progress, files_below, songs_of_files
from deepcomposer_lab.datasets.songs import BEATS_PER_BAR, Song
from deepcomposer_lab.datasets.sources import MAX_BARS, Source, SourceError, SourceTrack

_PITCHES = 128
_MOST_STEPS = 960  # a beat
_LONGEST_BAR = 12.0  # beats; longer ones come from files that give no more downbeats


def load_lakh_pianorolls(
    folder: str | os.PathLike[str], limit: int | None = None, progress: Progress | None = None
) -> tuple[list[Song], FolderReport]:
    """Make songs of the .npz files in a folder and the folders in it.

    In a pianoroll equal neighbours are one note. The bar lines are the file's downbeats; where it gives none, bars are
    taken for 4/4, as all of LPD's cleansed version is.

    Parameters
    ----------
    folder : path
        lpd_5_cleansed, lpd_5_matched or lpd_5_full, unpacked, or any folder in one of them.
    limit : int, optional
        How many files to read, in the order of their paths.
    progress : callable, optional
        Called as progress(done, total, path) after each file.

    Returns
    -------
    songs : list of Song
        With the tracks of a band; families, folds and splits as `dataset_from_midi` gives them.
    report : FolderReport

    Raises
    ------
    ValueError
        When there is no such folder, no .npz file in it, or `limit` is no positive number. A file that is broken
        raises nothing.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is how many files to read, at least 1, or None for all; got {limit!r}.")
    root = Path(folder).expanduser()
    paths = files_below(root, (".npz",), "pianoroll (.npz)")[:limit]
    return songs_of_files(root, paths, read_pianoroll_source, progress)


def read_pianoroll_source(path: str | os.PathLike[str], name: str | None = None) -> Source:
    """Read a file that `pypianoroll.save` wrote, of any version.

    Parameters
    ----------
    path : path
    name : str, optional
        By default the file's name without its ending.

    Raises
    ------
    SourceError
        When it is no such file, is damaged, or has no notes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = json.loads(archive.read("info.json"))
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if key != "info.json"}
        resolution = int(info.get("resolution") or info["beat_resolution"])
        if not 1 <= resolution <= _MOST_STEPS:
            raise ValueError(f"{resolution} steps a beat")
        tracks: list[SourceTrack] = []
        steps = 0
        while (about := info.get(str(len(tracks)))) is not None:
            notes, length = _notes(arrays, f"pianoroll_{len(tracks)}", resolution)
            steps = max(steps, length)
            tracks.append(_track(about, notes))
    except OSError as error:
        raise SourceError(f"it cannot be opened ({error.strerror or error})") from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, EOFError) as error:
        raise SourceError(f"it is no file that pypianoroll saved, or damaged ({error})") from None
    kept = tuple(track for track in tracks if len(track.notes))
    if not kept:
        raise SourceError("it has no notes")
    if steps > MAX_BARS * BEATS_PER_BAR * resolution:
        raise SourceError(f"it is longer than {MAX_BARS:,} bars")
    downbeat = arrays.get("downbeat")
    starts = np.flatnonzero(downbeat) if downbeat is not None else np.zeros(0, dtype=np.int64)
    bars = _bars(starts[starts < steps] / resolution, steps / resolution)
    return Source(name or Path(path).stem, kept, tuple(bars), _tempos(arrays.get("tempo"), resolution))


def _track(about: Mapping[str, Any], notes: np.ndarray) -> SourceTrack:
    program = int(about.get("program") or 0)
    if not 0 <= program < 128:
        raise ValueError(f"the program {program}")
    return SourceTrack(str(about.get("name") or ""), program, bool(about.get("is_drum")), notes)


def _notes(arrays: Mapping[str, np.ndarray], name: str, resolution: int) -> tuple[np.ndarray, int]:
    """Return a pianoroll's notes in beats, float64 (n, 3), and its length in steps.

    It is stored as a matrix (steps, 128) in compressed sparse columns: the steps that sound, pitch after pitch.
    """
    steps, pitches = (int(size) for size in arrays[f"{name}_csc_shape"])
    if pitches != _PITCHES:
        raise ValueError(f"a pianoroll of {pitches} pitches instead of {_PITCHES}")
    step = arrays[f"{name}_csc_indices"].astype(np.int64)
    pitch = np.repeat(np.arange(_PITCHES), np.diff(arrays[f"{name}_csc_indptr"]))
    sounds = arrays[f"{name}_csc_data"] != 0
    step, pitch = step[sounds], pitch[sounds]
    if len(step) and (step.min() < 0 or step.max() >= steps):
        raise ValueError("a note outside the piece")
    order = np.lexsort((step, pitch))
    step, pitch = step[order], pitch[order]
    begins = np.ones(len(step), dtype=bool)
    begins[1:] = (pitch[1:] != pitch[:-1]) | (step[1:] != step[:-1] + 1)
    first = np.flatnonzero(begins)
    duration = np.diff(first, append=len(step))
    return np.column_stack([step[first] / resolution, pitch[first], duration / resolution]).astype(float), steps


def _bars(downbeats: np.ndarray, end: float) -> list[Bar]:
    """Return the bars that downbeats begin; what comes before the first of them is a pickup."""
    edges = [float(beat) for beat in downbeats]
    if not edges or edges[0] > 0:
        edges.insert(0, 0.0)
    lengths = [stop - start for start, stop in zip(edges, [*edges[1:], end], strict=True)]
    bars: list[Bar] = []
    for number, (start, length) in enumerate(zip(edges, lengths, strict=True)):
        # A pickup, or a last bar that the roll cuts off, is in the metre of its neighbour.
        neighbour = lengths[1] if number == 0 and len(lengths) > 1 else lengths[number - 1]
        at_the_edge = number in (0, len(lengths) - 1) and abs(neighbour - BEATS_PER_BAR) < 1e-6
        if length > _LONGEST_BAR:
            count = int(np.ceil(length / BEATS_PER_BAR - 1e-6))
            bars += [Bar(start + BEATS_PER_BAR * n, float(BEATS_PER_BAR), 4, 4) for n in range(count)]
        elif length < BEATS_PER_BAR and at_the_edge:
            bars.append(Bar(start, length, 4, 4))
        elif length > 0:
            whole = float(length).is_integer()
            bars.append(Bar(start, length, int(length) if whole else max(round(2 * length), 1), 4 if whole else 8))
    return bars


def _tempos(tempo: np.ndarray | None, resolution: int) -> tuple[tuple[float, float], ...]:
    """Return where the tempo changes, of one value a step."""
    if tempo is None or not tempo.size:
        return ()
    values = np.asarray(tempo, dtype=float).ravel()
    changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    return tuple((float(step / resolution), float(values[step])) for step in changes if values[step] > 0)
