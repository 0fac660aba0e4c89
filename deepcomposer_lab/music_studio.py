"""The Music studio: input track, technique, composition, in one application that keeps everything by itself.

This is its kernel's side: it answers what the widget's page asks (`MusicStudio._answer…`), runs techniques in a thread
of its own, and keeps drafts and compositions in the library. The page's side is `widgets/js/music_studio.js`.

Lesson: notebooks/01_music_studio.ipynb.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import Any

from deepcomposer_lab import library, metric_bands, studio_catalogue
from deepcomposer_lab.music.composition import Composition, CompositionStep, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.plain import titled_plain
from deepcomposer_lab.music.rhythm_assist import rhythm_assist
from deepcomposer_lab.music.samples import sample_melody
from deepcomposer_lab.music.uploads import read_upload
from deepcomposer_lab.studio_state import (
    SETTINGS,
    StudioError,
    check_state,
    drawer_entry,
    first_bpm,
    fresh_state,
    idle_run,
    is_in_reach,
    lineage_of,
    merged_state,
    piece_of,
    restored_state,
    thinned_picture,
)
from deepcomposer_lab.widgets.music_studio import MusicStudioWidget

_SECONDS_BETWEEN_NEWS = 0.1
_FURTHEST = 300.0  # beats after the end that a technique may write to, in thirty seconds at the fastest tempo
_DRAFT_SECONDS = 0.6  # after the last change
_LISTED_AT_ONCE = 24  # compositions that a studio reads before it shows itself; the others come a moment later
_MIME = {
    "mid": "audio/midi",
    "wav": "audio/wav",
    "opus": "audio/ogg",
    "musicxml": "application/vnd.recordare.musicxml+xml",
}


class _CancelledError(Exception):
    """A run was cancelled within a technique that has nothing to show before its end."""


class MusicStudio:
    """The Music studio: shows itself when it ends a cell.

    Parameters
    ----------
    music : Melody or Composition, optional
        What to start from. Without, the last draft comes back from the library, or a sample melody.
    technique : {"ar-cnn", "gan", "transformers"}, optional
        What is chosen in the second step.

    Attributes
    ----------
    input : Composition
        The input track as it was played; can be set to a Melody or Composition.
    technique : str
        Can be set.
    composition : Composition or None
        The last result.

    Raises
    ------
    TypeError
        When `music` is no music.
    ValueError
        When there is no such technique.

    Examples
    --------
    >>> studio = dc.MusicStudio(dc.sample_melody("ode_to_joy"))
    >>> studio.compose(wait=True)
    >>> studio.composition
    """

    def __init__(self, music: Melody | Composition | None = None, technique: str | None = None) -> None:
        piece = None if music is None else as_composition(music)
        self._home = library.library_directory()  # a draft goes where it was found, whatever is set meanwhile
        draft = library.open_draft(self._home) if piece is None else None
        self._lock = threading.RLock()
        self._listing = threading.Lock()
        self._keeping = threading.Lock()
        self._worker: threading.Thread | None = None
        self._cancelled = threading.Event()  # of the last run; every run has one of its own
        self._runs = 0
        self._timer: threading.Timer | None = None
        self._pictures: dict[str, dict[str, Any]] = {}
        self.composition: Composition | None = None
        self.widget = MusicStudioWidget(
            catalogue=studio_catalogue.inputs(),
            state=restored_state(draft) if draft else fresh_state(piece),
            run=idle_run(),
        )
        self._offer_answers()
        if technique is not None:
            self.technique = technique
        self._list(_LISTED_AT_ONCE)
        atexit.register(_keep_last_draft, weakref.ref(self))
        self._ready = threading.Thread(target=self._load_rest, daemon=True)
        self._ready.start()

    # ------------------------------------------------------------------------------ from a notebook

    @property
    def input(self) -> Composition:
        """The input track as it was played, before Rhythm assist, tempo, pitch and trim."""
        return piece_of(self.widget.state["input"])

    @input.setter
    def input(self, music: Melody | Composition) -> None:
        self._take_input(as_composition(music), "import", None)

    @property
    def technique(self) -> str:
        """The technique that is chosen."""
        return str(self.widget.state["technique"]["name"])

    @technique.setter
    def technique(self, name: str) -> None:
        from deepcomposer_lab.studio import find_technique

        find_technique(name)
        self._patch({"technique": {"name": name, "algorithm": None, "model": None, "parameters": {}, "seed": None}})

    def prepared(self) -> Composition:
        """Return what a technique would be given: trimmed, assisted, moved in pitch, at the chosen tempo."""
        return self._prepared()[0]

    def compose(self, *, wait: bool = False, **parameters: Any) -> None:
        """Start composing; with `wait`, return when it is done.

        Parameters
        ----------
        wait : bool
        **parameters
            The technique's own, and `model` and `seed`, for this run and the next.

        Raises
        ------
        ValueError
            When something composes already, or there is nothing to compose from.
        """
        if parameters:
            chosen = {key: parameters.pop(key) for key in ("model", "seed") if key in parameters}
            self._patch({"technique": {**chosen, "parameters": parameters}})
        self._start()
        if wait and self._worker is not None:
            self._worker.join()
            run = self.widget.run
            if run["state"] == "failed":
                raise StudioError(run["error"])

    def cancel(self) -> None:
        """End what composes; what it has so far is kept."""
        self._cancel()

    def __repr__(self) -> str:
        state = self.widget.state
        made = f", last composition “{self.composition.title}”" if self.composition else ""
        return f"Music studio: “{state['input']['title']}”, {studio_catalogue.technique_label(self.technique)}{made}."

    def _ipython_display_(self) -> None:
        """Show a still picture, for readers without a kernel, and the widget, which hides it."""
        from IPython.display import display

        from deepcomposer_lab import plots

        # Two outputs: JupyterLab takes the widget where one output offers both, and shows an error without a kernel.
        still = (
            f'<figure class="dc-studio-still" style="margin: 0">{plots.sketch(self.prepared())}'
            f"<figcaption>{escape(repr(self))} Run the cell to open the studio.</figcaption></figure>"
        )
        display({"text/plain": repr(self), "text/html": still}, raw=True)
        display(self.widget)

    # ------------------------------------------------------------------------------ state

    def _patch(self, patch: Mapping[str, Any]) -> None:
        """Merge a change into the state, checked, and keep the draft a moment later."""
        with self._lock:
            state = merged_state(self.widget.state, patch)
            check_state(state)
            self.widget.state = state
        self._keep_draft_soon()

    def _keep_draft_soon(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(_DRAFT_SECONDS, self._keep_draft)
            self._timer.daemon = True
            self._timer.start()

    def _keep_draft(self) -> None:
        with self._lock:
            self._timer = None
            state = self.widget.state
        try:
            library.save_draft(state, self._home)
        except OSError:
            return  # a folder that refuses costs the draft, and is told when a composition is saved
        with self._lock:
            self.widget.state = {**self.widget.state, "saved_at": datetime.now(UTC).isoformat()}

    def _take_input(self, piece: Composition, source: str, id: str | None) -> None:
        with self._lock:
            state = self.widget.state
            self.widget.state = {
                **state,
                "source": source,
                "input": titled_plain(piece),
                "input_id": id,
                "settings": {**deepcopy(SETTINGS), "tempo": first_bpm(piece)},
            }
        self._keep_draft_soon()

    def _prepared(self, *, whole: bool = False) -> tuple[Composition, Composition | None]:
        """Return the input as a technique gets it, and as it was played where Rhythm assist moves notes.

        With `whole` it is not trimmed: the roll shows what lies outside the handles too.
        """
        state = self.widget.state
        settings = state["settings"]
        piece = piece_of(state["input"])
        if settings["pitch"]:
            piece = piece.transpose(settings["pitch"])
        if settings["tempo"] and (settings["tempo"] != first_bpm(piece) or not is_in_reach(piece)):
            piece = piece.with_tempo(settings["tempo"])
        played = None
        if settings["rhythm_assist"]:
            played = piece
            piece = rhythm_assist(piece, settings["grid"], strength=settings["strength"], triplets=settings["triplets"])
        if settings["trim"] and piece.notes and not whole:  # last: the handles stand on what is seen
            piece = piece.trim(*settings["trim"])
        return piece, played

    def _load_rest(self) -> None:
        if len(self.widget.compositions) >= _LISTED_AT_ONCE:
            self._list()
        self._load_techniques()

    def _load_techniques(self) -> None:
        techniques = studio_catalogue.techniques()
        if techniques != self.widget.catalogue["techniques"]:
            self.widget.catalogue = {**self.widget.catalogue, "techniques": techniques}

    # ------------------------------------------------------------------------------ answers

    def _offer_answers(self) -> None:
        at_once = {
            "set": self._answer_set,
            "input": self._answer_input,
            "prepare": self._answer_prepare,
            "prepared": self._answer_prepared,
            "sample": self._answer_sample,
            "compose": self._answer_compose,
            "cancel": self._answer_cancel,
            "rename": self._answer_rename,
            "delete": self._answer_delete,
            "restore": self._answer_restore,
            "use": self._answer_use,
        }
        slow = {
            "read": self._answer_read,
            "transcribe": self._answer_transcribe,
            "open": self._answer_open,
            "peek": self._answer_peek,
            "keep": self._answer_keep,
            "metrics": self._answer_metrics,
            "notation": self._answer_notation,
            "export": self._answer_export,
            "share": self._answer_share,
            "refresh": self._answer_refresh,
        }
        for what, function in at_once.items():
            self.widget.answer(what, function)
        for what, function in slow.items():
            self.widget.answer(what, function, slow=True)

    def _answer_set(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        self._patch(question["patch"])
        return {}

    def _answer_input(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        """Take a piece as the input: a recording, an edit, or what an undo brings back with its settings."""
        piece = piece_of(question["piece"])
        if question.get("edited"):  # the same input, other notes: its settings stay, but for those given
            origin = {"input_id": question["input_id"]} if "input_id" in question else {}
            self._patch({"input": titled_plain(piece), "settings": question.get("settings") or {}, **origin})
        else:
            self._take_input(piece, str(question.get("source", "import")), None)
        return self._answer_prepare({}, ())

    def _answer_prepare(self, _: Mapping[str, Any], __: Sequence[bytes]) -> Any:
        piece, played = self._prepared(whole=True)
        ghost = None if played is None else titled_plain(played)
        return {"piece": titled_plain(piece), "ghost": ghost, "settings": self.widget.state["settings"]}

    def _answer_prepared(self, _: Mapping[str, Any], __: Sequence[bytes]) -> Any:
        return {"piece": titled_plain(self.prepared())}

    def _answer_peek(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        """Give a composition to be heard, and leave what is open as it is."""
        return {"piece": titled_plain(library.open_composition(question["id"]))}

    def _answer_sample(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        self._take_input(as_composition(sample_melody(question["name"])), "sample", None)
        return self._answer_prepare({}, ())

    def _answer_read(self, question: Mapping[str, Any], buffers: Sequence[bytes]) -> Any:
        piece, remarks = read_upload(str(question.get("name", "")), buffers[0] if buffers else b"")
        self._take_input(piece, "import", None)
        if not is_in_reach(piece):
            tempo, limit = piece.tempos[0].bpm, first_bpm(piece)
            remarks = [*remarks, f"Its tempo of {tempo:g} beats a minute is {limit:g} here: the studio plays 40–160."]
        return {**self._answer_prepare({}, ()), "remarks": remarks}

    def _answer_transcribe(self, question: Mapping[str, Any], buffers: Sequence[bytes]) -> Any:
        import numpy as np

        from deepcomposer_lab.music.transcribe import Recording, transcription
        from deepcomposer_lab.widgets.microphone import sung_of

        recording = Recording(np.frombuffer(buffers[0], dtype="<i2"), int(question["rate"]))
        found = transcription(recording, bpm=question.get("bpm"), first_beat=question.get("first_beat"))
        sung = sung_of(found, recording.seconds)
        if not found.melody:
            return {"sung": sung}
        self._take_input(as_composition(found.melody), "microphone", None)
        return {**self._answer_prepare({}, ()), "sung": sung}

    def _answer_compose(self, _: Mapping[str, Any], __: Sequence[bytes]) -> Any:
        return {"number": self._start()}

    def _answer_cancel(self, _: Mapping[str, Any], __: Sequence[bytes]) -> Any:
        self._cancel()
        return {}

    def _answer_open(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        saved = library.find_composition(question["id"])
        piece = library.open_composition(saved)
        before = self._before(saved)
        with self._lock:
            if self.widget.state["result_id"] == saved.id:  # cells may have composed on before this was asked for
                self.composition = piece
        return {
            "piece": titled_plain(piece),
            "before": None if before is None else titled_plain(before),
            "metrics": metric_bands.rows(piece, before),
            "lineage": lineage_of(piece),
        }

    def _before(self, saved: library.SavedComposition) -> Composition | None:
        """Return what a composition was made from: its parent, where the library still has it."""
        for parent in saved.parents:
            try:
                return library.open_composition(parent)
            except library.LibraryError:
                continue  # deleted since
        return None

    def _answer_refresh(self, _: Mapping[str, Any], __: Sequence[bytes]) -> Any:
        """Look for models that were trained since."""
        self._load_techniques()
        return {}

    def _answer_rename(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        title = " ".join(str(question["title"]).split())[:120]
        if not title:
            raise StudioError("A composition needs a title of one letter at least.")
        library.rename_composition(question["id"], title)
        self._list()
        return {"title": title}

    def _answer_delete(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        library.delete_composition(question["id"])
        if self.widget.state["result_id"] == question["id"]:
            self._patch({"result_id": None})
        self._list()
        return {}

    def _answer_restore(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        library.restore_composition(question["id"])
        self._list()
        return {}

    def _answer_use(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        """Make a composition the input: techniques chain without end."""
        piece = library.open_composition(question["id"])
        self._take_input(piece, "composition", question["id"])
        return self._answer_prepare({}, ())

    def _answer_keep(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        """Keep a composition that was edited by hand, as a child of what it was.

        It becomes what is open, but where something else is being opened and the edits only must not be lost.
        """
        parent, opens = question.get("id"), question.get("opens", True)
        with self._keeping:  # one view after the other
            edits = self.widget.state["edits"]
            is_theirs = bool(edits) and edits["id"] == parent
            if not opens and not is_theirs:
                return {"id": None}  # another view has kept them
            saved = self._save_edited(parent, piece_of(question["piece"]), opens)
            with self._lock:  # not before: a folder that refuses must not cost them; nor what was drawn since
                if is_theirs and self.widget.state["edits"] == edits:
                    self._patch({"edits": None})
        self._list()
        return {"id": saved.id}

    def _save_edited(self, parent: str | None, edited: Composition, opens: bool) -> library.SavedComposition:
        from deepcomposer_lab import metrics

        if parent:
            edited = replace(edited, steps=(*library.open_composition(parent).steps, CompositionStep("edit")))
        saved = library.save_composition(
            edited, parents=[parent] if parent else [], metrics=metrics.evaluate(edited).as_dict()
        )
        if opens:
            self.composition = edited
            self._patch({"result_id": saved.id})
        return saved

    def _answer_metrics(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        before = question.get("before")
        return metric_bands.rows(piece_of(question["piece"]), None if before is None else piece_of(before))

    def _answer_notation(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        from deepcomposer_lab.music.musicxml import to_musicxml

        return {"musicxml": to_musicxml(piece_of(question["piece"])).decode("utf-8")}

    def _answer_export(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        from deepcomposer_lab.studio import WRITERS

        ending = str(question["format"])
        if ending not in _MIME:
            raise StudioError(f"There is no export {ending!r}; there is {', '.join(_MIME)}.")
        piece = piece_of(question["piece"]) if "piece" in question else library.open_composition(question["id"])
        data = WRITERS[f".{ending}"](piece)
        return {"name": f"{library.file_stem(piece.title)}.{ending}", "mime": _MIME[ending]}, [data]

    def _answer_share(self, question: Mapping[str, Any], _: Sequence[bytes]) -> Any:
        from deepcomposer_lab.sharing import to_html

        piece = piece_of(question["piece"]) if "piece" in question else library.open_composition(question["id"])
        return {"name": f"{library.file_stem(piece.title)}.html", "mime": "text/html"}, [
            to_html(piece, lineage=lineage_of(piece))
        ]

    # ------------------------------------------------------------------------------ composing

    def _start(self) -> int:
        with self._lock:
            if self.widget.run["state"] in ("loading", "running"):
                raise StudioError("The studio is composing already: wait for it, or cancel it.")
            piece, _ = self._prepared()
            if not any(track.notes for track in piece.tracks if not track.is_drum):
                raise StudioError(
                    "There is no note to compose from yet: play, hum or import a melody, or choose a sample."
                )
            chosen = deepcopy(self.widget.state["technique"])
            self._runs += 1
            self._cancelled = threading.Event()
            number = self._runs
            self.widget.run = idle_run() | {
                "state": "loading",
                "number": number,
                "technique": chosen["name"],
                "words": "Loading the model …",
            }
            parent = self.widget.state["input_id"]
            self.widget.tell("began", {"number": number, "piece": titled_plain(piece)})
            news = _News(self, number, self._cancelled, piece)
            # A cancelled run may still be loading its model: this one begins when that one has ended.
            self._worker = threading.Thread(
                target=self._work, args=(news, piece, chosen, parent, self._worker), daemon=True
            )
            self._worker.start()
            return number

    def _cancel(self) -> None:
        with self._lock:
            run = self.widget.run
            if run["state"] in ("loading", "running"):
                self._cancelled.set()
                self.widget.run = {**run, "state": "cancelled", "words": "Cancelled."}

    def _work(
        self,
        news: _News,
        piece: Composition,
        chosen: Mapping[str, Any],
        parent: str | None,
        previous: threading.Thread | None,
    ) -> None:
        if previous is not None:
            previous.join()
        try:
            self._run(news, _marked(piece, parent), chosen, parent)
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            self._ended(news.number, state="failed", error=str(error), words="It did not work.")
        except Exception as error:
            fault = f"By a fault of the program ({type(error).__name__})."
            self._ended(news.number, state="failed", error=fault, words="")
            raise

    def _run(self, news: _News, piece: Composition, chosen: Mapping[str, Any], parent: str | None) -> None:
        composition = self._composed(piece, chosen, news)
        cancelled = news.cancelled.is_set()
        if composition is None or (cancelled and not news.changed):
            words = "Cancelled before anything was composed; nothing was saved."
            self._ended(news.number, state="cancelled", words=words)
            return
        self.composition = composition
        try:
            saved = self._kept(composition, piece, parent)
        except OSError:
            self._ended(news.number, state="failed", error="The library's folder cannot be written.", words="")
            return
        words = "Cancelled: what there was by then is kept." if cancelled else "Done, and saved."
        seed = composition.steps[-1].seed
        self._ended(news.number, state="cancelled" if cancelled else "done", words=words, result_id=saved, seed=seed)

    def _composed(self, piece: Composition, chosen: Mapping[str, Any], news: _News) -> Composition | None:
        from deepcomposer_lab.studio import _load_technique, _own_model

        name = chosen["name"]
        technique = _load_technique(name, chosen.get("model") or _own_model(name))
        if news.cancelled.is_set():
            return None
        parameters = {key: value for key, value in chosen["parameters"].items() if value is not None}
        news.begin(name)
        if name == "ar-cnn":
            session = technique.steps(piece, seed=chosen["seed"], progress=news.count, **parameters)
            for edit in session:
                news.note(edit.note, edit.kind == "add", edit.kind == "remove", edit.probability)
                if news.cancelled.is_set():
                    break
            return session.composition()
        if name == "transformers":

            def heard(note: Any, track: int) -> bool:
                news.note(note, True, False, None, track)
                return not news.cancelled.is_set()

            return technique.extend(piece, seed=chosen["seed"], progress=news.count, heard=heard, **parameters)
        from deepcomposer_lab.techniques.gan import NothingToAddError

        try:
            composition = technique.compose(piece, seed=chosen["seed"], progress=news.count_or_stop, **parameters)
        except _CancelledError:
            return None
        except NothingToAddError as error:
            raise StudioError(
                f"“{error.title}” already has {error.present} of its own, so nothing is left to add. "
                "Switch “Keep the other tracks” off to accompany its melody alone, or choose other tracks."
            ) from None
        news.changed = True
        return composition

    def _kept(self, composition: Composition, source: Composition, parent: str | None) -> str:
        """Save a composition and, where it is nowhere yet, what it was made from: "before" outlives a restart."""
        from deepcomposer_lab import metrics

        evaluated = metrics.evaluate(composition).as_dict()
        origin = _stored(parent)
        if origin is None or not _is_same(origin, source):
            known = library.id_of(source)
            if known is None or _stored(known) is None:
                known = library.save_composition(source, parents=[parent] if parent and origin else []).id
            parent = known
        saved = library.save_composition(composition, parents=[parent] if parent else [], metrics=evaluated)
        self._list()
        return saved.id

    def _ended(self, number: int, **values: Any) -> None:
        with self._lock:
            if number != self._runs:
                return
            self.widget.run = {**self.widget.run, **values, "seconds_left": 0}
            if values.get("result_id"):  # of a run that was cancelled it waits until somebody asks for it
                step = {"step": 3} if values["state"] == "done" else {}
                self._patch({"result_id": values["result_id"], **step})
                self._keep_draft()  # at once: whoever leaves the page now finds it again

    # ------------------------------------------------------------------------------ the library

    def _list(self, most: int | None = None) -> None:
        """Bring the list of compositions, or its newest `most`, up to date; only what is new is read."""
        with self._listing:
            entries: list[dict[str, Any]] = []
            for saved in library.list_compositions()[:most]:
                entry = self._pictures.get(saved.id)
                if entry is None:
                    try:
                        entry = drawer_entry(saved, library.open_composition(saved))
                    except library.LibraryError:
                        continue
                    self._pictures[saved.id] = entry
                entries.append(
                    {**entry, "title": saved.title, "picture": thinned_picture(entry["picture"], len(entries))}
                )
            self.widget.compositions = entries


class _News:
    """Tells the page how far a run is: at most ten times a second, with what came and went since."""

    def __init__(self, studio: MusicStudio, number: int, cancelled: threading.Event, piece: Composition) -> None:
        from deepcomposer_lab.plots import Ruler

        self.studio, self.number, self.cancelled = studio, number, cancelled
        self.ruler = Ruler(piece, piece.end + _FURTHEST)
        self.done, self.total = 0, 0
        self.balance: dict[tuple[int, float], int] = {}  # of each pitch and onset: what came, less what went
        self.changed = False
        self.began = self.told = time.monotonic()
        self.rows: list[list[Any]] = []
        self.words = ""

    def begin(self, technique: str) -> None:
        self.technique = technique
        self.began = time.monotonic()
        with self.studio._lock:
            run = self.studio.widget.run
            if run["state"] == "loading" and run["number"] == self.number:
                self.studio.widget.run = {**self.studio.widget.run, "state": "running", "words": "Composing …"}

    def count(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self._tell()

    def count_or_stop(self, done: int, total: int) -> None:
        if self.cancelled.is_set():
            raise _CancelledError
        self.count(done, total)

    def note(self, note: Any, adds: bool, removes: bool, probability: float | None, track: int | None = None) -> None:
        self.changed = True
        place = (note.pitch, round(note.onset, 6))
        self.balance[place] = self.balance.get(place, 0) + adds - removes
        self.rows.append([adds, note.onset, note.pitch, note.duration, note.velocity, track])
        where = self.ruler.describe(note.onset)
        self.words = f"Just {'added' if adds else 'removed'} {note.name} at {where}{_share_in_words(probability)}."
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self.told < _SECONDS_BETWEEN_NEWS or self.cancelled.is_set():
            return
        self.told = now
        spent = now - self.began
        left = None
        if self.total and self.done / self.total > 0.03:
            left = spent * (self.total - self.done) / self.done
        value = {
            "number": self.number,
            "done": self.done,
            "total": self.total,
            "seconds_left": None if left is None else round(left, 1),
            "added": sum(count for count in self.balance.values() if count > 0),
            "removed": -sum(count for count in self.balance.values() if count < 0),
            "words": self.words,
            "rows": self.rows,
        }
        self.rows = []
        self.studio.widget.tell("progress", value)


def _keep_last_draft(reference: weakref.ref[MusicStudio]) -> None:
    """Keep what changed within the last moment before the kernel ends, as it does when a page is left."""
    studio = reference()
    if studio is not None and studio._timer is not None:
        studio._keep_draft()


def _share_in_words(probability: float | None) -> str:
    if probability is None:
        return ""
    return f" (the model gave it {'under 1 %' if probability < 0.01 else f'{100 * probability:.0f} %'})"


def _stored(id: str | None) -> Composition | None:
    """Return a composition of the library; None where it is there no longer."""
    try:
        return None if id is None else library.open_composition(id)
    except library.LibraryError:
        return None


def _is_same(one: Composition, other: Composition) -> bool:
    """Return whether two pieces are the same but for their titles."""
    return replace(one, title=other.title) == other


def _marked(piece: Composition, parent: str | None) -> Composition:
    """Return a technique's input, its history telling where it was changed after it was composed."""
    origin = _stored(parent)
    if not piece.steps or origin is None or _is_same(origin, piece):
        return piece
    return replace(piece, steps=(*piece.steps, CompositionStep("edit")))
