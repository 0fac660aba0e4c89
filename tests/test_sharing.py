import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
import soundfile

import deepcomposer_lab as dc
from deepcomposer_lab.sharing import to_html


@pytest.fixture(scope="module")
def piece():
    drums = dc.Track([dc.Note(beat, 36, 0.25) for beat in range(8)], "Drums", is_drum=True)
    melody = dc.Track([dc.Note(beat, 60 + beat, 1) for beat in range(8)], "Melody <1>")
    return dc.Composition([melody, drums], [dc.TempoChange(0, 120), dc.TempoChange(4, 60)], title="A & B </script>")


@pytest.fixture(scope="module")
def page(piece):
    return to_html(piece, lineage=["AR-CNN, Bach"]).decode()


def test_it_asks_nobody_for_anything(page):
    # Nothing but data within the page itself is loaded.
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', page) == []
    assert "http" not in re.sub(r'src="data:[^"]*"', "", page)
    assert "@@" not in page


def test_its_sound_is_the_piece(piece, page):
    data = base64.b64decode(re.search(r'src="data:audio/ogg;base64,([^"]+)"', page)[1])
    samples, rate = soundfile.read(io.BytesIO(data))
    assert piece.seconds == 6
    assert piece.seconds <= len(samples) / rate < piece.seconds + 4
    assert abs(samples).max() > 0.05


def test_its_roll_has_every_note_where_it_is(piece, page):
    roll = ElementTree.fromstring(re.search(r"<svg id=\"roll\".*?</svg>", page, flags=re.DOTALL)[0])
    groups = list(roll.findall("g"))
    assert [len(group.findall("rect")) for group in groups] == [8, 8]
    across = float(roll.get("viewBox").split()[2]) / piece.end
    assert [round(float(rect.get("x")) / across, 2) for rect in groups[0]] == list(range(8))
    heights = [float(rect.get("y")) for rect in groups[0]]
    assert heights == sorted(heights, reverse=True)  # a rising scale


def test_no_two_tracks_look_alike():
    tracks = [dc.Track([dc.Note(index, 60, 1)], f"Track {index}") for index in range(20)]
    page = to_html(dc.Composition(tracks)).decode()
    roll = ElementTree.fromstring(re.search(r"<svg id=\"roll\".*?</svg>", page, flags=re.DOTALL)[0])
    patterns = {one.get("id"): one for one in roll.iter("pattern")}

    def looks(group):
        fill = group.get("fill")
        if not fill.startswith("url"):
            return fill
        pattern = patterns[fill.removeprefix("url(#").removesuffix(")")]
        return tuple((part.tag, tuple(sorted(part.attrib.items()))) for part in pattern)

    assert len({looks(group) for group in roll.findall("g")}) == 20
    marks = re.findall(r'<li><b style="color:var\((--t\d)\)">(.)</b> Track \d+</li>', page)
    assert len(set(marks)) == len(marks) == 20


def test_names_cannot_break_out_of_the_page(page):
    assert "A &amp; B &lt;/script&gt;" in page
    assert "Melody &lt;1&gt;" in page
    assert page.count("</script>") == 1


def test_it_is_small_beside_its_sound(page):
    assert len(re.sub(r'src="data:[^"]*"', "", page)) < 40_000


def test_silence_cannot_be_shared():
    with pytest.raises(ValueError, match="has no notes"):
        to_html(dc.Composition())
