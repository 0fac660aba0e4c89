"""The widgets' JavaScript and style sheets: pure parts, types, what is built from what, its size, what it may fetch."""

import re

import node
import pytest
from node import ROOT, SOURCES

STATIC = ROOT / "deepcomposer_lab" / "widgets" / "static"
ASSETS = STATIC / "assets"
MOST_BYTES = 1_500_000  # of all widgets together with the synthesiser, as they lie on disk

NAMES_NOT_ADDRESSES = (
    "http://www.w3.org/",  # namespaces of SVG, MathML and XLink
    "http://localhost.",  # in a sentence on where a microphone may be used
    "https://stuk.github.io/jszip/documentation/",  # in messages of libraries
    "https://github.com/0xfe/vexflow/issues/",
)
FOREIGN_CLASSES = ("jp-", "jupyter-", "widget-", "lm-", "js-plotly", "slider", "noUi-", "plotly", "main-svg", "modebar")
"""Classes of JupyterLab's, ipywidgets' and plotly's parts, which a widget may dress where they stand inside it."""


def built():
    """Return the built files: the widgets, and what a page fetches once."""
    return sorted(STATIC.glob("*.js")) + sorted(ASSETS.glob("*.js"))


def style_sheets():
    return sorted(STATIC.glob("*.css"))


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def selectors(sheet):
    """Return the selectors of a style sheet, those of its conditional rules too, those of its keyframes not."""
    text = re.sub(r"@keyframes[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", without_comments(sheet.read_text("utf-8")))
    text = re.sub(r'"[^"]*"', '""', text)
    preludes = [prelude.rpartition("}")[2].rpartition(";")[2].strip() for prelude in re.findall(r"[^{]*(?=\{)", text)]
    return [
        selector.strip()
        for prelude in preludes
        if prelude and not prelude.startswith(("@", "&"))  # what is nested stands inside a rule of ours
        for selector in re.split(r",(?![^()]*\))", prelude)
    ]


class TestSources:
    def test_the_pure_parts_keep_their_promises(self):
        files = sorted((ROOT / "tests" / "js").glob("*.test.mjs"))
        assert files
        result = node.run("node", "--test", *files)
        assert result.returncode == 0, result.stdout + result.stderr

    def test_the_types_agree(self):
        result = node.run("tsc", "--noEmit")
        assert result.returncode == 0, result.stdout + result.stderr

    def test_what_is_built_is_what_the_sources_say(self):
        result = node.run("node", "build.mjs", "--check")
        assert result.returncode == 0, result.stdout + result.stderr

    def test_what_is_not_ours_is_listed_with_its_licence(self):
        """LICENSES.txt is built with the files, from what each holds; here the page for people is held against it."""
        listed = (ROOT / "THIRD_PARTY.md").read_text("utf-8").lower()
        bundled = re.findall(
            r"^(assets/\S+|\S+\.js): (.+)$", (ASSETS / "LICENSES.txt").read_text("utf-8"), re.MULTILINE
        )
        assert {file for file, _ in bundled} == {f"assets/{file.name}" for file in ASSETS.glob("*.js")}
        for file, names in bundled:
            assert f"widgets/static/{file}" in listed
            assert [name for name in names.split(", ") if name not in listed] == []

    def test_every_built_file_has_a_source_and_every_source_is_built(self):
        for folder, target in ((SOURCES, STATIC), (SOURCES / "assets", ASSETS)):
            assert {file.name for file in folder.glob("*.js")} == {file.name for file in target.glob("*.js")}

    def test_colours_are_tokens(self):
        for file in (*SOURCES.glob("*.js"), *SOURCES.glob("lib/*.js"), *SOURCES.glob("parts/*.js")):
            found = re.findall(
                r"[\"'`](#(?:[0-9a-fA-F]{3,4}){1,2}|(?:rgb|hsl)a?\([\d\s.,%/]+\))[\"'`]", file.read_text("utf-8")
            )
            assert found == [], file.name


class TestBuiltFiles:
    def test_all_widgets_with_the_synthesiser_are_small(self):
        """The SoundFont and the notation engraver are not counted: they are fetched when first needed."""
        sizes = {file.name: file.stat().st_size for file in built() if file.name != "notation.js"}
        assert sum(sizes.values()) < MOST_BYTES, sizes

    @pytest.mark.parametrize("file", built(), ids=lambda file: file.name)
    def test_nothing_comes_from_elsewhere(self, file):
        addresses = set(re.findall(r"(?:https?|wss?):?//[\w.-]+[^\s\"'`<>)\\]*", file.read_text("utf-8")))
        assert {address for address in addresses if not address.startswith(NAMES_NOT_ADDRESSES)} == set()


@pytest.mark.parametrize("sheet", style_sheets(), ids=lambda sheet: sheet.name)
class TestStyleSheets:
    def test_nothing_comes_from_elsewhere(self, sheet):
        assert re.findall(r"@import|url\((?!\s*[\"']?(?:data:|#))", without_comments(sheet.read_text("utf-8"))) == []

    def test_colours_are_tokens(self, sheet):
        if sheet.name == "tokens.css":
            return
        values = re.findall(r":([^:;{}]*)[;}]", without_comments(sheet.read_text("utf-8")))
        assert [value for value in values if re.search(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\(", value)] == []

    def test_every_rule_is_for_our_own_parts(self, sheet):
        """A rule that names no class of ours would dress the whole notebook."""
        for selector in selectors(sheet):
            classes = re.findall(r"\.(-?[A-Za-z_][\w-]*)", selector)
            assert any(re.fullmatch(r"dc(-.+)?", name) for name in classes), selector
            strange = [
                name for name in classes if not re.match(r"dc(-|$)|is-", name) and not name.startswith(FOREIGN_CLASSES)
            ]
            assert strange == [], selector

    def test_names_that_are_one_for_the_whole_page_are_ours(self, sheet):
        text = without_comments(sheet.read_text("utf-8"))
        names = re.findall(r"@(?:keyframes|property|layer)\s+([\w-]+)", text)
        names += re.findall(r"(?<![\w-])(--[\w-]+)\s*:", text)
        assert [name for name in names if not re.match(r"(--)?dc-", name)] == []
