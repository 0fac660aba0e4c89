"""The Music studio as a person finds it: by the names that its controls have."""

from __future__ import annotations

import re
import time

from lab_page import SOUND, Server, run_cell
from playwright.sync_api import Locator, Page

CELL = "import deepcomposer_lab as dc\nstudio = dc.MusicStudio()\nstudio"
TECHNIQUES = {"ar-cnn": "Edit it", "gan": "Accompany it", "transformers": "Continue it"}
PATIENCE = 60_000  # milliseconds


class Studio:
    """What is done in the studio that the first cell of the notebook shows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.get_by_role("region", name="Music studio")

    def open(self, server: Server, notebook: str, *cells: str) -> None:
        """Write a notebook with the studio and more cells, open it, and run the first."""
        server.open_cells(self.page, notebook, [CELL, *cells])
        run_cell(self.page, 0)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it can be played: it is seen, and what sounds is there."""
        self.root.wait_for(timeout=PATIENCE)
        self.page.wait_for_function(f"{SOUND}?._files?.then(() => true)", timeout=PATIENCE)

    # --- where one is

    def button(self, name: str | re.Pattern) -> Locator:
        return self.root.get_by_role("button", name=name, exact=isinstance(name, str)).locator("visible=true").first

    def step(self, number: int) -> None:
        """Go to a step by its name in the header."""
        name = ("Input track", "Technique", "Composition")[number - 1]
        self.root.get_by_role("navigation", name="Steps").get_by_role("button", name=name).click()
        self.wait_for_step(number)

    def wait_for_step(self, number: int, timeout: float = PATIENCE) -> None:
        self.root.locator(f'.dc-studio[data-step="{number}"]').wait_for(timeout=timeout)

    def source(self, name: str) -> None:
        self.root.get_by_role("tab", name=name, exact=True).click()

    def sample(self, title: str) -> None:
        self.source("Sample")
        self.root.get_by_role("group", name="Sample melodies").get_by_role("button", name=title).click()

    @property
    def sentence(self) -> str:
        """What stands under the input track: how many notes in how many bars."""
        return self.root.locator(".dc-footer-words").first.inner_text()

    def wait_for_notes(self, count: int) -> None:
        words = self.root.locator(".dc-footer-words").first
        words.filter(has_text=re.compile(rf"^{count} notes? ")).wait_for(timeout=PATIENCE)

    def roll(self, name: str = "Input track, piano roll") -> Locator:
        return self.root.get_by_role("application", name=name)

    # --- what is done

    def choose(self, technique: str) -> None:
        """Choose a technique by its verb."""
        card = self.root.get_by_role("radiogroup", name="What should happen to your melody?").get_by_role("radio")
        card.filter(has_text=TECHNIQUES[technique]).click(timeout=PATIENCE)

    @property
    def go(self) -> Locator:
        """The button that composes."""
        return self.root.locator(".dc-step-technique .dc-footer .dc-button-primary")

    def compose(self, technique: str) -> float:
        """Run a technique from the second step until its composition is in front; return how long that took."""
        self.choose(technique)
        began = time.monotonic()
        self.go.click()
        self.wait_for_composition()
        return time.monotonic() - began

    def wait_for_composition(self) -> None:
        self.wait_for_step(3)
        self.title.wait_for(timeout=PATIENCE)

    @property
    def title(self) -> Locator:
        return self.root.locator(".dc-title")

    @property
    def kept(self) -> int:
        """How many compositions there are, as the header says."""
        return int(self.root.locator(".dc-count").inner_text())

    @property
    def lineage(self) -> list[str]:
        chips = self.root.get_by_role("group", name="How it came to be").locator(".dc-chip-plain")
        return chips.all_inner_texts()

    @property
    def counts(self) -> dict[str, int]:
        """How many notes came, went and stayed, as it says beside the roll."""
        words = self.root.locator(".dc-counts").inner_text()
        return {name: int(number) for number, name in re.findall(r"(\d+)\s+(added|removed|kept)", words)}

    def settled(self) -> None:
        """Wait a moment for what is drawn with the next frame."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
