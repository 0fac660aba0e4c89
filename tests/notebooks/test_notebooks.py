"""Every notebook runs from top to bottom, is committed clean, and keeps to the house's rules for notebooks."""

import ast
import math
import re
from dataclasses import replace
from pathlib import Path

import nbclient
import nbformat
import pytest

import deepcomposer_lab as dc

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
MOST_LINES = 8

every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_with(notebook, mime, text=""):
    """Return the numbers of the cells that have an output of this MIME type with this text in it."""
    return [
        number
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if text in str(output.get("data", {}).get(mime, "")) and mime in output.get("data", {})
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that runs a notebook once, headless, with a library of its own."""
    done = {}

    def run_once(path):
        if path not in done:
            notebook = read(path)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DEEPCOMPOSER_LAB_HOME", str(tmp_path_factory.mktemp("library")))
                nbclient.NotebookClient(
                    notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}
                ).execute()
            done[path] = notebook
        return done[path]

    return run_once


def test_the_lessons_so_far_are_here():
    assert [path.stem for path in PATHS] == [
        "00_start_here",
        "01_music_studio",
        "02_notes_and_piano_rolls",
        "05_gans",
        "06_musegan",
        "07_metrics",
        "08_ar_cnn",
        "09_transformers",
    ]


def words_of(notebook):
    """Return what each code cell printed, by the cell's name."""
    return {
        cell.id: "".join(output["text"] for output in cell.outputs if output.output_type == "stream")
        for cell in code_cells(notebook)
    }


def scores_in(words):
    """Return the scores of a cell that prints one a line, by what was scored."""
    return {kind: float(score) for kind, score in re.findall(r"^(\w+) +([+-][\d.]+)$", words, flags=re.MULTILINE)}


FIRST_LESSONS = [NOTEBOOKS / f"{name}.ipynb" for name in ("01_music_studio", "02_notes_and_piano_rolls", "07_metrics")]
every_first_lesson = pytest.mark.parametrize("path", FIRST_LESSONS, ids=lambda path: path.stem)
WIDGET = "application/vnd.jupyter.widget-view+json"


def numbers_in(text):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


class TestFirstLessons:
    """Lessons 01, 02 and 07: asked before answered, no longer than half an hour, the glossary's words as they are."""

    @every_first_lesson
    def test_every_prediction_is_asked_before_the_cell_that_answers(self, path):
        cells = read(path).cells
        asked = [number for number, cell in enumerate(cells) if "**Before you run it:**" in cell.source]
        assert len(asked) >= (9 if path == FIRST_LESSONS[0] else 15)
        assert all(cells[number + 1].cell_type == "code" for number in asked)

    @every_first_lesson
    def test_it_is_no_longer_than_half_an_hour(self, path):
        cells = read(path).cells
        assert len(cells) <= 75
        assert sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown") < 2700

    @every_first_lesson
    def test_what_is_folded_unfolds(self, path):
        text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        folds = re.findall(r"<details><summary>.+?</summary>\n\n[^<]+\n\n</details>", text, flags=re.DOTALL)
        assert len(folds) == text.count("<details>") == text.count("</details>") >= 5

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            (
                FIRST_LESSONS[0],
                ["Music studio", "MIDI", "tempo", "Rhythm assist", "compositions", "model", "Transformers"],
            ),
            (FIRST_LESSONS[1], ["pitch", "tempo", "encoder", "decoder", "Rhythm assist", "piano roll"]),
            (
                FIRST_LESSONS[2],
                ["empty bar rate", "pitches used", "in scale ratio", "polyphonic rate", "drum in pattern"],
            ),
        ],
        ids=lambda value: value.stem if isinstance(value, Path) else "",
    )
    def test_the_glossarys_words_are_there_as_they_are(self, path, words):
        text = " ".join("\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown").split())
        assert [word for word in words if word.casefold() not in text.casefold()] == []


class TestMusicStudio:
    PATH = FIRST_LESSONS[0]

    def test_the_studio_is_shown_and_an_editor(self, run):
        notebook = run(self.PATH)
        assert [notebook.cells[number].id for number in outputs_with(notebook, WIDGET)] == ["studio", "editor"]

    def test_what_the_text_claims_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert words["edit"] == "['Melody', 'Alto', 'Tenor', 'Bass']\n"
        added, removed, kept = numbers_in(words["edit-count"])
        assert (removed, removed + kept) == (4, 32)  # "it took four notes of the tune away"
        before, after = numbers_in(words["by-hand"])
        assert before == added + kept == 138
        assert 100 < after < 138
        names, *remarks = words["accompany"].splitlines()
        assert names == "['Melody', 'Alto', 'Tenor', 'Bass', 'Drums', 'Guitar', 'Strings']"
        assert any("“Bass”: the model's part was left out" in remark for remark in remarks)
        assert words["alone"] == "['Melody', 'Drums', 'Bass', 'Guitar', 'Strings']\n"
        before, after = numbers_in(words["continue"].splitlines()[0])
        assert after - before == 10
        ends = dict(re.findall(r"^(\w+) +ends at beat ([\d.]+)$", words["continue"], flags=re.MULTILINE))
        assert float(ends.pop("Drums")) <= 32
        assert min(map(float, ends.values())) > 40
        kept = [line.split(maxsplit=1)[1].strip() for line in words["kept"].splitlines()]
        chain = "ar-cnn → edit → gan"
        assert kept == ["input", "ar-cnn", "ar-cnn → edit", chain, chain, f"{chain} → transformers"]
        assert words["short"].endswith("True\n")

    def test_it_took_away_what_is_said_in_the_bar_beside(self):
        melody = dc.sample_melody("frere_jacques")
        composition = dc.ARCNN.from_pretrained("autoregressive_cnn_bach").compose(melody, seed=7)
        steps = composition.steps[-1].parameters
        assert steps["sampling_iterations"] == 150
        gone = set(melody.notes) - set(composition.notes)
        standing = {(note.onset, note.pitch) for note in set(melody.notes) & set(composition.notes)}
        assert len(gone) == 4
        for note in gone:
            assert standing & {(note.onset - 4, note.pitch), (note.onset + 4, note.pitch)}


class TestNotesAndPianoRolls:
    PATH = FIRST_LESSONS[1]

    def test_the_keyboard_the_editor_and_the_player_are_shown(self, run):
        notebook = run(self.PATH)
        assert [notebook.cells[number].id for number in outputs_with(notebook, WIDGET)] == [
            "keyboard",
            "editor",
            "player",
        ]

    def test_what_the_text_claims_of_notes_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert re.findall(r"^(\d+) [EFG]4", words["four"], flags=re.MULTILINE) == ["64", "64", "65", "67"]
        assert "A5  880.0" in words["frequency"]
        assert float(re.search(r"E4  ([\d.]+)", words["frequency"])[1]) < 440
        assert [line.split()[-1] for line in words["transpose"].splitlines()] == ["1", "1"]
        assert "['B4'" in words["transpose"]
        fast, slow = (numbers_in(line)[1] for line in words["tempo"].splitlines()[:2])
        assert slow == pytest.approx(2 * fast, abs=0.1)
        assert words["tempo"].endswith("True\n")
        loud = ast.literal_eval(words["velocity"])
        assert [place for place, velocity in enumerate(loud) if velocity == max(loud)] == [0, 4]

    def test_what_the_text_claims_of_encodings_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert numbers_in(words["midi"].replace(",", ""))[-1] > 1000
        assert words["messages"].count("note_on") == words["messages"].count("note_off") == 2
        assert "time=480" in words["messages"]
        assert words["midi-back"].startswith("True")
        third, seventh = (numbers_in(line)[-2:] for line in words["ticks"].splitlines())
        assert third[0] == third[1]
        assert 0 < abs(seventh[0] - seventh[1]) <= 0.001
        assert words["roll"] == "(1, 128, 128)\n"
        assert re.search(r"^E4 +■{8}\.", words["picture"], flags=re.MULTILINE)
        notes_in, notes_out = numbers_in(words["merged"])
        assert notes_out < notes_in == 30
        assert words["onset"].startswith("|...|...")
        assert words["onset"].endswith("True\n")
        assert words["triplet"].splitlines() == ["3 columns: [0.0, 0.333, 0.667]", "4 columns: [0.0, 0.25, 0.75]"]
        assert words["both"] == "[12]\n"

    def test_what_the_text_claims_of_bars_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert [line.split()[-4] for line in words["metre"].splitlines()] == ["4.0", "3.0", "3.0"]
        assert "[0.0, 1.0, 4.0, 7.0]" in words["pickup"]
        assert "[0.0, 3.0, 6.0, 9.0]" in words["pickup"]
        same, *rates = words["pickup-measure"].splitlines()
        assert same == "True"
        assert rates[0] != rates[1]

    def test_what_the_text_claims_of_rhythm_assist_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        begin, last = (int(line.split()[0]) for line in words["assist"].splitlines())
        assert begin == 30
        assert 2 < last < 15  # the two short ones, and a few long ones by luck
        grids = {line.split()[0]: numbers_in(line) for line in words["grids"].splitlines()}
        assert grids["sixteenths"] == grids["eighths"] == [30, 30]
        assert grids["thirty-seconds"][1] < 30
        assert grids["quarters"][0] == 28  # the two eighth notes are gone
        rows = [ast.literal_eval(line.split(maxsplit=1)[1]) for line in words["strength"].splitlines()]
        assert [row[1] for row in rows] == [1.04, 1.02, 1.0]
        assert words["triplets"].splitlines() == [
            "[0.0, 0.25, 0.75, 1.0, 1.25, 1.5]",
            "[0.0, 0.333, 0.667, 1.0, 1.25, 1.5]",
        ]
        assert words["late"] == "[0.25, 1.25, 2.25, 3.25, 4.25, 5.25]\n"
        melody = dc.sample_melody("ode_to_joy")
        assert sum(note.duration == 0.5 for note in melody) == 2


class TestMetrics:
    PATH = FIRST_LESSONS[2]

    def test_the_playground_is_shown(self, run):
        notebook = run(self.PATH)
        assert [notebook.cells[number].id for number in outputs_with(notebook, WIDGET)] == ["playground"]

    def test_what_the_text_claims_of_each_metric_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert re.search(r"Empty bar rate +0\.0\n", words["assign"])
        assert words["assign"].endswith("None\n")
        assert words["empty"] == "0.0 0.5\n"
        first, whole = (numbers_in(line) for line in words["pitches"].splitlines())
        assert first == [4, 3]
        assert whole[1] == 3
        assert words["chord"].split() == ["chord", "4.0", "scale", "8.0"]
        assert words["chromatic"] == f"{7 / 12:.2f}\n"
        assert float(words["long-note"]) == 0.67
        assert words["together"] == "0.0 1.0 0.5 0.5\n"
        assert [line.split()[-1] for line in words["drums"].splitlines()] == ["1.00", "0.10", "0.55", "0.55"]

    def test_what_the_text_claims_of_bands_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        ranges = {
            line.split()[0]: [float(number) for number in re.findall(r"\d\.\d\d", line)]
            for line in words["bands"].splitlines()
        }
        scales = {name: row[:2] for name, row in ranges.items()}
        assert max(scales, key=lambda name: scales[name][0]) == "pop"
        assert scales["chorales"][1] == scales["jazz"][1] == 0.98
        for first, last in ((0, 1), (2, 3)):
            widths = {name: row[last] - row[first] for name, row in ranges.items()}
            assert max(widths, key=widths.get) == "string"
        lines = words["composed"].splitlines()
        assert sum("Like the chorales." in line for line in lines) == 3
        assert "Higher than nine in ten" in lines[0]
        composition = dc.ARCNN.from_pretrained().compose(dc.sample_melody("ode_to_joy"), seed=7)
        assert len(composition.notes) == 135
        assert round(135 * (1 - dc.metrics.in_scale_ratio(composition))) == 1

    def test_what_the_text_claims_of_shuffled_music_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        rows = {line.split()[0]: numbers_in(line) for line in words["compare"].splitlines()}
        far = {
            name: [abs(one - other) for one, other in zip(row, rows["Bach"], strict=True)] for name, row in rows.items()
        }
        for other in ("made", "untrained"):  # "nearer to Bach than anything that a network made"
            assert all(near < distant for near, distant in zip(far["shuffled"], far[other], strict=True))
        assert rows["untrained"][2] < 5
        assert rows["Bach"][1] == 0.96
        assert round(rows["Bach"][2], 1) == 10.4
        clashes = {line.split()[0]: numbers_in(line)[0] for line in words["sixth"].splitlines()}
        assert clashes["Bach"] == 8
        assert 30 <= clashes["shuffled"] <= 36
        assert clashes["Bach"] < clashes["made"] < clashes["shuffled"]

    def test_what_the_text_claims_of_traps_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert [line.split()[-1] for line in words["key"].splitlines()] == ["1.00", "0.30", "1.00"]
        assert words["bought"].count("Like the chorales.") == 4
        assert words["no-answer"].split() == ["nan", "nan", "0.8"]
        loose, strict = (float(line.split()[-1]) for line in words["names"].splitlines())
        assert loose > 0.9
        assert strict == 0
        rock, jazz = (numbers_in(line)[0] for line in words["bands-drums"].splitlines())
        assert rock > jazz

    def test_backwards_is_the_same_to_all_five(self):
        piece = dc.GAN.from_pretrained("musegan_bach").compose(dc.sample_melody("ode_to_joy"), seed=3)
        backwards = piece.with_tracks(
            track.with_notes(replace(note, onset=32 - note.offset) for note in track.notes) for track in piece.tracks
        )
        assert piece.end == 32  # it fills its bars
        assert dc.metrics.evaluate(backwards) == dc.metrics.evaluate(piece)


LESSONS = [NOTEBOOKS / "05_gans.ipynb", NOTEBOOKS / "06_musegan.ipynb"]
every_gan_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


class TestGANLessons:
    @every_gan_lesson
    def test_every_prediction_is_asked_before_the_cell_that_answers(self, path):
        cells = read(path).cells
        asked = [number for number, cell in enumerate(cells) if "**Before you run it:**" in cell.source]
        assert len(asked) >= 15
        assert all(cells[number + 1].cell_type == "code" for number in asked)

    @every_gan_lesson
    def test_it_is_no_longer_than_half_an_hour(self, path):
        cells = read(path).cells
        assert 60 <= len(cells) <= 75
        assert sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown") < 3600

    @every_gan_lesson
    def test_what_is_folded_unfolds(self, path):
        text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        folds = re.findall(r"<details><summary>.+?</summary>\n\n[^<]+\n\n</details>", text, flags=re.DOTALL)
        assert len(folds) == text.count("<details>") == text.count("</details>") >= 8

    @every_gan_lesson
    def test_training_is_shown_live_and_nothing_trains_at_the_end(self, run, path):
        notebook = run(path)
        (monitor,) = outputs_with(notebook, "application/vnd.jupyter.widget-view+json")
        assert notebook.cells[monitor].source.splitlines()[-1] == "run.monitor"
        assert code_cells(notebook)[-1].source == "dc.stop_training()"

    @every_gan_lesson
    def test_the_direction_of_the_update_ratio_is_said(self, path):
        text = " ".join("\n".join(cell.source for cell in read(path).cells).split())
        assert re.search(r"ore\*? (discriminator updates|updates of the discriminator) make a \*stronger\*", text)


class TestGANs:
    PATH = LESSONS[0]

    def test_what_the_text_claims_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert words["noise"].split() == ["True", "False"]
        rows = re.findall(r"in scale +(\d+)%   pitches a bar ([\d.]+)   together +(\d+)%", words["epochs-measure"])
        scale, pitches, together = (list(map(float, column)) for column in zip(*rows, strict=True))
        *snapshots, _bach = scale
        assert len(snapshots) == 7
        assert snapshots[0] == max(snapshots)  # the one that knows nothing
        assert pitches[0] < 3
        assert min(pitches[3:]) > 6
        assert together[0] < 20
        assert min(together[3:]) > 60
        assert "the detective's loss: 0.73 + 0.60" in words["loss"]
        assert "the forger's loss:    0.47" in words["loss"]
        first, alone = (ast.literal_eval(words[name]) for name in ("first", "alone"))
        assert first["discriminator"] == pytest.approx(2, abs=0.1)
        assert alone["discriminator"] < 0.2
        assert alone["real"] > 1 > -1 > alone["generated"]
        asked, awry = scores_in(words["ask"]), scores_in(words["awry-ask"])["awry"]
        assert min(asked, key=asked.get) == "made"
        assert asked["made"] < asked["silent"] < asked["shuffled"]
        middle = (asked["real"] + asked["made"]) / 2
        assert asked["shuffled"] > middle
        assert awry > middle
        pleased = scores_in(words["spoil-ask"])
        assert pleased["made"] > pleased["real"] - 0.3
        quarters = [float(loss) for loss in re.findall(r"was ([\d.]+)", words["quarters"])]
        assert len(quarters) == 4
        assert min(quarters) > 0.3
        assert max(quarters) < 1.9
        again = scores_in(words["ask-again"])
        assert again["silent"] < 0
        assert again["made"] < again["real"]
        assert again["master"] > (again["real"] + again["made"]) / 2
        common = [int(share) for share in re.findall(r"(\d+)% in common", words["collapse"])]
        assert common[0] == max(common)
        assert common[3] < common[4] <= common[5] < common[6] < 60  # more alike, and no collapse
        forger, detective = (
            int(count)
            for count in re.findall(r"(\d+) (?:updates of the forger|of the detective)", words["wasserstein"])
        )
        assert 5 * forger <= detective <= 5 * forger + 5


class TestMuseGAN:
    PATH = LESSONS[1]

    def test_what_the_text_claims_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert "False" not in words["tracks"]
        assert dict(re.findall(r"^(\w+) +(the same|another part)$", words["reroll"], flags=re.MULTILINE)) == {
            track: "another part" if track == "Drums" else "the same"
            for track in ("Melody", "Drums", "Bass", "Guitar", "Strings")
        }
        assert re.search(r"^A2 +●", words["planes"], flags=re.MULTILINE)  # as the bass plays it, in C
        kinds = {
            kind: int(count) for kind, count in re.findall(r"^(\w+) +(\d+) numbers", words["noise"], flags=re.MULTILINE)
        }
        assert max(kinds, key=kinds.get) == "private_bar"
        here, there = (
            [int(row[place]) for row in re.findall(r"(\d+) notes of seed 3, +(\d+)", words["blend"])]
            for place in (0, 1)
        )
        assert here[0] == max(here)
        assert there[-1] == max(there)
        assert here[0] > here[2] > here[-1] or there[0] < there[2] < there[-1]
        assert words["transposed"] == "True\n"
        assert re.findall(r"(\d+) steps a bar", words["genres"]) == ["16", "16", "24", "16", "16"]
        forger = [int(count) for count in re.findall(r"(\d+) updates of the forger", words["ratio"])]
        assert forger[0] > forger[1]
        rates = [
            [int(number) for number in re.findall(r"\d+", line.split(":")[1])] for line in words["rate"].splitlines()
        ]
        assert [eight for _, _, eight, _ in rates] == [8, 8, 8]
        assert rates[2][1] < rates[0][1]  # the largest has the smallest loss
        assert rates[2][3] <= 2 < rates[1][3]  # and plays the same bar for ever
        assert "6/8" in words["odd"]
        assert "has only drums" in words["alone"]
        assert words["chain"].startswith("['gan', 'ar-cnn']")


class TestTransformers:
    PATH = NOTEBOOKS / "09_transformers.ipynb"

    def test_every_prediction_is_asked_before_the_cell_that_answers(self):
        cells = read(self.PATH).cells
        asked = [number for number, cell in enumerate(cells) if "**Before you run it:**" in cell.source]
        assert len(asked) >= 30
        assert all(cells[number + 1].cell_type == "code" for number in asked)

    def test_it_is_no_longer_than_three_quarters_of_an_hour(self):
        cells = read(self.PATH).cells
        assert len(cells) <= 98
        assert sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown") < 4200

    def test_what_is_folded_unfolds(self):
        text = "\n".join(cell.source for cell in read(self.PATH).cells if cell.cell_type == "markdown")
        folds = re.findall(r"<details><summary>.+?</summary>\n\n[^<]+\n\n</details>", text, flags=re.DOTALL)
        assert len(folds) == text.count("<details>") == text.count("</details>") >= 9

    def test_the_table_of_limits_is_the_techniques_own(self):
        (cell,) = [cell for cell in read(self.PATH).cells if cell.id == "limits-words"]
        rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", cell.source, flags=re.MULTILINE))
        for parameter in dc.Transformers.parameters:
            told, default = rows.pop(parameter.name).split(" | ")
            assert default.removesuffix(" s") == (
                parameter.default if isinstance(parameter.default, str) else f"{parameter.default:g}"
            )
            if not isinstance(parameter.default, str):
                assert told.removesuffix(" s") == f"{parameter.minimum:g}–{parameter.maximum:g}"
        assert rows == {}

    def test_training_is_shown_live_and_nothing_trains_at_the_end(self, run):
        notebook = run(self.PATH)
        (monitor,) = outputs_with(notebook, "application/vnd.jupyter.widget-view+json")
        assert notebook.cells[monitor].source.splitlines()[-1] == "run.monitor"
        assert code_cells(notebook)[-1].source == "dc.stop_training()"

    @pytest.mark.parametrize("name", ["greedy", "cold-hear", "hot-hear", "topk-hear", "nucleus-hear", "random-hear"])
    def test_each_way_of_sampling_is_heard_from_the_same_seed(self, run, name):
        (number,) = [place for place, cell in enumerate(run(self.PATH).cells) if cell.id == name]
        cell = run(self.PATH).cells[number]
        assert "extend(melody, seed=7, " in cell.source
        assert number in outputs_with(run(self.PATH), "text/html", "<audio")

    def test_attention_is_where_the_text_says(self, run):
        cells = {cell.id: str(cell.get("outputs")) for cell in run(self.PATH).cells}
        assert re.search(r"For E4 .* looks most at D4 \(bar 15, beat 3 of 4\) 99 %", cells["attention"])
        assert re.search(r"For E4 .* looks most at E4 \(bar 3, beat 4 of 4\) 68 %", cells["induction"])
        assert re.search(r"For D4 .* looks most at D4 \(bar 2, beat 1 of 4\) 9\d %", cells["motif-attention"])
        melody = dc.sample_melody("ode_to_joy")
        assert [note.name for note in melody if 8 <= note.onset < 12] == ["C4", "C4", "D4", "E4"]

    def test_what_the_text_claims_of_tokens_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        melody = dc.sample_melody("ode_to_joy")
        first, other = re.findall(r"seed \d: (.+)", words["another"])
        assert first.split()[0] != other.split()[0]
        beats, performance = (re.findall(rf"^{kind}:? +(.+)$", words["tempo"], flags=re.MULTILINE)
                              for kind in ("beats", "performance"))  # fmt: skip
        assert beats[0] == beats[1]
        assert performance[0] != performance[1]
        assert "354 notes: Soprano, Alto, Tenor, Bass" in words["voices"]
        assert "354 notes: Performance\n" in words["voices"]
        (scheme,) = [cell.source for cell in read(self.PATH).cells if cell.id == "schemes"]
        told = re.search(
            r"\| a melody, a chorale \| ([\d.]+) and ([\d.]+) .*\| ([\d.]+) and ([\d.]+) ", scheme
        ).groups()
        melody_tokens = [re.search(r"([\d.]+) tokens a note", dc.explain_tokens(melody, way).sentences[0])[1]
                         for way in ("beat", "performance")]  # fmt: skip
        chorale_tokens = re.findall(r"([\d.]+) (?:on beats|as a performance)", words["voices"])
        assert told == (melody_tokens[0], chorale_tokens[0], melody_tokens[1], chorale_tokens[1])
        assert words["steps"].splitlines()[0] == "beat 32: C4 for 1"

    def test_what_the_text_claims_of_attention_and_memory_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        shares = [[float(share) for share in re.findall(r"[\d.]+", row)] for row in words["softmax"].splitlines()]
        assert shares[0] == [1, 0, 0, 0]
        assert max(shares[3]) == shares[3][1] == 0.77
        expected = dict(re.findall(r"(\w) ([\d.]+)", words["take"]))
        assert max(expected, key=expected.get) == "D"
        changed = re.findall(r"D +([\d.]+)%  F +([\d.]+)%", words["changed"])
        deaf, other_deaf, heard, other_heard = ([float(chance) for chance in row] for row in changed)
        assert deaf == other_deaf
        assert deaf[0] < 10
        assert heard[0] > 90 > 10 > heard[1]
        assert other_heard[1] > 90 > 10 > other_heard[0]
        compared = re.findall(r"D +([\d.]+)%.* ([\d.]+)$", words["segments-compared"], re.MULTILINE)
        kept, lost = ([float(number) for number in row] for row in compared)
        assert kept[0] > 90 > 10 > lost[0]
        assert kept[1] < 0.001 < 0.5 < lost[1]
        bits = [float(number) for number in re.findall(r"([\d.]+) bits a note", words["reach"])]
        assert bits == sorted(bits, reverse=True)
        assert bits[0] - bits[-1] > 0.5

    def test_what_the_text_claims_of_training_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        told = re.search(r"is ([\d.]+); the loss was ([\d.]+) at first, and is ([\d.]+) now", words["loss"])
        expected, first, last = (float(number) for number in told.groups())
        assert first == pytest.approx(expected, abs=0.2)
        assert last < 1.5
        assert "(2, 8, 128, 96)" in words["loss"]
        before, tiny, large = (float(number) for number in re.findall(r"([\d.]+) bits a note", words["bits"]))
        assert before == pytest.approx(31, abs=0.5)
        assert 4.5 < tiny < 5.9  # "about 5"
        assert large == 1.9
        shown = re.findall(r"([\d.]+) / ln 2 x ([\d.]+)", words["bits"])
        nats_a_note = [float(nats) * float(tokens) for nats, tokens in shown]
        assert [nats / math.log(2) for nats in nats_a_note] == pytest.approx([before, tiny], abs=0.1)
        rows = [[int(share) for share in row] for row in re.findall(r"(\d+)%   in C major +(\d+)%", words["learnt"])]
        (untrained, tiny, large) = rows
        assert untrained[0] < 20
        assert min(tiny[0], large[0]) > 90
        assert tiny[1] < 80 < large[1]
        for name in ("ode_to_joy", "frere_jacques"):
            melody = dc.sample_melody(name)
            assert all(note.onset % 0.5 == 0 for note in melody)
            assert melody.end == 32
            assert all(note.pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for note in melody)

    def test_what_the_text_claims_of_sampling_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert words["greedy"].startswith("True")
        rows = [[int(number) for number in re.findall(r"(\d+)(?: l|%)", row)] for row in words["risk"].splitlines()]
        (cold_lengths, cold_own), (usual_lengths, usual_own), (hot_lengths, hot_own) = rows
        assert min(cold_own, usual_own) > 50 > 20 > hot_own
        assert hot_lengths > 2 * max(cold_lengths, usual_lengths)
        kept = [int(number) for number in re.findall(r"keeps (\d+)", words["nucleus"])]
        assert kept[0] > 5 > kept[1]  # five is what top-k keeps
        inside = [int(share) for share in re.findall(r"(\d+)%", words["cuts"])]
        assert inside == sorted(inside, reverse=True)
        transformer, melody = dc.Transformers.from_pretrained(), dc.sample_melody("ode_to_joy")
        circles = transformer.extend(
            melody, sampling_technique="top_k", sampling_threshold=0.002, track_extension_duration=30
        )
        pitches = [note.pitch for note in circles.notes[30:]]
        tune = [note.pitch for note in melody]
        assert any(pitches[at : at + 11] == tune[:11] for at in range(20))  # after a few bars the melody again
        assert any(pitches[at : at + 12] == pitches[at + 15 : at + 27] for at in range(20))

    def test_what_the_text_claims_of_limits_is_what_the_cells_show(self, run):
        words = words_of(run(self.PATH))
        assert float(re.search(r"([\d.]+) s$", words["length"].strip())[1]) == 0.27  # an eighth
        short, long = (float(number) for number in re.findall(r"is ([\d.]+) s", words["rest"]))
        assert short <= 0.5 < long < 5
        deaf, heard = (int(number) for number in re.findall(r"(\d+) of", words["hears"]))
        assert heard > 3 * deaf
        none, most = (float(number) for number in re.findall(r"([\d.]+) s,", words["durations"]))
        assert none == pytest.approx(32 * 60 / 112, abs=0.001)
        assert most - none == pytest.approx(30, abs=0.001)
        assert words["chain"].startswith("['transformers', 'transformers', 'gan']")
        new = [int(number) for number in re.findall(r"(\d+) new", words["choir"])]
        assert len(new) == 4
        assert min(new) >= 10


@every_notebook
def test_runs_from_top_to_bottom_without_a_warning(run, path):
    notebook = run(path)
    assert all(cell.execution_count for cell in code_cells(notebook))
    words = [
        output["text"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert words == []


@every_notebook
def test_is_committed_without_outputs(path):
    notebook = read(path)
    for cell in code_cells(notebook):
        assert not cell.outputs
        assert cell.execution_count is None
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"


@every_notebook
def test_cells_hold_one_thought_each(path):
    for cell in code_cells(read(path)):
        assert 1 <= len(cell.source.splitlines()) <= MOST_LINES, cell.source
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda}, cell.source


@every_notebook
def test_cells_have_names_that_stay(path):
    names = [cell.id for cell in read(path).cells]
    assert len(set(names)) == len(names)
    # Editors make up names of eight hexadecimal digits, and new ones each time a cell is copied.
    assert not [name for name in names if re.fullmatch(r"[0-9a-f]{8}", name)]


@every_notebook
def test_links_lead_somewhere(path):
    links = [
        link
        for cell in read(path).cells
        if cell.cell_type == "markdown"
        for link in re.findall(r"\]\(([^)#]+)\)", cell.source)
    ]
    assert links
    assert [link for link in links if not (NOTEBOOKS / link).exists()] == []


class TestStartHere:
    PATH = NOTEBOOKS / "00_start_here.ipynb"

    def test_its_first_line_says_what_to_press(self):
        assert "Shift + Enter" in read(self.PATH).cells[0].source.splitlines()[0]

    def test_something_is_heard_in_the_second_cell(self, run):
        notebook = run(self.PATH)
        heard = outputs_with(notebook, "text/html", "<audio")
        assert heard[0] == 1
        assert re.search(r'<audio[^>]+src="data:audio/ogg;base64,[\w+/]{10000}', str(notebook.cells[1].outputs))

    def test_it_is_seen_too_and_the_setup_is_in_order(self, run):
        notebook = run(self.PATH)
        assert outputs_with(notebook, "application/vnd.plotly.v1+json")
        assert outputs_with(notebook, "text/plain", "Everything is ready.")

    def test_the_map_opens_every_notebook_there_is_and_no_other(self):
        (course,) = [cell.source for cell in read(self.PATH).cells if cell.source.startswith("## The map")]
        linked = {
            link for line in course.splitlines() if line.startswith("|") for link in re.findall(r"\]\((.+?)\)", line)
        }
        assert linked == {path.name for path in PATHS} - {self.PATH.name}


class TestARCNN:
    PATH = NOTEBOOKS / "08_ar_cnn.ipynb"

    def test_every_prediction_is_asked_before_the_cell_that_answers(self):
        cells = read(self.PATH).cells
        asked = [number for number, cell in enumerate(cells) if "**Before you run it:**" in cell.source]
        assert len(asked) >= 15
        assert all(cells[number + 1].cell_type == "code" for number in asked)

    @pytest.mark.parametrize(
        "parameter", ["creative_risk", "sampling_iterations", "max_notes_to_remove", "max_notes_to_add"]
    )
    def test_each_parameter_is_tried_and_heard(self, parameter):
        sources = [cell.source for cell in code_cells(read(self.PATH))]
        tried = [re.search(rf"(\w+) = bach\.compose\(\w+, {parameter}=", source) for source in sources]
        names = [match[1] for match in tried if match]
        assert names
        assert all(any(f"dc.play({name})" in source for source in sources) for name in names)

    def test_it_is_no_longer_than_half_an_hour(self):
        cells = read(self.PATH).cells
        words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
        assert 60 <= len(cells) <= 78
        assert words < 3600  # twenty minutes at a calm reader's pace

    def test_each_part_that_the_library_does_ends_at_its_source(self):
        parts = re.split(r"^## \d+\. ", "\n".join(cell.source for cell in read(self.PATH).cells), flags=re.MULTILINE)
        titles = [part.splitlines()[0] for part in parts[1:] if "For those who want the source" in part]
        assert titles == [
            "What is an edit?",
            "How it learnt: corruption and repair",
            "Use it as a musician would",
            "Look inside",
            "One after another, or all at once?",
        ]

    def test_what_is_folded_unfolds(self):
        """A blank line after the summary lets what follows be read as Markdown; each fold is closed."""
        text = "\n".join(cell.source for cell in read(self.PATH).cells if cell.cell_type == "markdown")
        folds = re.findall(r"<details><summary>.+?</summary>\n\n[^<]+\n\n</details>", text, flags=re.DOTALL)
        assert len(folds) == text.count("<details>") == text.count("</details>") >= 10

    def test_it_can_be_watched_thinking(self, run):
        notebook = run(self.PATH)
        cells = notebook.cells
        widgets = outputs_with(notebook, "application/vnd.jupyter.widget-view+json")
        assert [cells[number].source for number in widgets] == ["dc.show_edits(run)"]
        doubts = outputs_with(notebook, "text/plain", "Most out of place")
        assert {cells[number].id for number in doubts} == {"explain"}
        features = outputs_with(notebook, "text/plain", "With the skip connections cut")
        assert {cells[number].id for number in features} == {"features"}

    def test_what_the_text_claims_is_what_the_cells_show(self, run):
        cells = {cell.id: cell for cell in run(self.PATH).cells}
        words = {
            name: "".join(output["text"] for output in cell.outputs if output.output_type == "stream")
            for name, cell in cells.items()
            if cell.cell_type == "code"
        }
        assert "The first four bars are the same: True" in words["lock-count"]
        here, there = ([float(answer) for answer in line.split()] for line in words["circle"].splitlines())
        assert len(here) == 12
        assert there == pytest.approx(here[6:] + here[:6], abs=0.011)  # rounded to two digits
        one_by_one, at_once = (int(number) for number in re.findall(r"(\d+) clashes", words["clash"]))
        assert at_once > 2 * one_by_one
        doubts = [int(number) for number in re.findall(r"about (\d+) of", words["self-doubt"])]
        assert doubts[1] > doubts[0]
        expected, added = (int(number) for number in re.findall(r"\d+", words["expected"]))
        assert 0.5 < expected / added < 2
        keys = [[int(doubt) for doubt in re.findall(r"(\d+)%", line)] for line in words["keys"].splitlines()]
        assert [len(doubts) for doubts in keys] == [4] * 5
        spread = [max(note) - min(note) for note in zip(*keys, strict=True)]
        assert max(spread) < 15  # every wrong note is doubted much the same in every key
        assert words["doubts"].split("\n")[:2] == ["wrong notes it doubts: 4 of 4", "right notes it doubts: 0"]
        assert "wrong notes gone: 4 of 4" in words["repair-count"]
