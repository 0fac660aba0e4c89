"""What the pictures of a Transformer do in JupyterLab: the menus of layers and heads, and the tokens' colours."""

import re

from lab_page import run_all

from deepcomposer_lab.plots_transformers import NOTE_COLOURS

NOTEBOOK = "notebooks/transformer_pictures.ipynb"

CELLS = (
    "import deepcomposer_lab as dc\n"
    "melody = dc.Melody([dc.Note(i, 60 + (i * 5) % 12, 1) for i in range(16)], title='Sixteen notes')",
    "dc.show_attention(melody)",
    "dc.explain_tokens(melody)",
    "dc.show_next_tokens(melody)",
)


def test_the_menu_of_heads_follows_the_layer(server, page):
    page.set_viewport_size({"width": 1280, "height": 2600})
    server.open_cells(page, NOTEBOOK, CELLS)
    run_all(page)
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 6", timeout=120_000)
    plot = page.locator(".js-plotly-plot").first
    assert choose(page, plot, 0, "layer 2") == ["layer 2", "all heads (mean)"]
    mean = weights(plot)
    assert choose(page, plot, 1, "head 3") == ["layer 2", "head 3"]
    assert plot.locator(".gtitle-subtitle").text_content().startswith("Layer 2, head 3: ")
    assert weights(plot) != mean
    assert choose(page, plot, 0, "layer 2") == ["layer 2", "all heads (mean)"]
    assert weights(plot) == mean

    chip = page.get_by_text(re.compile(r"^1\s+Pitch C4$")).last
    red, green, blue = bytes.fromhex(NOTE_COLOURS[0][1:])
    assert chip.evaluate("chip => getComputedStyle(chip).backgroundColor") == f"rgb({red}, {green}, {blue})"
    assert page.locator(".js-plotly-plot").nth(1).locator(".bars .point text").count() == 16
    assert page.elsewhere == []


def choose(page, plot, menu, name):
    """Choose an entry of a menu, and return what both menus say then."""
    plot.locator(".updatemenu-header").nth(menu).click()
    plot.locator(f'.updatemenu-dropdown-button:has-text("{name}")').first.click()
    page.wait_for_timeout(500)
    return plot.locator(".updatemenu-header").all_text_contents()


def weights(plot):
    return plot.evaluate("plot => plot.data.find(trace => trace.name.startsWith('earlier notes')).marker.color")
