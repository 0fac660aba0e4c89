"""Anyone's own MIDI files as a dataset.

    songs, report = dataset_from_midi("my_midi_files")
    print(report)

Nothing about the files is taken for granted: what cannot be used is left out, and the report says of every file what
became of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepcomposer_lab.datasets.families import divided, melody_hash
from deepcomposer_lab.datasets.reduce import reduce_source
from deepcomposer_lab.datasets.songs import SPLITS, Song
from deepcomposer_lab.datasets.sources import Source, SourceError, read_midi_source

_SHOWN = 20  # files a printed report names

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Parameters
    ----------
    path : str
        From the folder on, with forward slashes.
    songs : tuple of str
        The names of the songs it gave; empty where it was left out.
    why : str
        Why it was left out, a sentence; empty where it was not.
    remarks : tuple of str
        What was mended in it or left out of it.
    """

    path: str
    songs: tuple[str, ...] = ()
    why: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class FolderReport:
    """What became of every file of a folder; printed, it is a short text.

    Parameters
    ----------
    files : tuple of FileReport
        In the order of their paths.
    songs, bars : int
        What they gave together.
    splits : dict of str to int
        Songs in each split.
    """

    files: tuple[FileReport, ...]
    songs: int
    bars: int
    splits: dict[str, int]

    @property
    def left_out(self) -> tuple[FileReport, ...]:
        """The files that gave no song."""
        return tuple(file for file in self.files if not file.songs)

    def __str__(self) -> str:
        splits = ", ".join(f"{split} {count}" for split, count in self.splits.items())
        lines = [f"{len(self.files)} files, {self.songs} songs of {self.bars} bars together ({splits})."]
        if self.left_out:
            lines.append(f"Left out {len(self.left_out)}:")
            lines += [f"  {file.path}: {file.why}" for file in self.left_out[:_SHOWN]]
            if len(self.left_out) > _SHOWN:
                lines.append(f"  … and {len(self.left_out) - _SHOWN} more, in .left_out")
        mended = [file for file in self.files if file.songs and file.remarks]
        if mended:
            lines.append(f"Used in part or mended {len(mended)}:")
            lines += [f"  {file.path}: {'; '.join(file.remarks)}." for file in mended[:_SHOWN]]
            if len(mended) > _SHOWN:
                lines.append(f"  … and {len(mended) - _SHOWN} more, in .files")
        return "\n".join(lines)


def dataset_from_midi(
    folder: str | os.PathLike[str], progress: Progress | None = None
) -> tuple[list[Song], FolderReport]:
    """Make songs of all MIDI files in a folder and the folders in it.

    Each file is reduced to melody, drums, bass, guitar and strings (`reduce_source`). Of files whose melodies are the
    same in rhythm and intervals the first is kept. Songs that share a tune are one family, and families are divided
    over five folds and three splits, the same way each time.

    Parameters
    ----------
    folder : path
    progress : callable, optional
        Called as progress(done, total, path) after each file.

    Returns
    -------
    songs : list of Song
        In the order of the files' paths; may be empty, which the report explains.
    report : FolderReport

    Raises
    ------
    ValueError
        When there is no such folder, or no MIDI file in it. A file that is broken raises nothing.
    """
    root = Path(folder).expanduser()
    return songs_of_files(
        root, files_below(root, (".mid", ".midi"), "MIDI file (.mid or .midi)"), read_midi_source, progress
    )


def songs_of_files(
    root: Path, paths: Sequence[Path], read: Callable[[Path, str], Source], progress: Progress | None
) -> tuple[list[Song], FolderReport]:
    """Reduce files below `root` to songs, each tune once, divided; and tell what became of each.

    `read` gives a file's source, by its path and the name that its song shall have, or raises SourceError.
    """
    songs: list[Song] = []
    groups: list[str] = []
    files: list[FileReport] = []
    first: dict[str, str] = {}  # melody -> the file that has it
    for number, path in enumerate(paths, 1):
        name = path.relative_to(root).as_posix()
        report, found = _reduced(path, name, read)
        for song in found:
            melody = melody_hash(song)
            if melody in first:
                same = f"the same melody, note for note, as in {first[melody]}, which was kept"
                report = _without(report, song.name, same)
            else:
                first[melody] = name
                songs.append(song)
                groups.append(name)
        files.append(report)
        if progress is not None:
            progress(number, len(paths), name)
    songs = divided(songs, groups)
    splits = {split: sum(song.split == split for song in songs) for split in SPLITS}
    return songs, FolderReport(tuple(files), len(songs), sum(song.bars for song in songs), splits)


def files_below(folder: Path, endings: Collection[str], what: str) -> list[Path]:
    """Return the files of these endings in a folder and the folders in it, in the order of their paths.

    Raises
    ------
    ValueError
        When there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        why = "it is a file: name the folder it is in." if folder.exists() else "is its name misspelt?"
        raise ValueError(f"There is no folder {os.fspath(folder)!r}; {why}")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file()]
    # Beside the files of some systems lie hidden ones of the same ending that hold no music.
    paths = [path for path in paths if not path.name.startswith(".")]
    if not paths:
        raise ValueError(f"In {os.fspath(folder)!r} and its folders is no {what}. Are they still packed in an archive?")
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def _reduced(path: Path, name: str, read: Callable[[Path, str], Source]) -> tuple[FileReport, tuple[Song, ...]]:
    try:
        reduction = reduce_source(read(path, name.rsplit(".", 1)[0]))
    except SourceError as error:
        return FileReport(name, why=_sentence(str(error))), ()
    except Exception as error:
        # One file nobody thought of must not cost the others; its error is told, not hidden.
        return FileReport(name, why=_sentence(f"it could not be understood ({type(error).__name__}: {error})")), ()
    if not reduction.songs:
        return FileReport(name, why=_sentence("; ".join(reduction.remarks))), ()
    return FileReport(name, tuple(song.name for song in reduction.songs), "", reduction.remarks), reduction.songs


def _without(report: FileReport, song: str, why: str) -> FileReport:
    """Return the report of a file of which one song is left out."""
    songs = tuple(name for name in report.songs if name != song)
    if songs:
        return FileReport(report.path, songs, "", (*report.remarks, f"{song} is {why}"))
    return FileReport(report.path, (), _sentence(why), report.remarks)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
