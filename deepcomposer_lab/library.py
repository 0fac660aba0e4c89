"""The library: compositions kept on disk, each as two files of one name.

    2025-03-01-ode-to-joy-3fa9.json   everything: restores the exact composition, alone
    2025-03-01-ode-to-joy-3fa9.mid    the notes, for any music program

The name (day, slug of the first title, four hex digits) is the composition's **id** and never changes; the
title may. Exports (WAV, Opus, MusicXML, piano roll) lie beside them under the same id. What is deleted moves
to the folder `.trash` and can be restored. Every file is written whole or not at all.

`library_directory()` says where: $DEEPCOMPOSER_LAB_HOME where it is set, else `compositions/` beside the
notebooks, else the user's data folder.

The JSON, format version 1: `format_version`, `id`, `title`, `created` (ISO 8601, UTC), `parents` (ids),
`metrics` (what `metrics.evaluate(...).as_dict()` gave, or null), and `composition` with `pickup`, `tempos`
([onset, bpm]), `metres` ([onset, numerator, denominator]), `tracks` (`name`, `program`, `is_drum`, `notes` as
[onset, pitch, duration, velocity]) and `steps` (the fields of `CompositionStep`). Times are in beats.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import sys
import unicodedata
import warnings
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deepcomposer_lab.music.composition import Composition
from deepcomposer_lab.music.files import write_atomically
from deepcomposer_lab.music.midi import write_midi
from deepcomposer_lab.music.plain import checked_kind, from_plain, part, parts, plain_value, to_plain

FORMAT_VERSION = 1
EXPORT_FORMATS = ("mid", "wav", "opus", "musicxml", "npz")

_TRASH = ".trash"
_DRAFT = "draft.json"
_ID = re.compile(r"\d{4}-\d{2}-\d{2}-[a-z0-9-]+-[0-9a-f]{4}")
# What this session saved or opened: a composition is a value and does not carry the name of its file.
_known: deque[tuple[Composition, str]] = deque(maxlen=64)
# Lines of lists, with the state of the file they were read from: a long list is read once, not at every look.
_lines: dict[Path, tuple[tuple[int, int, int], SavedComposition]] = {}
_SLUG_LENGTH = 40  # with day and digits a file name stays under 60 characters, whatever the title


class LibraryError(ValueError):
    """A composition that is not there, is damaged, or is of a newer format than this version reads."""


@dataclass(frozen=True, slots=True)
class SavedComposition:
    """A line of the library: what is known of a saved composition without opening it.

    Parameters
    ----------
    id : str
        Its name for good: "2025-03-01-ode-to-joy-3fa9".
    title : str
        Shown to people; `rename_composition` changes it.
    created : datetime
        When it was saved first, UTC.
    parents : tuple of str
        Ids of the saved compositions it was made from.
    metrics : mapping or None
        What `metrics.evaluate(...).as_dict()` gave when it was saved; None where nothing was measured.
    path : Path
        The JSON file.
    """

    id: str
    title: str
    created: datetime
    parents: tuple[str, ...]
    metrics: Mapping[str, Any] | None
    path: Path

    @property
    def midi_path(self) -> Path:
        """The MIDI file beside the JSON."""
        return self.path.with_suffix(".mid")


def library_directory() -> Path:
    """Return the folder where compositions are kept; it need not exist yet.

    $DEEPCOMPOSER_LAB_HOME where it is set. Else `compositions/` beside the notebooks: in the folder `notebooks`
    of a checkout, or in the working folder where that holds notebooks. Else the user's data folder, by the
    platform's custom.
    """
    chosen = os.environ.get("DEEPCOMPOSER_LAB_HOME")
    if chosen:
        return Path(chosen).expanduser()
    for notebooks in (_checkout_notebooks(), _working_folder_of_notebooks()):
        if notebooks is not None and os.access(notebooks, os.W_OK):
            return notebooks / "compositions"
    return _data_folder() / "deepcomposer_lab" / "compositions"


def is_id(text: str) -> bool:
    """Return whether `text` has the form of a saved composition's id, whether there is one or not."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def id_of(composition: Composition) -> str | None:
    """Return the id under which this session saved or opened `composition`, most recently; None where it did neither.

    An edited composition is another value, and has no id until it is saved.
    """
    return next((id for known, id in reversed(_known) if known == composition), None)


def save_composition(
    composition: Composition,
    *,
    parents: Iterable[SavedComposition | str] = (),
    metrics: Mapping[str, Any] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> SavedComposition:
    """Keep a composition: one .json and one .mid.

    Parameters
    ----------
    composition : Composition
        Saving it twice keeps it twice, under two ids.
    parents : iterable of SavedComposition or str
        The saved compositions (or their ids) it was made from.
    metrics : mapping, optional
        Plain values to keep with it, such as `metrics.evaluate(composition).as_dict()`.
    directory : path, optional
        The library; `library_directory()` unless told otherwise. Made where it is missing.

    Returns
    -------
    SavedComposition

    Raises
    ------
    TypeError
        When it is no Composition, or a step's parameters or the metrics hold more than plain values (numbers,
        strings, None, lists, mappings; tuples come back as lists).
    ValueError
        When they hold an infinite number or nan, which JSON cannot keep.
    OSError
        When the folder cannot be written. Nothing is left behind in any of these cases.
    """
    if not isinstance(composition, Composition):
        raise TypeError(
            f"The library keeps a Composition, got {type(composition).__name__}. A melody becomes one by "
            f"Composition.from_melody(melody)."
        )
    midi = write_midi(composition)
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "id": "",
        "title": composition.title,
        "created": datetime.now(UTC).isoformat(),
        "parents": [parent.id if isinstance(parent, SavedComposition) else str(parent) for parent in parents],
        "metrics": None if metrics is None else plain_value(metrics, "metrics"),
        "composition": to_plain(composition),
    }
    folder = _folder(directory)
    folder.mkdir(parents=True, exist_ok=True)
    midi_path = _reserve(folder, composition.title)
    content["id"] = midi_path.stem
    try:
        write_atomically(midi_path, midi)
        # The JSON comes last: a composition is in the library from the moment its JSON is.
        write_atomically(midi_path.with_suffix(".json"), _to_bytes(content))
    except BaseException:
        midi_path.unlink(missing_ok=True)
        raise
    _known.append((composition, midi_path.stem))
    return _summary(content, midi_path.with_suffix(".json"))


def list_compositions(directory: str | os.PathLike[str] | None = None) -> list[SavedComposition]:
    """Return what is in the library, newest first.

    A file that cannot be read is left where it is and named in a warning; the others are listed all the same.
    """
    found = []
    for path in _folder(directory).glob("*.json"):
        if not is_id(path.stem):
            continue
        try:
            found.append(_line(path))
        except (LibraryError, OSError) as error:
            warnings.warn(f"Left out of the list: {error}", stacklevel=2)
    return sorted(found, key=lambda saved: (saved.created, saved.id), reverse=True)


def _line(path: Path) -> SavedComposition:
    status = path.stat()
    state = (status.st_ino, status.st_mtime_ns, status.st_size)
    known = _lines.get(path)
    if known is None or known[0] != state:
        known = _lines[path] = (state, _summary(_read(path), path))
    return known[1]


def open_composition(
    saved: SavedComposition | str | os.PathLike[str], directory: str | os.PathLike[str] | None = None
) -> Composition:
    """Return a saved composition, exactly as it was, under its present title.

    Parameters
    ----------
    saved : SavedComposition, str or path
        A line of the list, an id, or the path of a library JSON anywhere.
    directory : path, optional
        The library in which an id is looked for.

    Raises
    ------
    LibraryError
        When it is not there, is damaged, or comes from a newer version; no file is changed.
    """
    path = _find(saved, directory)
    content = _read(path)
    try:
        composition = from_plain(part(content, "composition", dict), content["title"])
    except (TypeError, ValueError) as error:
        raise _damaged(path, error) from error
    _known.append((composition, path.stem))
    return composition


def find_composition(
    saved: SavedComposition | str | os.PathLike[str], directory: str | os.PathLike[str] | None = None
) -> SavedComposition:
    """Return the library's line for an id or for the path of a library JSON.

    Raises
    ------
    LibraryError
        As `open_composition`.
    """
    path = _find(saved, directory)
    return _summary(_read(path), path)


def rename_composition(
    saved: SavedComposition | str, title: str, directory: str | os.PathLike[str] | None = None
) -> SavedComposition:
    """Give a saved composition another title; its id and its files keep their names.

    Raises
    ------
    LibraryError
        As `open_composition`.
    """
    path = _find(saved, directory)
    content = _read(path) | {"title": str(title)}
    renamed = _summary(content, path)
    write_atomically(path, _to_bytes(content))
    return renamed


def delete_composition(saved: SavedComposition | str, directory: str | os.PathLike[str] | None = None) -> None:
    """Move a composition and its exports to the library's folder `.trash`.

    `restore_composition` brings them back. A damaged composition can be deleted too.

    Raises
    ------
    LibraryError
        When it is not there.
    """
    path = _find(saved, directory)
    _move(path.stem, path.parent, path.parent / _TRASH, first=".json")


def restore_composition(id: str, directory: str | os.PathLike[str] | None = None) -> SavedComposition:
    """Bring a deleted composition back from `.trash`, under the id it had.

    Raises
    ------
    LibraryError
        When the trash holds no such composition.
    """
    folder = _folder(directory)
    if not is_id(id) or not (folder / _TRASH / f"{id}.json").is_file():
        raise LibraryError(f"The trash of {folder} holds no composition {id!r}.")
    _move(id, folder / _TRASH, folder, last=".json")
    return find_composition(id, folder)


def export_composition(
    music: SavedComposition | Composition | str,
    format: str,
    data: bytes,
    path: str | os.PathLike[str] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Path:
    """Write an export, made elsewhere, under a fitting name; a file that exists is replaced.

    Parameters
    ----------
    music : SavedComposition, str or Composition
        A saved composition (or its id), or one that is not saved.
    format : str
        One of `EXPORT_FORMATS`: "mid", "wav", "opus", "musicxml", "npz"; a dot before it is taken too.
    data : bytes
        The file's whole content.
    path : path, optional
        File to write, or an existing folder to write it in. Unless told otherwise it goes to the library:
        beside the saved composition under its id, or under a new name of the same kind.
    directory : path, optional
        The library; `library_directory()` unless told otherwise.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        When the format is unknown, or the path's ending is another one; LibraryError when an id is unknown.
    OSError
        When it cannot be written.
    """
    ending = format.lower().removeprefix(".")
    if ending not in EXPORT_FORMATS:
        raise ValueError(f"Unknown export format {format!r}; there are: {', '.join(EXPORT_FORMATS)}.")
    if isinstance(music, Composition):
        home, stem = _folder(directory), _name(music.title)
    else:
        saved = _find(music, directory)
        home, stem = saved.parent, saved.stem
    if path is None:
        home.mkdir(parents=True, exist_ok=True)
        target = home / f"{stem}.{ending}"
    elif Path(path).is_dir():
        target = Path(path) / f"{stem}.{ending}"
    else:
        target = Path(path)
        if target.suffix.lower() != f".{ending}":
            raise ValueError(f"A {ending} export ends in .{ending}; got {target.name!r}.")
    write_atomically(target, data)
    return target


def save_draft(content: Mapping[str, Any], directory: str | os.PathLike[str] | None = None) -> None:
    """Keep what is being worked on, so that it comes back after a restart: one draft a library, `draft.json`.

    Raises
    ------
    TypeError, ValueError
        When it holds more than plain values, or an infinite number.
    OSError
        When the folder cannot be written.
    """
    folder = _folder(directory)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(
        folder / _DRAFT, _to_bytes({"format_version": FORMAT_VERSION, "draft": plain_value(content, "draft")})
    )


def open_draft(directory: str | os.PathLike[str] | None = None) -> dict[str, Any] | None:
    """Return the draft; None where there is none, or none that this version reads."""
    try:
        content = checked_kind(_loaded((_folder(directory) / _DRAFT).read_bytes()), dict, "all of it")
        if part(content, "format_version", int) > FORMAT_VERSION:
            return None
        draft: dict[str, Any] = part(content, "draft", dict)
    except (OSError, ValueError):
        return None  # a draft is a convenience: a damaged one must not stand in anybody's way
    return draft


# --- names and places ---------------------------------------------------------------------------------------


def _checkout_notebooks() -> Path | None:
    root = Path(__file__).resolve().parent.parent
    return root / "notebooks" if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None


def _working_folder_of_notebooks() -> Path | None:
    folder = Path.cwd()
    return folder if any(folder.glob("*.ipynb")) else None


def _data_folder() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")


def _folder(directory: str | os.PathLike[str] | None) -> Path:
    return library_directory() if directory is None else Path(directory)


def file_stem(title: str) -> str:
    """Return a file name, without its ending, for a title: "ode-to-joy"."""
    return _slug(title)


def _slug(title: str) -> str:
    """Return a title as lower-case letters, digits and hyphens of ASCII; "untitled" where nothing is left."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:_SLUG_LENGTH].rstrip("-") or "untitled"


def _name(title: str) -> str:
    return f"{datetime.now():%Y-%m-%d}-{_slug(title)}-{secrets.token_hex(2)}"


def _reserve(folder: Path, title: str) -> Path:
    """Create an empty MIDI file under a name that nothing in the library or its trash has; return its path."""
    for _ in range(1000):
        path = folder / f"{_name(title)}.mid"
        if any(place.with_suffix(".json").exists() for place in (path, folder / _TRASH / path.name)):
            continue
        try:
            path.touch(exist_ok=False)  # the file system lets one of two processes have the name
        except FileExistsError:
            continue
        return path
    raise LibraryError(f"No free name is left today for {title!r} in {folder}; choose another title.")


def _find(saved: SavedComposition | str | os.PathLike[str], directory: str | os.PathLike[str] | None) -> Path:
    """Return the JSON of a saved composition, given as the library's line, an id or a path."""
    if isinstance(saved, SavedComposition):
        path = saved.path
    elif isinstance(saved, str) and is_id(saved):
        path = _folder(directory) / f"{saved}.json"
    elif not isinstance(saved, str | os.PathLike):
        raise LibraryError(
            f"A saved composition is named by its id, its path or its line of list_compositions(); got "
            f"{type(saved).__name__}."
        )
    else:
        path = Path(saved)
        if path.suffix != ".json":
            raise LibraryError(
                f"{os.fspath(saved)!r} is neither an id such as 2025-03-01-ode-to-joy-3fa9 nor a library "
                f"file (.json); a MIDI file is read by read_midi."
            )
    if path.is_file():
        return path
    if (path.parent / _TRASH / path.name).is_file():
        raise LibraryError(f'{path.stem} was deleted; restore_composition("{path.stem}") brings it back.')
    raise LibraryError(f"{path.parent} holds no composition {path.stem!r}; list_compositions() shows what is there.")


def _move(id: str, source: Path, target: Path, first: str = "", last: str = "") -> None:
    """Move every file of a composition; the ending `first` leaves first and `last` last.

    The JSON leaves the library first and comes back last, so that no half of a composition is ever listed.
    """
    target.mkdir(parents=True, exist_ok=True)
    files = [path for path in source.glob(f"{id}.*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.suffix != first, path.suffix == last)):
        os.replace(path, target / path.name)


# --- files of JSON ------------------------------------------------------------------------------------------


def _to_bytes(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, allow_nan=False) + "\n").encode("ascii")


def _read(path: Path) -> dict[str, Any]:
    """Read a library JSON and check what every reader relies on.

    Raises
    ------
    LibraryError
        When it is damaged or of a newer format.
    """
    try:
        content = checked_kind(_loaded(path.read_bytes()), dict, "all of it")
        version = part(content, "format_version", int)
        part(content, "title", str)
    except ValueError as error:
        raise _damaged(path, error) from error
    if version > FORMAT_VERSION:
        raise LibraryError(
            f"{path.name} has format {version}, written by a newer DeepComposer Lab; this version reads up "
            f"to {FORMAT_VERSION}. Update the package; the file is left as it is."
        )
    return content


def _loaded(data: bytes) -> Any:
    """Return what a JSON file holds; a ValueError says in plain words why it is none."""

    def refuse(text: str) -> float:
        raise ValueError(f"it holds {text}, which is no finite number")

    def finite(text: str) -> float:
        number = float(text)
        return number if math.isfinite(number) else refuse(text)

    try:
        return json.loads(data.decode("utf-8"), parse_float=finite, parse_constant=refuse)
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"it is cut off or garbled at {place}" if data.strip() else "it is empty") from None
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None


def _damaged(path: Path, error: Exception) -> LibraryError:
    rescue = path.with_suffix(".mid")
    hint = f" Its notes are still in {rescue.name}: read_midi opens it." if rescue.is_file() else ""
    return LibraryError(f"{path.name} is damaged ({str(error).rstrip('.')}) and is left as it is.{hint}")


def _summary(content: Mapping[str, Any], path: Path) -> SavedComposition:
    try:
        return SavedComposition(
            id=path.stem,
            title=content["title"],
            created=_moment(part(content, "created", str)),
            parents=tuple(parts(content, "parents", str)),
            metrics=None if content.get("metrics") is None else MappingProxyType(part(content, "metrics", dict)),
            path=path,
        )
    except ValueError as error:
        raise _damaged(path, error) from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'created' should be a date and time, and is {text[:40]!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
