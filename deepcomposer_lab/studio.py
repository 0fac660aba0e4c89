"""The studio: hear, see, compose, keep and export, from a notebook or the command line.

The one room where techniques, sound, pictures and the library meet. Importing it teaches IPython to draw a Melody or
a Composition that ends a cell; the values themselves know nothing of drawing.
"""

from __future__ import annotations

import base64
import importlib
import os
import sys
import time
import warnings
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcomposer_lab.music.composition import Composition, as_composition
from deepcomposer_lab.music.melody import Melody
from deepcomposer_lab.music.metre import beats_to_seconds
from deepcomposer_lab.training.recipes import Recipe, get_recipe
from deepcomposer_lab.training.run import TrainingRun, running

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from deepcomposer_lab.doctor import Check
    from deepcomposer_lab.library import SavedComposition
    from deepcomposer_lab.models.registry import Model
    from deepcomposer_lab.plots import Ruler, TrainingCurves
    from deepcomposer_lab.techniques.transformers import Transformers
    from deepcomposer_lab.widgets.edit_scrubber import EditHistory, EditScrubber, Opinions, RollNote, Sound
    from deepcomposer_lab.widgets.metric_playground import MetricPlayground
    from deepcomposer_lab.widgets.training_monitor import TrainingMonitor

_FONT = "font-family: var(--jp-ui-font-family, sans-serif); font-size: var(--jp-ui-font-size1, 13px)"
_INK = "color: var(--jp-ui-font-color1, inherit)"

# -------------------------------------------------------------------------------- see


class Picture:
    """A piano roll with a sentence beneath; JupyterLab draws it when it ends a cell.

    Attributes
    ----------
    figure : plotly.graph_objects.Figure
        To change, or to save: `picture.figure.write_html("roll.html")`.
    sentences : tuple of str
        What stands beneath: the piece in numbers, what was changed, and what the last technique remarks.
    table : str
        The picture in words, for a terminal; "" where the sentences say it all.
    """

    def __init__(self, figure: Figure, sentences: Sequence[str], *, table: str = "", html: str = "") -> None:
        self.figure, self.sentences, self.table, self._html = figure, tuple(sentences), table, html

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, *filter(None, [self.table])])

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(_plotly_bundle(self.figure, self.sentences[0]), raw=True)
        display({"text/plain": repr(self), "text/html": _paragraphs(self.sentences) + self._html}, raw=True)


def show(*music: Composition | Melody, title: str | None = None) -> Picture:
    """Return a picture of the last piece and, with several, of what changed from the first to the last.

    Parameters
    ----------
    *music : Composition or Melody
        `show(composition)` draws one piece; `show(melody, composition)` marks added notes with a plus sign and
        removed ones with a dashed, struck outline.
    title : str, optional
        Instead of the last piece's own.

    Raises
    ------
    TypeError
        When an argument is not music, or the title no text.
    ValueError
        When there is no argument.
    """
    from deepcomposer_lab import plots

    if title is not None and not isinstance(title, str):
        raise TypeError(f"A title is a text; got {title!r}.")
    figure = plots.piano_roll(*music, title=title)
    pieces = [as_composition(piece) for piece in music]
    sentences = [_in_numbers(pieces[-1])]
    if len(pieces) > 1:
        sentences.append(str(plots.compare(pieces[0], pieces[-1])))
    if pieces[-1].steps:
        sentences += pieces[-1].steps[-1].remarks
    return Picture(figure, sentences)


def _plotly_bundle(figure: Figure, words: str) -> dict[str, Any]:
    """Return the output for JupyterLab's own plotly renderer: the figure alone, not 5 MB of plotly.js in each cell."""
    content = figure.to_plotly_json()
    # Not "responsive": the renderer follows the window by itself, and with it a change of theme folds the figure up.
    content["config"] = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
    return {"application/vnd.plotly.v1+json": _json_ready(content), "text/plain": words}


def _json_ready(content: dict[str, Any]) -> dict[str, Any]:
    import json

    from plotly.utils import PlotlyJSONEncoder

    return json.loads(json.dumps(content, cls=PlotlyJSONEncoder))


def _in_numbers(piece: Composition) -> str:
    notes = sum(len(track.notes) for track in piece.tracks)
    if notes == 0:
        return f"{piece.title}: no notes yet."
    tracks = sum(bool(track.notes) for track in piece.tracks)
    bars = len(piece.bars) - (piece.pickup > 0)
    metres = ", ".join(dict.fromkeys(str(metre) for metre in piece.metres))
    return (
        f"{piece.title}: {counted(notes, 'note')} in {counted(tracks, 'track')}, {counted(bars, 'bar')} of {metres}"
        f"{' after a pickup' if piece.pickup else ''}, {_clock(piece.seconds)}."
    )


# -------------------------------------------------------------------------------- hear

# Up to here as WAV: 0.7 MB in the notebook, and heard at once. Beyond, as Opus: an eighth of the size, for 25 ms of
# encoding a second of sound, most of which is won back because nothing is brought down to a lower sample rate.
_SHORT_SECONDS = 8
_LONG_SECONDS = 300  # as Opus, 3.1 MB in the notebook; what is longer is cut
_WAV_RATE = 32_000

# Saves what the player plays as a WAV file, in the browser: the notebook does not carry the piece a second time.
# Inside an event handler the bare name URL is the document's address, hence window.URL.
_DOWNLOAD_WAV = """
const figure = this.closest('figure'), audio = figure.querySelector('audio');
(async () => {
  let bytes = Uint8Array.from(atob(audio.src.split(',')[1]), (c) => c.charCodeAt(0));
  if (!audio.src.startsWith('data:audio/wav')) {
    const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes.buffer);
    const view = new DataView(new ArrayBuffer(44 + sound.length * 2));
    const word = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
    word(0, 'RIFF'); view.setUint32(4, 36 + sound.length * 2, true); word(8, 'WAVEfmt ');
    view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
    view.setUint32(24, 48000, true); view.setUint32(28, 96000, true);
    view.setUint16(32, 2, true); view.setUint16(34, 16, true);
    word(36, 'data'); view.setUint32(40, sound.length * 2, true);
    sound.getChannelData(0).forEach((x, i) =>
      view.setInt16(44 + i * 2, Math.max(-1, Math.min(1, x)) * 32767, true));
    bytes = view;
  }
  const link = document.createElement('a');
  link.href = window.URL.createObjectURL(new Blob([bytes], {type: 'audio/wav'}));
  link.download = figure.dataset.title + '.wav';
  link.click();
  setTimeout(() => window.URL.revokeObjectURL(link.href), 60000);
})();
"""


@dataclass(frozen=True, repr=False)
class AudioPlayer:
    """An audio element for a piece; a notebook shows it when it ends a cell.

    Parameters
    ----------
    title : str
    seconds : float
        How long the audio is.
    mime : str
        "audio/wav" or "audio/ogg".
    data : bytes
        The audio file.
    remark : str
        What a listener should know, or "".
    """

    title: str
    seconds: float
    mime: str
    data: bytes
    remark: str = ""

    def __repr__(self) -> str:
        return " ".join(filter(None, (f"{self.title}, {_clock(self.seconds)} of sound.", self.remark)))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self, *, starts: bool = False) -> str:
        title = escape(self.title)
        source = f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"
        label = f"{title}, {_clock(self.seconds)}"
        button = "font: inherit; min-height: 32px; padding: 0 12px; border-radius: 6px; cursor: pointer; "
        return (
            f'<figure role="group" aria-label="{label}" data-title="{title}" style="margin: 4px 0; {_FONT}; {_INK}">'
            f"<figcaption>{title} · {_clock(self.seconds)}</figcaption>"
            f'<div style="display: flex; gap: 8px; align-items: center; flex-wrap: wrap">'
            f'<audio controls{" autoplay" if starts else ""} preload="metadata" aria-label="Play {label}" '
            f'src="{source}"></audio>'
            f'<button type="button" aria-label="Download {title} as a WAV file" style="{button}{_INK}; '
            f'background: none; border: 1px solid currentColor" onclick="{escape(_DOWNLOAD_WAV.strip())}">'
            f"Download WAV</button></div>{_paragraphs([self.remark] if self.remark else [])}</figure>"
        )


def play(music: Composition | Melody) -> AudioPlayer:
    """Return a player for `music`: under 4 MB in the notebook, also for long pieces.

    Up to eight seconds are kept as WAV (mono, 32 kHz), more as Opus (mono), so that a notebook with many players stays
    small to open and to save; the button *Download WAV* gives a WAV of either. Silence of a bar or more before the
    first note is left out, and of what is longer than five minutes the first five are played; the player says so, and
    `dc.sound.to_wav(piece)` gives all of it.

    Raises
    ------
    TypeError
        When it is not music; the message names `read_midi`.
    ValueError
        When there is nothing to hear.
    """
    from deepcomposer_lab import sound

    piece, remarks = as_composition(music), []
    silent = _silent_beats(piece)
    if silent:
        remarks.append(f"Left out: {_clock(beats_to_seconds(piece.tempos, silent))} of silence before the first note.")
        piece = piece.trim(silent, piece.end)
    seconds = piece.seconds
    if seconds > _LONG_SECONDS:
        piece = piece.trim(0, _beat_at(piece, _LONG_SECONDS))
        remarks.append(f"These are the first {_clock(_LONG_SECONDS)} of {_clock(seconds)}.")
    if remarks:
        remarks.append("dc.sound.to_wav(piece) gives all of it.")
    is_short = seconds <= _SHORT_SECONDS
    audio, rate = sound.render(piece, sample_rate=_WAV_RATE if is_short else sound.SAMPLE_RATE)
    mono = sound.to_mono(audio)
    data = sound.encode_wav(mono, rate) if is_short else sound.encode_opus(mono, rate)
    return AudioPlayer(piece.title, len(mono) / rate, "audio/wav" if is_short else "audio/ogg", data, " ".join(remarks))


def _silent_beats(piece: Composition) -> float:
    """Return where the bar of the first note starts; 0 where less than a bar of silence comes before the note."""
    first = min((note.onset for note in piece.notes), default=0.0)
    if first < piece.metre_at(0).bar_beats:
        return 0.0
    return max(start for start in piece.bars if start <= first)


def _beat_at(piece: Composition, seconds: float) -> float:
    """Return the beat that sounds `seconds` after the start, by halving: tempo changes make it piecewise linear."""
    low, high = 0.0, piece.end
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if beats_to_seconds(piece.tempos, middle) < seconds else (low, middle)
    return high


# -------------------------------------------------------------------------------- compose

# public name -> (module, class, the model it uses unless told otherwise)
TECHNIQUES = {
    "ar-cnn": ("deepcomposer_lab.techniques.ar_cnn", "ARCNN", "autoregressive_cnn_bach"),
    "gan": ("deepcomposer_lab.techniques.gan", "GAN", "musegan_rock"),
    "transformers": ("deepcomposer_lab.techniques.transformers", "Transformers", "transformer_xl_classical"),
}

Progress = Callable[[int, int], None]


def compose(
    music: Composition | Melody,
    technique: str = "ar-cnn",
    *,
    model: str | None = None,
    save: bool = True,
    progress: Progress | None = None,
    **parameters: Any,
) -> Composition:
    """Compose with a technique, keep the result in the library, and return it.

    Parameters
    ----------
    music : Composition or Melody
        What to start from; a composition of an earlier run is as good as a melody.
    technique : str
        "ar-cnn", which edits what there is, "gan", which adds a band, or "transformers", which goes on where it ends.
    model : str, optional
        A trained model by name; the technique's own unless told otherwise.
    save : bool
        Whether to keep the result in the library, with its metrics and its parent.
    progress : callable (done, total), optional
        Called after every step; without it, a notebook shows a bar.
    **parameters
        The technique's own, under their public names, and `seed`; for "ar-cnn" also `keep_melody=True`,
        `locked=[Span(start, end)]`, `choir=True` and `avoid_parallels=False`, as `ARCNN.compose` tells; for "gan"
        `tracks=["drums", "bass"]`, `track_seeds={"drums": 5}`, `blend=(9, 0.5)`, `instruments={"bass": 32}`,
        `keep_tracks=False` and `key="G minor"`, as `GAN.compose` tells; for "transformers"
        `track_extension_duration=30`, `creative_risk=1.2` and more, as `Transformers.extend` tells.

    Raises
    ------
    TypeError
        When `music` is not music.
    ValueError
        When there is no such technique, or a parameter is unknown or out of range.
    """
    piece = as_composition(music)
    find_technique(technique)
    with _Status(piece.title, unit="second" if technique == "transformers" else "step") as status:
        loaded = _load_technique(technique, model or _own_model(technique))
        composition: Composition = loaded.compose(music, progress=progress or status.progress, **parameters)
        told = _kept_or_told(composition, piece) if save else ""
        did = "Extended" if technique == "transformers" else "Composed"
        status.finish(f"{did} “{composition.title}” with {technique}.", told)
    return composition


def find_technique(name: str) -> tuple[str, str, str]:
    """Return a technique's module, class and own model, without loading any of them.

    Raises
    ------
    TypeError, ValueError
        When `name` is no text, or no technique has it.
    """
    names = ", ".join(repr(known) for known in TECHNIQUES)
    if not isinstance(name, str):
        raise TypeError(f"A technique is named by a text such as {names}; got a {type(name).__name__}.")
    if name not in TECHNIQUES:
        raise ValueError(f"There is no technique {name!r}; there is {names}.")
    return TECHNIQUES[name]


def _own_model(technique: str) -> str:
    """Return the model a technique uses unless told otherwise: its own, or where that is not here, the first that is.

    Where there is none at all it is its own, and loading it says what is missing.
    """
    from deepcomposer_lab.models.registry import ModelError, find_card, list_models

    _, _, own = find_technique(technique)
    try:
        find_card(own)
    except ModelError:
        return next((card.name for card in list_models() if card.technique == technique and not card.is_snapshot), own)
    return own


@lru_cache(maxsize=4)
def _load_technique(technique: str, model: str) -> Any:
    module, name, _ = find_technique(technique)
    return getattr(importlib.import_module(module), name).from_pretrained(model)


def keep(composition: Composition, source: Composition | Melody) -> SavedComposition:
    """Save a composition in the library, with its metrics and, where `source` is in the library, its parent.

    Raises
    ------
    OSError
        When the library's folder cannot be written.
    """
    from deepcomposer_lab import library, metrics

    parent = library.id_of(as_composition(source))
    return library.save_composition(
        composition, parents=[] if parent is None else [parent], metrics=metrics.evaluate(composition).as_dict()
    )


def _kept_or_told(composition: Composition, source: Composition) -> str:
    """Save the composition and return a sentence about it; a folder that refuses costs the copy, not the music."""
    try:
        return f"Saved as {keep(composition, source).id}."
    except OSError as error:
        warnings.warn(f"The composition was not saved: {error}. It is still here as a value.", stacklevel=3)
        return "It was not saved."


class _Status:
    """What a notebook shows while something runs: a bar, then one sentence. Elsewhere it shows nothing.

    Plain HTML that is replaced in place: it needs no widget, and a saved notebook keeps the sentence alone.
    """

    _SECONDS_BETWEEN_UPDATES = 0.1

    def __init__(self, title: str, first: str = "Loading the model …", unit: str = "step") -> None:
        self.title, self.first, self.unit, self.handle, self.shown_at = title, first, unit, None, 0.0

    def __enter__(self) -> _Status:
        if _is_notebook():
            from IPython.display import display

            self.handle = display(self._bundle(self.first), raw=True, display_id=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.handle is not None and kind is not None:
            self.handle.update(self._bundle("Stopped before it was finished."), raw=True)

    def progress(self, done: int, total: int) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        if self.handle is None or (now - self.shown_at < self._SECONDS_BETWEEN_UPDATES and done < total):
            return
        self.shown_at = now
        bar = f'<progress max="{total}" value="{done}" aria-label="Composing"></progress> '
        self.handle.update(self._bundle(f"Composing: {self.unit} {done} of at most {total}", bar), raw=True)

    def finish(self, *sentences: str) -> None:
        """Replace the bar by sentences."""
        if self.handle is not None:
            self.handle.update(self._bundle(" ".join(filter(None, sentences))), raw=True)

    def _bundle(self, words: str, before: str = "") -> dict[str, str]:
        html = f'<div role="status" style="{_FONT}; {_INK}">{before}{escape(words)}</div>'
        return {"text/plain": words, "text/html": html}


# -------------------------------------------------------------------------------- watch it think


def show_edits(run: Any) -> EditScrubber:
    """Return a scrubber through the edits of a run: what stood after each, what the model thought, and its sound.

    A slider goes from 0, the input, to the last edit. Added notes grow in, removed ones fade; over the roll lies how
    right the model found every possible edit, filled cells for adding, crosses for removing. Keys: left and right
    arrow, page up and down (ten edits), home, end, space to play, H to hear what stands, escape to leave.

    Parameters
    ----------
    run : Session
        `bach.steps(melody, seed=7)`; one that has not been run to its end is, now, with a progress bar.

    Returns
    -------
    EditScrubber
        A widget; `.position` is the number of edits shown as made.

    Raises
    ------
    TypeError
        When it is no run.

    Lesson: notebooks/08_ar_cnn.ipynb.
    """
    from deepcomposer_lab import plots
    from deepcomposer_lab.widgets.edit_scrubber import EditScrubber

    if not hasattr(run, "edits") or not hasattr(run, "composition_at"):
        raise TypeError(
            f"show_edits goes through a run, such as bach.steps(melody, seed=7); got a {type(run).__name__}. "
            "Two pieces are compared by dc.show(melody, composition)."
        )
    result, history = _finished_and_read(run)
    added = sum(edit.adds for edit in history.edits)
    summary = (
        f"{run.input.title}: {counted(len(history.edits), 'edit')} (seed {run.seed}), "
        f"{added} added and {len(history.edits) - added} removed a note."
    )
    still = plots.still(run.input, result)
    return EditScrubber(history, hear=lambda edits: _sound_after(run, edits), still=still, summary=summary)


_MANY_EDITS = 300  # to read more of them takes about a second, and a learner should see that something happens


def _finished_and_read(run: Any) -> tuple[Composition, EditHistory]:
    """Run to the end what is not there yet, and return the result and what the scrubber shows; say so if it takes."""
    if _is_at_its_end(run) and len(run.edits) <= _MANY_EDITS:
        return _read(run)
    with _Status(run.input.title, "Composing …") as status:
        if not _is_at_its_end(run):
            for _ in run:
                status.progress(len(run.edits), run.iterations)
        status.finish(f"Drawing {counted(len(run.edits), 'edit')} …")
        read = _read(run)
        status.finish(f"The model made {counted(len(run.edits), 'edit')}.")
    return read


def _is_at_its_end(run: Any) -> bool:
    return run.finished or len(run.edits) >= run.iterations


def _read(run: Any) -> tuple[Composition, EditHistory]:
    from deepcomposer_lab import plots

    result = run.composition()
    return result, _edit_history(run, plots.Ruler(run.input, max(run.input.end, result.end)))


def _edit_history(run: Any, ruler: Ruler) -> EditHistory:
    """Translate a run into what the scrubber shows."""
    from deepcomposer_lab.widgets.edit_scrubber import EditHistory, ShownEdit

    piece: Composition = run.input
    notes, touched = _notes_by_edit(piece, run.edits)
    # Edits drawn from one look share its map: each map is read once. The run keeps them all, so no id comes twice.
    looks = {id(edit.map): edit.map for edit in run.edits}
    opinions = {name: _opinions(probabilities) for name, probabilities in looks.items()}
    edits = [
        ShownEdit(
            adds=edit.kind == "add",
            note=index,
            right=right,
            words=f"{_edit_in_words(edit, ruler, 'drawn with ', by_rule=edit.by_rule)}.",
            runner_up=_beside_the_edit(edit, right, ruler),
            opinions=opinions[id(edit.map)],
        )
        for edit, index, right in zip(run.edits, touched, _found_right(run), strict=True)
    ]
    drums = " The drums sound along and are not edited." if any(t.is_drum and t.notes for t in piece.tracks) else ""
    count = sum(len(track.notes) for track in piece.tracks if not track.is_drum)
    return EditHistory(
        title=piece.title,
        tracks=[track.name for track in piece.tracks],
        notes=notes,
        edits=edits,
        bars=list(zip(ruler.starts, range(ruler.first_number, ruler.first_number + len(ruler.starts)), strict=True)),
        beats=ruler.beats(),
        end=ruler.end,
        step_beats=1 / run.edits[0].map.steps_per_beat if run.edits else 0.25,
        start=f"The input, before any edit: {counted(count, 'note')}.{drums}",
        ending=(
            "After this the model found nothing left to mend."
            if run.finished
            else "This was the last of the sampling iterations."
        ),
    )


def _notes_by_edit(piece: Composition, edits: Sequence[Any]) -> tuple[list[RollNote], list[int]]:
    """Return every pitched note that ever stood, with the edits between which it did, and the note of each edit.

    A note of the input that is removed and comes back is two notes here, one after the other.
    """
    from collections import defaultdict

    from deepcomposer_lab.widgets.edit_scrubber import RollNote

    tracks = [(index, track) for index, track in enumerate(piece.tracks) if not track.is_drum]
    notes = [RollNote(note, index) for index, track in tracks for note in track.notes]
    alike = defaultdict(list)  # (note, whether it is of the input) -> where in `notes` it is, in ascending order
    for index, known in enumerate(notes):
        alike[known.note, True].append(index)
    touched = []
    for number, edit in enumerate(edits, start=1):
        same = alike[edit.note, edit.from_input]
        if edit.kind == "add":
            notes.append(RollNote(edit.note, notes[same[-1]].track if edit.from_input else None, came=number))
            same.append(len(notes) - 1)
            touched.append(len(notes) - 1)
        else:
            standing = [index for index in same if notes[index].went is None][-1]
            notes[standing] = replace(notes[standing], went=number)
            touched.append(standing)
    return notes, touched


def _edit_in_words(edit: Any, ruler: Ruler, share: str = "", *, by_rule: bool = False) -> str:
    """Return "add G4 (1 beat) at bar 3, beat 2 of 4, 12 %"; the figure is its share among all possible edits.

    What a rule took out was not drawn, and has no share.
    """
    from deepcomposer_lab.plots import percent

    if edit.note is None:
        return f"stop, {percent(edit.probability)}"
    length = f"{edit.note.duration:.2f}".rstrip("0").rstrip(".")
    lasting = f"{length} beat{'' if length == '1' else 's'}"
    place = ruler.describe(edit.note.onset)
    why = "by the rule against parallels" if by_rule else f"{share}{percent(edit.probability)}"
    return f"{edit.kind} {edit.note.name} ({lasting}) at {place}, {why}"


def _beside_the_edit(edit: Any, right: float, ruler: Ruler) -> str:
    from deepcomposer_lab.plots import percent

    sure = f"By itself the model found it right with {percent(right)}."
    return sure if edit.runner_up is None else f"{sure} Runner-up: {_edit_in_words(edit.runner_up, ruler)}."


def _found_right(run: Any) -> list[float]:
    """Return P(right) of every edit, as the network thought when it was drawn."""
    found = []
    for edit in run.edits:
        step, pitch, _ = run.grid.place(edit.note)
        row = int(run.technique.encoding.row(pitch))
        cell = row * edit.map.steps + min(step, edit.map.steps - 1)
        found.append(float(edit.map.values[edit.map.cells == cell].sum()))  # a cell that is not kept counts as 0
    return found


def _opinions(probabilities: Any) -> Opinions:
    import numpy as np

    from deepcomposer_lab.widgets.edit_scrubber import Opinions

    rows, steps = np.divmod(probabilities.cells, probabilities.steps)
    return Opinions(
        beats=(steps - probabilities.lead) / probabilities.steps_per_beat,
        pitches=rows + probabilities.lowest_pitch,
        probabilities=probabilities.values,
        removes=np.isin(probabilities.cells, probabilities.started),
    )


def _sound_after(run: Any, edits: int) -> Sound:
    """Render what stood after some edits, with the seconds at which its beats sound."""
    from deepcomposer_lab.widgets.edit_scrubber import Sound

    piece = run.composition_at(edits)
    player = play(piece)
    start = _silent_beats(piece)
    before = beats_to_seconds(piece.tempos, start)
    knots = [start, *(tempo.onset for tempo in piece.tempos if start < tempo.onset < piece.end), piece.end]
    clock = [(beats_to_seconds(piece.tempos, beat) - before, beat) for beat in knots]
    return Sound(player.mime, player.data, clock, player.remark)


def explain(music: Composition | Melody, model: str = "autoregressive_cnn_bach") -> Picture:
    """Return a picture of how out of place a model finds every note, and of what it would rather hear.

    Notes are coloured from grey (fits) to red (out of place); the three most doubted have a numbered triangle. A
    hollow purple note is what the model would rather hear, once the doubted note is gone. Hovering tells the figures.

    Parameters
    ----------
    music : Composition or Melody
    model : str
        An AR-CNN model by name.

    Raises
    ------
    TypeError
        When `music` is not music.
    ValueError
        When there is no pitched note, or no such model.

    Lesson: notebooks/08_ar_cnn.ipynb.
    """
    from deepcomposer_lab import plots

    piece = as_composition(music)
    opinions = _load_technique("ar-cnn", model).opinions(piece)
    sentences = [_doubts_in_words(piece, opinions)]
    if any(track.is_drum and track.notes for track in piece.tracks):
        sentences.append("The drums are not judged.")
    return Picture(plots.doubts(piece, opinions), sentences)


def _doubts_in_words(piece: Composition, opinions: Sequence[Any]) -> str:
    """Name the three most doubted notes in a sentence."""
    from deepcomposer_lab import plots

    ruler = plots.Ruler(piece, piece.end)
    doubted = plots.most_doubted(opinions)
    if not doubted:
        highest = max(opinions, key=lambda opinion: opinion.doubt)
        return f"The model finds every note in place; it doubts most {plots.opinion_in_words(highest, ruler)}."
    told = "; ".join(
        f"({place}) {plots.opinion_in_words(opinion, ruler).replace('; ', ', ')}"
        for place, opinion in enumerate(doubted, start=1)
    )
    return f"Most out of place: {told}."


def show_features(music: Composition | Melody, bar: int = 0, model: str = "autoregressive_cnn_bach") -> Picture:
    """Return a picture of a model's U-Net from inside, for one bar, and of what its skip connections carry.

    On the left the most active feature maps of every level on the way down, in the middle those on the way up, on the
    right the same with the skip connections cut; beneath, where the model would add a note, with them and without.

    Parameters
    ----------
    music : Composition or Melody
    bar : int
        Counted from 0, as in `Composition.bars`.
    model : str
        An AR-CNN model by name.

    Raises
    ------
    TypeError
        When `music` is not music.
    ValueError
        When there is no such bar, no pitched note, or no such model.

    Lesson: notebooks/08_ar_cnn.ipynb.
    """
    from deepcomposer_lab import plots

    piece = as_composition(music)
    technique = _load_technique("ar-cnn", model)
    whole, cut = (technique.feature_maps(piece, bar=bar, skips=skips) for skips in (True, False))
    notes = _notes_in_cells(piece, technique.encoding, whole[-1].beats)
    answers = tuple(_add_probabilities(technique, maps[-1], notes) for maps in (whole, cut))
    correlation, stay = plots.answer_change(*answers)
    ruler = plots.Ruler(piece, piece.end)
    number = bar + ruler.first_number
    title = f"{piece.title}, bar {number}: the U-Net from inside"
    lowest = technique.encoding.lowest_pitch
    figure = plots.feature_maps(whole, cut, answers, notes, lowest_pitch=lowest, title=title)
    return Picture(
        figure,
        [
            f"With the skip connections cut, {stay} of the 20 likeliest additions in bar {number} stay; "
            f"the correlation of the two answers is {correlation:.2f} (1 would be no change)."
        ],
    )


def _notes_in_cells(piece: Composition, encoding: Any, beats: tuple[float, float]) -> list[tuple[int, int, int]]:
    """Return the pitched notes that sound in a stretch: first step within it, row, and the step where they end."""
    per_beat = encoding.steps_per_beat
    width = round((beats[1] - beats[0]) * per_beat)
    cells = []
    for note in (note for track in piece.tracks if not track.is_drum for note in track.notes):
        first, end = (round((beat - beats[0]) * per_beat) for beat in (note.onset, note.offset))
        if first < width and end > 0:
            cells.append((max(0, first), int(encoding.row(note.pitch)), min(width, end)))
    return cells


def _add_probabilities(technique: Any, finest: Any, notes: Sequence[tuple[int, int, int]]) -> Any:
    """Return P(adding a note is right) from the finest level's features, float32, shape (pitches, steps).

    The network's edit head is a 1 × 1 convolution: it reads each cell by itself, so a bar's features are enough. Where
    a note starts there is nothing to add.
    """
    import torch

    network = technique.network
    with torch.inference_mode():
        logits = network.unfold_time(network.edit_head(torch.from_numpy(finest.values)[None]))
        added = torch.sigmoid(logits[0, 0]).float().numpy()
    for first, row, _ in notes:
        added[row, first] = 0
    return added


_BARS_EXPLAINED, _NOTES_EXPLAINED = 8, 100


def explain_tokens(music: Composition | Melody, encoding: str = "beat") -> Picture:
    """Return a picture of music with the tokens that tell it beneath: those of a note in its colour, with its number.

    Parameters
    ----------
    music : Composition or Melody
        Of a longer piece the first eight bars are shown, or as many as have a hundred notes; what is counted is all
        of it.
    encoding : {"beat", "performance"}
        How it is written down: on a grid of beats, a pitch and a duration a note; or as it is played, with a key that
        goes down and a key that comes up.

    Returns
    -------
    Picture
        Its `table` has the tokens in plain text.

    Raises
    ------
    TypeError
        When `music` is not music.
    ValueError
        When there is no pitched note, or no such encoding.

    Lesson: notebooks/09_transformers.ipynb.
    """
    from deepcomposer_lab import plots, plots_transformers
    from deepcomposer_lab.encoding.explanation import explain_beat_tokens, explain_performance
    from deepcomposer_lab.music.checks import shown

    explained = {"beat": explain_beat_tokens, "performance": explain_performance}
    if not isinstance(encoding, str) or encoding not in explained:
        raise ValueError(f'encoding is "beat" or "performance"; got {shown(encoding)}.')
    piece = as_composition(music)
    pitched = _check_pitched(piece, "there are no tokens to explain")
    bars = _bars_explained(piece)
    told = explained[encoding](piece, bars=bars)
    if not told.notes:
        raise ValueError(f"{piece.title!r} has no note from A0 to C8, the keys of a piano, which a performance tells.")
    way = {"beat": "On the grid of beats", "performance": "As a performance"}[encoding]
    sentences = [
        f"{way} {piece.title} has {counted(told.token_count, 'token')} for {counted(told.note_count, 'note')}: "
        f"{told.tokens_a_note:.1f} tokens a note, from a vocabulary of {told.vocabulary}."
    ]
    if not told.whole:
        sentences.append(
            f"Shown {'is' if bars == 1 else 'are'} the first {'bar' if bars == 1 else f'{bars} bars'}: "
            f"{counted(len(told.tokens), 'token')} for {counted(len(told.notes), 'note')}."
        )
    if told.note_count < pitched:
        sentences.append(f"{counted(pitched - told.note_count, 'note')} more cannot be told in these tokens.")
    if any(track.is_drum and track.notes for track in piece.tracks):
        sentences.append("The drums have no tokens.")
    first_bar = plots.Ruler(piece, piece.end).first_number
    chips = plots_transformers.token_chips(told.tokens, first_bar=first_bar)
    return Picture(
        plots_transformers.numbered_notes(piece, told.notes),
        sentences,
        table=plots_transformers.token_table(told.tokens, told.notes),
        html=f'<div style="margin: 8px 0; {_FONT}; {_INK}">{chips}</div>',
    )


def _bars_explained(piece: Composition) -> int:
    """Return how many bars are explained, a pickup not counted: fewer of a piece with many notes."""
    onsets = sorted(note.onset for track in piece.tracks if not track.is_drum for note in track.notes)
    starts = piece.bars[piece.pickup > 0 :]
    bars = min(_BARS_EXPLAINED, len(starts))
    ends = [*starts[1:], piece.end]
    while bars > 1 and bisect_left(onsets, ends[bars - 1]) > _NOTES_EXPLAINED:
        bars -= 1
    return max(1, bars)


def show_attention(
    music: Composition | Melody,
    note: int = -1,
    layer: int | None = None,
    head: int | None = None,
    model: Transformers | str = "transformer_xl_classical",
) -> Picture:
    """Return a picture of which earlier notes a Transformer looks at when it chooses the pitch of a note.

    An arc leads to every note that is looked at, the wider the more. Two menus in the figure choose the layer and the
    head; a dashed line shows how far memory reaches.

    Parameters
    ----------
    music : Composition or Melody
    note : int
        Which note of all pitched ones: by onset, then track, then from the highest down; −1 is the last.
    layer, head : int, optional
        What is shown at first, counted from 1; without a head the mean of the layer's, without a layer that of all.
    model : Transformers or str

    Raises
    ------
    TypeError
        When `music` is not music, or `model` no model of this technique.
    ValueError
        When there is no such note, layer, head or model, or a head is asked for without its layer.

    Lesson: notebooks/09_transformers.ipynb.
    """
    from deepcomposer_lab import plots_transformers

    piece = as_composition(music)
    _check_pitched(piece, "there is nothing to look at")
    attention = _transformers(model).attention(piece, note=note)
    layers, heads = attention.other.shape
    _check_counted("layer", layer, layers)
    _check_counted("head", head, heads)
    if head is not None and layer is None:
        raise ValueError(f"A head belongs to a layer: say which, as in show_attention(music, layer=1, head={head}).")
    return Picture(
        plots_transformers.attention_arcs(piece, attention, layer=layer, head=head),
        plots_transformers.attention_in_words(piece, attention, layer=layer, head=head),
    )


def show_next_tokens(
    music: Composition | Melody,
    kind: str | None = "Pitch",
    *,
    most: int = 12,
    model: Transformers | str = "transformer_xl_classical",
    **parameters: Any,
) -> Picture:
    """Return a picture of what may come next: to the model, after temperature, and after the unlikely were dropped.

    Parameters
    ----------
    music : Composition or Melody
    kind : {"Pitch", "Duration", "Position", "Part", "Bar"}, optional
        The likeliest tokens are taken until one of that kind is next; None for whatever comes first.
    most : int
        How many tokens are shown, the likeliest; the others are one bar together.
    model : Transformers or str
    **parameters
        As `Transformers.extend` takes them: `creative_risk=1.5`, `sampling_technique="top_k"`,
        `sampling_threshold=0.02`.

    Returns
    -------
    Picture
        Its `table` has the figures in plain text.

    Raises
    ------
    TypeError
        When `music` is not music, or `model` no model of this technique.
    ValueError
        When there is no pitched note, no such kind, or a parameter is unknown or out of range.

    Lesson: notebooks/09_transformers.ipynb.
    """
    from deepcomposer_lab import plots_transformers
    from deepcomposer_lab.music.checks import checked_whole

    piece = as_composition(music)
    if checked_whole(most, "most") < 1:
        raise ValueError(f"most is how many tokens are shown, 1 or more; got {most}.")
    technique = _transformers(model)
    every = technique.next_tokens(piece, kind=kind, most=technique.encoding.size, **parameters)
    columns = (every.model, every.tempered, every.kept)
    shown = replace(
        every,
        words=every.words[:most],
        tokens=every.tokens[:most],
        model=every.model[:most],
        tempered=every.tempered[:most],
        kept=every.kept[:most],
    )
    values = {parameter.name: parameter.default for parameter in technique.parameters} | parameters
    kept = sum(share > 0 for share in every.kept)
    cut = _cut_in_words(values["sampling_technique"], values["sampling_threshold"])
    what = "token" if kind is None else kind.lower()
    risk = f"Creative risk (temperature) {values['creative_risk']:g}"
    sentence = f"{risk}; {cut} keeps {kept} of {counted(len(every.words), 'token')}"
    likeliest = f"The model finds {every.words[0]} likeliest"
    return Picture(
        plots_transformers.next_tokens(
            shown,
            [sum(column[most:]) for column in columns],
            others=max(0, len(every.words) - most),
            title=f"{piece.title}: the next {what}",
            subtitle=sentence,
        ),
        [f"{likeliest}. {sentence}."],
        table=plots_transformers.next_token_table(shown),
    )


def _cut_in_words(sampling_technique: str, sampling_threshold: float) -> str:
    if sampling_technique == "random":
        return "random"
    return f"{sampling_technique.replace('_', '-')} {sampling_threshold:g}"


def _transformers(model: Transformers | str) -> Transformers:
    """Return the technique with a model, which is loaded once where it is named."""
    from deepcomposer_lab.techniques.transformers import Transformers

    if isinstance(model, Transformers):
        return model
    if not isinstance(model, str):
        raise TypeError(
            'model is a name such as "transformer_xl_classical", or what dc.Transformers.from_pretrained gives; got a '
            f"{type(model).__name__}."
        )
    loaded: Transformers = _load_technique("transformers", model)
    return loaded


def _check_pitched(piece: Composition, so: str) -> int:
    """Return how many pitched notes there are; raise a ValueError where there are none."""
    count = sum(len(track.notes) for track in piece.tracks if not track.is_drum)
    if count == 0:
        drums = "drums alone" if piece.notes else "no notes"
        raise ValueError(f"{piece.title!r} has {drums}, so {so}. Play or choose a melody first.")
    return count


def _check_counted(what: str, value: int | None, count: int) -> None:
    from deepcomposer_lab.music.checks import shown

    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= count:
        raise ValueError(f"{what} is a whole number from 1 to {count}, or None for the mean; got {shown(value)}.")


# -------------------------------------------------------------------------------- train

_EXTENDED_MELODIES, _EXTENDED_SEED = ("ode_to_joy", "frere_jacques"), 7  # in no dataset, as those of the GANs

_trainings: weakref.WeakValueDictionary[str, Training] = weakref.WeakValueDictionary()  # the latest of each recipe


def train(
    recipe: Recipe | str,
    *,
    songs: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    start: bool = True,
) -> Training:
    """Train a network in the background, and return at once; `run.monitor` shows it and holds it.

    Running the cell again stops the earlier training of that recipe first.

    Parameters
    ----------
    recipe : Recipe or str
        `dc.recipes.AR_CNN_TINY`, one changed by `.replace(epochs=2)`, or a recipe's name.
    songs : optional
        What a GAN learns from; the recipe's dataset by default.
    checkpoint : path, optional
        A file in which the state is kept; a training that finds its own goes on from it.
    start : bool
        Without, it waits, ready to be stepped: `run.step("discriminator")`, `run.start()`.

    Returns
    -------
    Training
        `.pause()`, `.resume()`, `.step()`, `.stop()`, `.wait()`, `.score(piece)`, `.save(name)`, `.status`,
        `.progress`, `.history`, `.monitor`.

    Raises
    ------
    TypeError
        When `recipe` is no recipe.
    ValueError
        When there is no such recipe, or no trainer knows it.
    RunError
        When another training runs: one at a time.

    Lesson: notebooks/05_gans.ipynb.
    """
    from deepcomposer_lab import training

    if isinstance(recipe, str):
        recipe = get_recipe(recipe)
    if not isinstance(recipe, Recipe):
        raise TypeError(f"train takes a recipe such as dc.recipes.AR_CNN_TINY; got a {type(recipe).__name__}.")
    training.check_recipe(recipe)
    if songs is not None and recipe.technique != "gan":
        raise ValueError(f"songs are for GANs; the recipe {recipe.name} learns from its dataset, {recipe.dataset}.")
    path = None if checkpoint is None else Path(checkpoint)
    earlier = _trainings.get(recipe.name)
    remark = ""
    if earlier is not None and earlier.progress is not None and earlier.state in ("running", "paused"):
        remark = f"The earlier training of {recipe.name} was stopped at update {earlier.progress.step:,}."
    if earlier is not None:
        earlier.stop()
    run = Training(recipe, lambda: _heard(training.train(recipe, songs=songs, checkpoint=path)), checkpoint=path)
    run.remark = remark
    if start:
        run.start()
    else:
        run.prepare()
    _trainings[recipe.name] = run
    return run


def _heard(trainer: Any) -> Any:
    """Return a trainer, listened to where it does not make music by itself."""
    if hasattr(trainer, "listen"):
        trainer.listen(_extended_samples)
    return trainer


def _extended_samples(model: Model) -> dict[str, Composition]:
    """Return what a Transformer makes of the melodies that a training lets one hear; what is new is a track."""
    from deepcomposer_lab.music.composition import Track
    from deepcomposer_lab.music.samples import sample_melody
    from deepcomposer_lab.techniques.transformers import Transformers

    made = {}
    for melody in map(sample_melody, _EXTENDED_MELODIES):
        piece = Transformers(model).extend(melody, seed=_EXTENDED_SEED)
        [track] = piece.tracks
        new = track.notes[len(melody.notes) :]
        tracks = [Track(melody.notes, "Melody", track.program), Track(new, "Extension", track.program)]
        made[melody.title] = piece.with_tracks(tracks)
    return made


def stop_training() -> Training | None:
    """Stop the training that runs, whatever name it had in the notebook, and return it; None where none runs."""
    run = running()
    if run is not None:
        run.stop()
    return run if isinstance(run, Training) else None


class Training(TrainingRun):
    """A training that runs in the background, with a monitor.

    Parameters
    ----------
    recipe : Recipe
    trainer : Trainer, or callable () -> Trainer
    checkpoint : Path, optional
    """

    def __init__(self, recipe: Recipe, trainer: Any, *, checkpoint: Path | None = None) -> None:
        super().__init__(trainer, name=recipe.name, checkpoint=checkpoint)
        self.recipe = recipe

    @cached_property
    def monitor(self) -> TrainingMonitor:
        """Play, pause, single steps, stop, curves, the music of every epoch, and saving: ends a cell to be shown."""
        from deepcomposer_lab import plots
        from deepcomposer_lab.widgets.training_monitor import TrainingMonitor

        def picture(piece: Composition, among: Sequence[Composition]) -> str:
            marks = "".join(
                f'<span><span style="color: {colour}">{shape}</span> {escape(name)}</span>'
                for shape, colour, name in plots.track_marks(piece)
            )
            # What an untrained Transformer plays goes over all octaves; on that range nothing else could be seen.
            sketch = plots.sketch(piece, among if self.has_discriminator else [piece])
            return f'<div class="dc-monitor-tracks">{marks}</div>{sketch}'

        return TrainingMonitor(
            self,
            curves=_LivingCurves(self),
            picture=picture,
            hear=lambda piece: play(piece)._html(starts=True),
            found=self._found,
            suggestion=f"my_{self.name.removesuffix('_tiny')}",
        )

    def _found(self, card: Any) -> str:
        _, name, _ = TECHNIQUES.get(self.recipe.technique, ("", "", ""))
        how = f'dc.{name}.from_pretrained("{card.name}")' if name else f'dc.load_model("{card.name}")'
        return f"Saved as {card.name}, version {card.version}: {how} finds it."


class _LivingCurves:
    """Keeps the monitor's figure up to date; makes it when it is known what there is to draw."""

    _SCORES = "Discriminator's score"

    def __init__(self, run: TrainingRun) -> None:
        # Seconds at the first time, and the cell waits for them; later the curves' own thread would, and stand still.
        import plotly.basewidget  # noqa: F401

        self.run = run
        self.curves: TrainingCurves | None = None
        self.kind: tuple[bool, tuple[str, ...]] | None = None

    def __call__(self) -> Any:
        from deepcomposer_lab import plots

        run = self.run
        if run.trainer is None:
            return None
        history, progress, two = run.history, run.progress, run.has_discriminator
        band = dict(run.band)
        measured = [name for name in history.metrics if "." not in name]  # those of one kind of piece are left out
        metrics = tuple(band or measured)[:5]
        if self.kind != (two, metrics):
            self.kind = (two, metrics)
            charts: dict[str, Sequence[str]] = {
                "Losses": ("discriminator", "generator"),
                self._SCORES: ("real", "generated"),
            }
            self.curves = plots.TrainingCurves(charts if two else {"Loss": ("loss",)}, metrics, band)
        assert self.curves is not None
        end = 1.0
        if progress and progress.step:
            end = progress.epoch * progress.total_steps / progress.step
            while end / 2 > 1.2 * progress.epoch > 0:  # early on a part of the way, or all would be in one corner
                end /= 2
        losses = dict(history.losses)
        drawn: dict[str, Any] = {"Losses": losses, "Loss": losses, self._SCORES: history.scores, "": history.metrics}
        self.curves.draw(drawn, round(end, 2))
        return self.curves.widget


# -------------------------------------------------------------------------------- measure


_PLAYGROUND_DATA = ("bach_chorales", "rock+rock_arranged", "pop", "jazz", "string_quartets", "classical")


def metric_playground(bars: int = 2, music: Melody | Composition | None = None) -> MetricPlayground:
    """Return a grid to paint a few bars in, with the five metrics beside it, each with the band of real music.

    Its public name is `dc.MetricPlayground`, as it stands beside the other widgets.

    Parameters
    ----------
    bars : int
        1–4.
    music : Melody or Composition, optional
        What is painted at first: what of it lies in the grid, C4 to C5 and three drums.

    Raises
    ------
    ValueError
        When there are not 1–4 bars.

    Lesson: notebooks/07_metrics.ipynb.
    """
    from deepcomposer_lab.metric_bands import bands, rows
    from deepcomposer_lab.widgets.metric_playground import MetricPlayground

    return MetricPlayground(
        lambda piece, data: rows(piece, key=(0, 0), data=data),
        bars=bars,
        music=music,
        datasets=[(name, bands()[name]["plural"]) for name in _PLAYGROUND_DATA if name in bands()],
    )


# -------------------------------------------------------------------------------- export

EXPORT_STEPS_PER_BEAT = 24  # pypianoroll's own resolution: sixteenths, triplets and thirty-seconds all fall on a step


def _midi(composition: Composition) -> bytes:
    from deepcomposer_lab.music.midi import write_midi

    return write_midi(composition)


def _wav(composition: Composition) -> bytes:
    from deepcomposer_lab.sound import to_wav

    return to_wav(composition)


def _opus(composition: Composition) -> bytes:
    from deepcomposer_lab.sound import to_opus

    return to_opus(composition)


def _musicxml(composition: Composition) -> bytes:
    from deepcomposer_lab.music.musicxml import to_musicxml

    return to_musicxml(composition)


def _npz(composition: Composition) -> bytes:
    from deepcomposer_lab.music.pianoroll import PianoRoll

    return PianoRoll.from_composition(composition, steps_per_beat=EXPORT_STEPS_PER_BEAT).to_npz()


WRITERS: dict[str, Callable[[Composition], bytes]] = {
    ".mid": _midi,
    ".wav": _wav,
    ".opus": _opus,
    ".musicxml": _musicxml,
    ".npz": _npz,
}


def export(music: Composition | Melody | SavedComposition | str, path: str | os.PathLike[str]) -> Path:
    """Write music to a file, whole or not at all; the name's ending says as what.

    Parameters
    ----------
    music : Composition, Melody, SavedComposition or str
        A piece, or one that the library keeps, as a line of `list_compositions()` or by its id.
    path : path
        Ending in .mid (notes, for any music program), .wav or .opus (sound), .musicxml (a score) or .npz (a piano
        roll in pypianoroll's format, 24 steps a beat). A file that exists is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        When `music` is not music, or `path` no path.
    ValueError
        When the ending is another one, the folder does not exist, or there is nothing to hear in what becomes sound;
        LibraryError when the library does not hold an id.
    OSError
        When the file cannot be written.
    """
    from deepcomposer_lab import library
    from deepcomposer_lab.music.files import write_atomically

    target = checked_export_path(path)
    if isinstance(music, str | library.SavedComposition):
        music = library.open_composition(music)
    write_atomically(target, WRITERS[target.suffix.lower()](as_composition(music)))
    return target


def checked_export_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a Path that `export` can write; nothing is written yet.

    Raises
    ------
    TypeError, ValueError
        As `export`.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f'The output is named by a path such as "out.wav"; got a {type(path).__name__}.')
    target = Path(path)
    if target.suffix.lower() not in WRITERS:
        raise ValueError(f"The output {str(target)!r} ends in none of {', '.join(WRITERS)}.")
    check_writable(target)
    return target


def check_writable(path: Path) -> None:
    """Raise a ValueError, one sentence, where a file cannot be written at `path`."""
    if path.is_dir():
        raise ValueError(f"The output {str(path)!r} is a folder; give a file's name.")
    if not path.parent.is_dir():
        raise ValueError(f"The folder of the output {str(path)!r} does not exist; make it first.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"The output {str(path)!r} may not be written; choose another place.")


# -------------------------------------------------------------------------------- the set-up


class SetupReport:
    """What the doctor found, one line a check.

    Attributes
    ----------
    checks : tuple of Check
        Each with `name`, `ok` and `sentence`.
    """

    def __init__(self, checks: Iterable[Check]) -> None:
        self.checks = tuple(checks)

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    @property
    def verdict(self) -> str:
        """All checks in one sentence."""
        failed = [check.name for check in self.checks if not check.ok]
        return f"To be looked at: {', '.join(failed)}." if failed else "Everything is ready."

    def __repr__(self) -> str:
        return "\n".join([*(str(check) for check in self.checks), self.verdict])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows = "".join(
            f"<li>{'✓' if check.ok else '✗ not ready:'} <b>{escape(check.name)}</b>: {escape(check.sentence)}</li>"
            for check in self.checks
        )
        html = (
            f'<div style="{_FONT}; {_INK}"><ul style="list-style: none; margin: 0; padding: 0">{rows}</ul>'
            f"{_paragraphs([self.verdict])}</div>"
        )
        return {"text/plain": repr(self), "text/html": html}


def check_setup() -> SetupReport:
    """Look whether everything that composing needs is there, and return one line a check; nothing is raised."""
    from deepcomposer_lab import doctor

    return SetupReport(doctor.checks())


# -------------------------------------------------------------------------------- small pieces


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 1e-3), 60)
    return f"{minutes}:{rest:02d}"


def counted(number: int, noun: str) -> str:
    """Return "1 note", "2 notes"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f'<p style="margin: 4px 0; {_FONT}; {_INK}">{escape(sentence)}</p>' for sentence in sentences)


def _shell() -> Any:
    """Return IPython's shell, or None outside it; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _is_notebook() -> bool:
    return hasattr(_shell(), "kernel")


def _draw_value(music: Composition | Melody, include: object = None, exclude: object = None) -> dict[str, Any]:
    from deepcomposer_lab import plots

    return _plotly_bundle(plots.piano_roll(music), _in_numbers(as_composition(music)))


def _teach_ipython() -> None:
    """Let a Melody or Composition that ends a cell be drawn."""
    shell = _shell()
    if shell is not None:
        for kind in (Melody, Composition):
            shell.display_formatter.mimebundle_formatter.for_type(kind, _draw_value)


_teach_ipython()
