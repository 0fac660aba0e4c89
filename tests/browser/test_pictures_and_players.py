"""What `show` and `play` put into a notebook, looked at in JupyterLab: on its light ground and on its dark one."""

import io
import wave
from collections import Counter

import numpy as np
import pytest
from lab_page import choose_theme, run_all
from PIL import Image

from deepcomposer_lab.plots import DRUM_COLOUR, TRACK_COLOURS

NOTEBOOK = "notebooks/pictures.ipynb"
COLOURS = {name: tuple(bytes.fromhex(name[1:])) for name in (*TRACK_COLOURS, DRUM_COLOUR)}
GROUNDS = {"Light": (255, 255, 255), "Dark": (17, 17, 17)}

CELLS = (
    "import deepcomposer_lab as dc",
    # Five pitched tracks and drums, each a few long notes; the melody has lost one.
    "melody = dc.Melody([dc.Note(0, 84, 4), dc.Note(4, 86, 4)], title='Six tracks')\n"
    "tracks = [dc.Track([dc.Note(4 * k, 40 + 7 * i, 4) for k in range(4)], f'Track {i}') for i in range(5)]\n"
    "drums = dc.Track([dc.Note(2 * k, 38, 2) for k in range(8)], 'Drums', is_drum=True)\n"
    "piece = dc.Composition([*tracks, drums], title='Six tracks')\n"
    "dc.show(piece)",
    "dc.show(melody, piece.with_tracks([dc.Track(melody.notes[1:], 'Melody'), *piece.tracks[1:]]))",
    "dc.play(melody)",
    "dc.play(dc.Melody([dc.Note(i, 60 + i % 5, 1) for i in range(70)], title='A longer one'))",
)


@pytest.fixture
def opened(server, page):
    """The notebook above, run to its end."""
    page.set_viewport_size({"width": 1280, "height": 3600})
    server.open_cells(page, NOTEBOOK, CELLS)
    run_all(page)
    page.wait_for_function("document.querySelectorAll('figure audio').length === 2", timeout=120_000)
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .bars path').length > 40", timeout=60_000)
    return page


def relative_luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def contrast(first, second):
    darker, lighter = sorted((relative_luminance(first), relative_luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def commonest(pixels):
    return Counter(map(tuple, pixels.reshape(-1, 3))).most_common(1)[0][0]


def test_pictures_and_players_in_jupyterlab(opened):
    """One visit for all of it: starting JupyterLab takes longer than looking."""
    look_at_the_players(opened)
    look_at_what_was_changed(opened)
    assert tracks_that_stand_out(opened, "Light") == COLOURS.keys()
    assert tracks_that_stand_out(opened, "Dark") == COLOURS.keys()
    assert opened.elsewhere == []


def tracks_that_stand_out(opened, theme):
    """Return the colours of notes on a screenshot, each held against its ground."""
    choose_theme(opened, theme)
    opened.mouse.move(1270, 3590)
    opened.wait_for_timeout(500)
    plot = opened.locator(".js-plotly-plot").first
    picture = np.asarray(Image.open(io.BytesIO(plot.screenshot())).convert("RGB"))
    origin = plot.bounding_box()
    ground = commonest(picture)
    assert ground == GROUNDS[theme]
    seen = set()
    for bar in opened.locator(".js-plotly-plot").first.locator(".bars .point path").all():
        box = bar.bounding_box()
        left, top = box["x"] - origin["x"], box["y"] - origin["y"]
        note = picture[int(top + 1) : int(top + box["height"] - 1), int(left + 1) : int(left + box["width"] - 1)]
        colour = commonest(note)
        assert contrast(colour, ground) >= 3
        shaded_row = tuple(int(0.9 * channel + 0.1 * 128) for channel in ground)  # behind it, where the key is black
        assert contrast(colour, shaded_row) >= 3
        seen.add(min(COLOURS, key=lambda name: np.abs(np.subtract(COLOURS[name], colour)).max()))
        assert min(np.abs(np.subtract(known, colour)).max() for known in COLOURS.values()) < 16  # a pattern blends in
    return seen


def look_at_what_was_changed(opened):
    """Hovering names a note, added ones have a plus sign, the removed one an outline and a stroke."""
    plot = opened.locator(".js-plotly-plot").nth(1)
    plot.locator(".bars .point path").first.hover(force=True)
    opened.wait_for_selector(".js-plotly-plot .hoverlayer text", timeout=10_000)
    assert "D6 Melody, kept" in opened.locator(".js-plotly-plot .hoverlayer").nth(1).text_content()
    assert plot.locator(".bars .point text").count() == 4 * 4 + 8
    assert plot.locator(".scatterlayer path.js-line").count() == 2


def look_at_the_players(opened):
    """The browser decodes both kinds, and the button saves what it plays."""
    for number, (title, rate, seconds) in enumerate([("Six tracks", 32_000, 4.8), ("A longer one", 48_000, 42)]):
        audio = opened.locator("figure audio").nth(number)
        opened.wait_for_function("audio => audio.duration > 0 && audio.error === null", arg=audio.element_handle())
        duration = audio.evaluate("audio => audio.duration")
        assert seconds < duration < seconds + 3.2
        with opened.expect_download() as download:
            opened.locator("figure button").nth(number).click()
        assert download.value.suggested_filename == f"{title}.wav"
        with wave.open(str(download.value.path())) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
            assert file.getnframes() / rate == pytest.approx(duration, abs=0.05)
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        assert 8_000 < np.abs(samples.astype(int)).max() < 32_000
