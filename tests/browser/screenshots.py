"""Take the README's pictures: the Music studio in JupyterLab, each step, on light ground and on dark.

    python tests/browser/screenshots.py [--output docs/pictures]

A melody played a little unevenly, one composing caught on its way, and what came of it. Pictures keep 256 colours,
which is all that they have, so that the repository stays small.
"""

from __future__ import annotations

import argparse
import io
import re
import tempfile
from pathlib import Path

from lab_page import ROOT, choose_theme, chromium, jupyterlab, new_page, run_cell
from PIL import Image
from playwright.sync_api import Page
from studio_page import Studio

THEMES = ("Light", "Dark")
WIDTH = 1362  # of the window; the studio is then 1180 px wide
SCALE = 2  # pixels of the picture for one of the page
CELL = (
    "import random\n"
    "import deepcomposer_lab as dc\n"
    "hand, tune = random.Random(4), dc.sample_melody('ode_to_joy')\n"
    "notes = [dc.Note(max(0, n.onset + hand.gauss(0, 0.06)), n.pitch, 0.92 * n.duration,\n"
    "                 max(50, min(115, round(hand.gauss(84, 12))))) for n in tune.notes]\n"
    "studio = dc.MusicStudio(dc.Melody(notes, bpm=tune.bpm, title='Ode to Joy'))\n"
    "studio"
)
SEED = "0"


def keep(page: Page, studio: Studio, path: Path) -> None:
    """Save the studio as it is seen."""
    studio.settled()
    picture = Image.open(io.BytesIO(studio.root.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {picture.width} × {picture.height}, {path.stat().st_size / 1000:.0f} kB")


def rest(page: Page) -> None:
    """Take pointer and focus off the controls."""
    page.mouse.move(4, 4)
    page.evaluate("document.activeElement?.blur()")


def take_pictures(page: Page, studio: Studio, folder: Path, theme: str) -> None:
    """Go through the three steps."""
    choose_theme(page, theme)
    name = theme.lower()
    studio.step(1)
    studio.source("Keyboard")
    assist = studio.root.get_by_role("switch", name="Rhythm assist")
    if assist.get_attribute("aria-checked") == "false":
        assist.click()
    studio.button("Fit the whole piece").click()
    page.wait_for_timeout(1000)
    rest(page)
    keep(page, studio, folder / f"studio_1_input_{name}.png")

    studio.button("Choose a technique").click()
    studio.choose("ar-cnn")
    studio.root.get_by_label("Seed", exact=True).fill(SEED)
    studio.root.get_by_label("Maximum input notes to remove").press("End")
    studio.go.click()
    studio.root.get_by_role("region", name="Parameters").evaluate("panel => { panel.scrollTop = 0; }")
    rest(page)
    words = studio.root.locator(".dc-run-words")
    page.wait_for_function(
        """words => {
            const [, done, total] = words.textContent.match(/(\\d+) of (\\d+)/) ?? [];
            return done > 0.4 * total;
        }""",
        arg=words.element_handle(),
    )
    keep(page, studio, folder / f"studio_2_technique_{name}.png")

    studio.wait_for_composition()
    page.wait_for_timeout(1500)
    roll = studio.roll("Composition, piano roll").bounding_box()
    page.mouse.click(roll["x"] + 0.4 * roll["width"], roll["y"] + 10)  # the ruler: the playhead goes there
    rest(page)
    page.wait_for_timeout(500)
    keep(page, studio, folder / f"studio_3_composition_{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "pictures", help="folder of the pictures")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, jupyterlab(Path(place)) as server, chromium() as browser:
        page = new_page(browser, server, viewport={"width": WIDTH, "height": 1300}, device_scale_factor=SCALE)
        studio = Studio(page)
        server.open_cells(page, "notebooks/pictures.ipynb", [CELL])
        run_cell(page, 0)
        studio.wait_until_ready()
        page.get_by_role("region", name=re.compile("Music studio")).scroll_into_view_if_needed()
        for theme in THEMES:
            take_pictures(page, studio, folder, theme)
        assert page.faults == []


if __name__ == "__main__":
    main()
