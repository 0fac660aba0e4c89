"""How long it takes from a key to its sound, by the audio clock.

From the time stamp that the browser gives a key press to the first sample above silence, of which everything that
sounds is read just before it leaves for the loudspeaker. What the machine's sound card and its driver add comes on top,
and no page can change it. From the browser to the kernel: test_virtual_keyboard.py.
"""

import numpy as np
from lab_page import SOUND, delays, listen, run_cell, what_was_heard

PRESSES = 24
MOST = 0.020  # seconds
ROUNDS = 3  # a machine that works for somebody else just then is no fault of the lab's


def test_from_a_key_to_its_sound(server, page):
    server.open_cells(page, "notebooks/latency.ipynb", ["import deepcomposer_lab as dc\ndc.VirtualKeyboard()"])
    run_cell(page, 0)
    page.locator(".dc-keys").focus(timeout=60_000)
    page.keyboard.press("KeyK")
    page.wait_for_function(f"{SOUND}.state === 'ready'")
    page.wait_for_timeout(1000)
    listen(page)
    assert any(press_and_listen(page) < MOST for _ in range(ROUNDS))


def press_and_listen(page):
    """Play notes with pauses between them, and return the median of how long each took to sound."""
    page.evaluate("heard.length = presses.length = 0")
    page.wait_for_timeout(100)
    for number in range(PRESSES):
        code = ("KeyD", "KeyF", "KeyG", "KeyH")[number % 4]
        page.keyboard.down(code)
        page.wait_for_timeout(100)
        page.keyboard.up(code)
        page.wait_for_timeout(260)
    late = delays(*what_was_heard(page))
    assert len(late) == PRESSES
    print(f"Key to sound: median {1000 * np.median(late):.1f} ms, most {1000 * late.max():.1f} ms")
    return np.median(late)
