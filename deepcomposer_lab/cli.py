"""The command line: `deepcomposer-lab compose`, `evaluate`, `train` and the rest.

Everything heavy is imported by the command that needs it, so that `--help` answers at once and `compose` pays for
torch alone. An error is one sentence on stderr and exit status 2 (`--debug` adds the traceback); Ctrl-C gives 130.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deepcomposer_lab import studio

if TYPE_CHECKING:
    from tqdm import tqdm

    from deepcomposer_lab.music.composition import Composition
    from deepcomposer_lab.music.melody import Melody
    from deepcomposer_lab.music.span import Span

PROGRAM = "deepcomposer-lab"
BENCHMARKS = ("ar-cnn", "gan", "transformers")
STUDIO_PAGE, STUDIO_PORT = Path(__file__).parent / "studio_page", 8866
START_PAGE = "00_start_here.ipynb"

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


class CommandError(Exception):
    """Something the person at the keyboard can put right; its message is the one sentence they get."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; those the process was started with unless told otherwise.

    Returns
    -------
    int
        Exit status: 0 done, 1 the doctor found something missing, 2 an error, 130 interrupted by Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _let_odd_consoles_print()
    try:
        options, rest = _parser().parse_known_args(words)
        if rest and not options.takes_more:
            raise CommandError(f"{PROGRAM} {options.command} knows no {rest[0]!r}; --help lists what it takes.")
        options.rest = rest
        status = options.run(options)
        sys.stdout.flush()  # here, so that a reader who left is noticed here
        return status
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in words:
            traceback.print_exc()
        print(_sentence(error), file=sys.stderr)
        return EXIT_ERROR


def _sentence(error: Exception) -> str:
    """Return an error as one readable line; ours speak for themselves, others are named as what they are."""
    if isinstance(error, OSError) and error.strerror:
        place = f" {os.fspath(error.filename)!r}" if error.filename else ""
        return f"Error: the system refused{place}: {error.strerror}."
    text = " ".join(str(error).split())
    if isinstance(error, CommandError | ValueError | OSError) and text:
        return f"Error: {text}"
    if isinstance(error, ImportError):
        return f"Error: a library is missing ({text}); `{PROGRAM} doctor` says what to do."
    return f"Error: something unforeseen happened ({type(error).__name__}: {text}); --debug shows where."


def _let_odd_consoles_print() -> None:
    """Print a replacement for letters that a console's encoding lacks, instead of failing on a title."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


# --- what can be asked --------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse with one sentence where it would print a page."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}; see {self.prog} --help.")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"{PROGRAM} {version(PROGRAM)}")
        parser.exit()


def _parser() -> _Parser:
    debug = _Parser(add_help=False)
    debug.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error comes from")
    parser = _Parser(
        prog=PROGRAM,
        description="Compose with neural networks, measure, train; the notebooks are opened by `lab`.",
        parents=[debug],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: Callable[..., int], help: str, takes_more: bool = False, **texts: Any) -> _Parser:
        added = commands.add_parser(
            name, help=help, description=help[:1].upper() + help[1:] + ".", parents=[debug], allow_abbrev=False, **texts
        )
        added.set_defaults(run=run, takes_more=takes_more)
        return added

    _add_lab(command)
    _add_studio(command)
    _add_compose(command)
    _add_evaluate(command)
    _add_examples(command)
    command("models", _models, "list the trained models")
    command("datasets", _datasets, "list the datasets")
    _add_train(command)
    _add_benchmark(command)
    command("doctor", _doctor, "check the installation, one line a question")
    return parser


def _add_lab(command: Callable[..., _Parser]) -> None:
    command(
        "lab",
        _lab,
        f"open JupyterLab on {START_PAGE}",
        takes_more=True,
        usage=f"{PROGRAM} lab [--debug] [JupyterLab's own options, such as --no-browser --port 8890]",
    )


def _add_studio(command: Callable[..., _Parser]) -> None:
    parser = command("studio", _studio, "open the Music studio alone on a page")
    parser.add_argument("--port", type=int, default=STUDIO_PORT, metavar="N", help=f"default {STUDIO_PORT}")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    parser.add_argument("--dark", action="store_true", help="in the dark theme")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _add_compose(command: Callable[..., _Parser]) -> None:
    parser = command("compose", _compose, "compose with a melody or a piece, and keep the result in the library")
    parser.add_argument(
        "input",
        metavar="IN",
        help=f"a file ({', '.join(READERS)}), a sample melody such as ode_to_joy, or a saved composition's id",
    )
    parser.add_argument(
        "--technique", default="ar-cnn", help=f"one of: {', '.join(studio.TECHNIQUES)} (default ar-cnn)"
    )
    parser.add_argument("--model", help="a trained model of that technique (default: its own); see `models`")
    parser.add_argument("--seed", type=int, help="a whole number: the same seed gives the same notes")
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help=f"write {', '.join(studio.WRITERS)}; may be given several times",
    )
    parser.add_argument("--no-save", action="store_true", help="keep nothing in the library")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    _add_ar_cnn_controls(parser)
    _add_gan_controls(parser)
    _add_transformers_controls(parser)


def _add_ar_cnn_controls(parser: argparse.ArgumentParser) -> None:
    controls = parser.add_argument_group("parameters of ar-cnn")
    for name, (metavar, help) in AR_CNN_CONTROLS.items():
        # Text goes on as it is: the technique knows the ranges, and says so.
        controls.add_argument(_flag(name), metavar=metavar, default=argparse.SUPPRESS, help=help)
    suppressed: dict[str, Any] = {"default": argparse.SUPPRESS}  # what is not given is left to the technique
    controls.add_argument(
        "--keep-melody", action="store_true", help="leave every note of the melody as it is", **suppressed
    )
    controls.add_argument(
        "--lock",
        dest="locked",
        action="append",
        metavar="START:END[:TRACK]",
        help="leave these beats as they are, or that track's notes in them; may be given several times",
        **suppressed,
    )
    controls.add_argument(
        "--choir", action="store_true", help="add only what alto, tenor and bass can sing", **suppressed
    )
    controls.add_argument(
        "--allow-parallels",
        dest="avoid_parallels",
        action="store_false",
        help="let voices move in parallel fifths and octaves, as the network would by itself",
        **suppressed,
    )


def _add_gan_controls(parser: argparse.ArgumentParser) -> None:
    controls = parser.add_argument_group("parameters of gan")
    suppressed: dict[str, Any] = {"default": argparse.SUPPRESS}
    controls.add_argument(
        "--tracks", metavar="ROLE,ROLE", help="add these alone, such as drums,bass (default all)", **suppressed
    )
    for name, metavar, help in (
        ("track_seeds", "ROLE=SEED", "roll one track again, such as drums=5, and keep the others"),
        ("instruments", "ROLE=NAME", "a General MIDI instrument, such as bass=32 or bass='Acoustic Bass'"),
    ):
        controls.add_argument(
            _flag(name).removesuffix("s"),
            dest=name,
            action="append",
            metavar=metavar,
            help=f"{help}; may be given several times",
            **suppressed,
        )
    controls.add_argument(
        "--blend", metavar="SEED:AMOUNT", help="between two seeds: 9:0.5 is halfway to seed 9", **suppressed
    )
    controls.add_argument("--key", metavar="KEY", help='such as "G minor" (default: estimated)', **suppressed)
    controls.add_argument(
        "--only-melody",
        dest="keep_tracks",
        action="store_false",
        help="start from the melody alone, without the input's other tracks",
        **suppressed,
    )


def _add_transformers_controls(parser: argparse.ArgumentParser) -> None:
    controls = parser.add_argument_group("parameters of transformers", "--creative-risk too, 0.5-2 (default 1)")
    for name, (metavar, help) in TRANSFORMERS_CONTROLS.items():
        controls.add_argument(_flag(name), metavar=metavar, default=argparse.SUPPRESS, help=help)


# The names of the techniques' parameters, so that --help need not load torch to print them.
AR_CNN_CONTROLS = {
    "max_notes_to_remove": ("PERCENT", "0-100 %% of the input's notes may go (default 20)"),
    "max_notes_to_add": ("NOTES", "0-1000 notes per eight bars may come (default 1000)"),
    "sampling_iterations": ("EDITS", "0-500 edits per eight bars (default 150)"),
    "creative_risk": ("RISK", "0.5-6, the softmax temperature (default 1)"),
}
TRANSFORMERS_CONTROLS = {
    "sampling_technique": ("NAME", "nucleus, top_k or random: which unlikely tokens are never drawn (default nucleus)"),
    "sampling_threshold": (
        "SHARE",
        "up to 1: the probability, of top_k the vocabulary, that is kept (default 0.95)",
    ),
    "input_duration": ("SECONDS", "1-60: how much of the input's end the model hears (default 20)"),
    "track_extension_duration": ("SECONDS", "0-30: how much is composed (default 15)"),
    "maximum_rest_time": ("SECONDS", "0.5-5: the longest silence (default 1)"),
    "maximum_note_length": ("SECONDS", "0.5-8: the longest note (default 3)"),
}


# Which options are for which technique, by their names in the namespace, and how they are written.
CONTROLS = {
    "ar-cnn": {
        **{name: _flag(name) for name in AR_CNN_CONTROLS},
        "keep_melody": "--keep-melody",
        "locked": "--lock",
        "choir": "--choir",
        "avoid_parallels": "--allow-parallels",
    },
    "gan": {
        "tracks": "--tracks",
        "track_seeds": "--track-seed",
        "instruments": "--instrument",
        "blend": "--blend",
        "key": "--key",
        "keep_tracks": "--only-melody",
    },
    "transformers": {name: _flag(name) for name in (*TRANSFORMERS_CONTROLS, "creative_risk")},
}


def _add_examples(command: Callable[..., _Parser]) -> None:
    parser = command("examples", _examples, "list the library of examples with its numbers, beside Bach's own")
    parser.add_argument("--make", action="store_true", help="compose, render and measure all of them anew: minutes")
    parser.add_argument("--model", help="with --make, a trained model of ar-cnn (default: its own)")


def _add_evaluate(command: Callable[..., _Parser]) -> None:
    parser = command("evaluate", _evaluate, "measure pieces: five metrics, for each track and overall")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="as `compose` takes it: files, samples, saved compositions"
    )
    parser.add_argument("--key", default="C", help="tonic of the scale (default C)")
    parser.add_argument("--mode", default="major", help="its mode: major, minor, dorian … (default major)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there instead of printing a table")


def _add_train(command: Callable[..., _Parser]) -> None:
    parser = command(
        "train",
        _train,
        "train a model by a recipe; without RECIPE, list the recipes",
        takes_more=True,
        usage=f"{PROGRAM} train [RECIPE] [--save NAME] [--checkpoint FILE] [--snapshots EPOCHS] [--quiet]\n"
        "       [--HYPERPARAMETER=VALUE ...]",
        epilog=f"Any hyperparameter of the recipe can be given: {PROGRAM} train ar_cnn_tiny --epochs=2",
    )
    parser.add_argument("recipe", nargs="?", metavar="RECIPE")
    parser.add_argument("--save", metavar="NAME", help="keep the trained model under this name")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep the state there, and go on from it if it exists")
    parser.add_argument(
        "--snapshots", metavar="EPOCHS", help="of a GAN, also keep models NAME_epoch_00 … after these epochs: 0,1,2,4"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_benchmark(command: Callable[..., _Parser]) -> None:
    parser = command("benchmark", _benchmark, "measure a technique on pieces it never saw, beside floors")
    parser.add_argument("technique", metavar="TECHNIQUE", help=f"one of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="few pieces: about a minute")
    parser.add_argument("--json", metavar="FILE", help="also write the figures as one flat object")
    parser.add_argument("--jsb", metavar="FILE", help="read the test pieces from the public Jsb16thSeparated.npz")
    parser.add_argument("--model", help="a trained model of that technique (default: its own; of gan, every one)")
    parser.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="of gan, whose songs are measured (default test)",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the figures in the package, for where the data is not: gan --model NAME, transformers --jsb FILE",
    )
    trained = parser.add_argument_group("networks that are trained for the comparison, and kept as a file of figures")
    trained.add_argument(
        "--train-original", action="store_true", help="train and score the original's architecture: hours"
    )
    trained.add_argument("--architectures", action="store_true", help="train ours with several trunks, compute alike")
    trained.add_argument("--folds", action="store_true", help="of gan, train rock five times, each without a fifth")
    trained.add_argument("--seconds", type=float, metavar="N", help="CPU seconds of each training")
    trained.add_argument(
        "--checkpoint", metavar="FILE", help="keep the state of --train-original or --folds there, and go on from it"
    )


# --- music in and out ---------------------------------------------------------------------------------------


def _read_musicxml(path: Path) -> Composition:
    from deepcomposer_lab.music.musicxml import read_musicxml

    return read_musicxml(path)


def _read_piano_roll(path: Path) -> Composition:
    from deepcomposer_lab.music.pianoroll import PianoRoll

    return PianoRoll.load_npz(path).to_composition()


def _read_saved(path: Path) -> Composition:
    from deepcomposer_lab.library import open_composition

    return open_composition(path)


def _read_midi(path: Path) -> Composition:
    from deepcomposer_lab.music.midi import read_midi

    return read_midi(path)


# What ends otherwise is taken for MIDI, whose reader says so where it is none.
READERS: dict[str, Callable[[Path], Composition]] = {
    ".mid": _read_midi,
    ".midi": _read_midi,
    ".musicxml": _read_musicxml,
    ".xml": _read_musicxml,
    ".mxl": _read_musicxml,
    ".npz": _read_piano_roll,
    ".json": _read_saved,
}


def _read(name: str) -> Composition | Melody:
    """Return the piece a person means by `name`."""
    from deepcomposer_lab import library
    from deepcomposer_lab.music.samples import list_sample_melodies, sample_melody

    if not name.strip():
        raise CommandError(
            "the input's name is empty; give a file, a sample melody such as ode_to_joy, or a saved composition."
        )
    path = Path(name)
    if path.exists():
        return READERS.get(path.suffix.lower(), _read_midi)(path)
    if name in list_sample_melodies():
        return sample_melody(name)
    if library.is_id(name):
        return library.open_composition(name)
    raise CommandError(
        f"there is no file {name!r}, and no sample melody of that name; the samples are "
        f"{', '.join(list_sample_melodies())}."
    )


def _checked_outputs(names: Iterable[str], input: str = "") -> list[Path]:
    """Return the output files, each known to be writable and of a known kind, before any work is done."""
    paths: list[Path] = []
    for name in names:
        path = studio.checked_export_path(name)
        if path.resolve() in [other.resolve() for other in paths]:
            raise CommandError(f"the output {name!r} is given twice.")
        if input and path.exists() and path.resolve() == Path(input).resolve():
            raise CommandError(f"the output {name!r} would replace the input; choose another name.")
        paths.append(path)
    return paths


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    from deepcomposer_lab.music.files import write_atomically

    write_atomically(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())


@dataclass
class _ProgressBar:
    """A progress bar with the time left, on stderr; it appears with the first step."""

    unit: str
    quiet: bool
    bar: tqdm | None = field(default=None, init=False)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if self.quiet:
            return
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit=f" {self.unit}", dynamic_ncols=True, file=sys.stderr)
        self.bar.total = total
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


# --- the commands -------------------------------------------------------------------------------------------


def _lab(options: argparse.Namespace) -> int:
    """Open JupyterLab on the start page: the checkout's, else that of the working folder."""
    page = _start_page()
    root = page.parent.parent if page.parent.name == "notebooks" else page.parent
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    command.append(f"--LabApp.default_url=/lab/tree/{page.relative_to(root).as_posix()}")
    command.append("--ServerApp.port_retries=0")  # a port in use is said, and no other taken without a word
    command.append("--Application.log_level=ERROR")  # what is left is the address, and what goes wrong
    command += _quiet_layout(root / "binder")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return subprocess.call([*command, *options.rest])


def _studio(options: argparse.Namespace) -> int:
    """Open the Music studio with Voilà: one notebook of one cell, on a page that shows nothing else."""
    from deepcomposer_lab.library import library_directory

    if not 1 <= options.port <= 65535:
        raise CommandError(f"a port lies in 1–65535; got {options.port}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", options.port))
        except OSError:
            raise CommandError(f"port {options.port} is in use; choose another one with --port.") from None
    theme = "dark" if options.dark else "light"
    command = [sys.executable, "-m", "voila", str(STUDIO_PAGE / "studio.ipynb"), f"--port={options.port}"]
    command += ["--no-browser"] if options.no_browser else []
    command += [f"--theme={theme}", "--template=deepcomposer_lab", "--Voila.ip=127.0.0.1", "--Voila.log_level=ERROR"]
    # A page that is left tells its kernel to end, for which Voilà wants a cookie that it never gave. Nobody else can
    # end a kernel even so: its name is known to its own page alone.
    command += ["--Voila.tornado_settings={'disable_check_xsrf': True}"]
    # And a page that could not tell, as its browser was killed: half an hour later.
    command += ["--MappingKernelManager.cull_idle_timeout=1800", "--MappingKernelManager.cull_interval=300"]
    home = os.environ.get("DEEPCOMPOSER_LAB_HOME") or str(library_directory().absolute())
    paths = os.pathsep.join(filter(None, [str(STUDIO_PAGE), os.environ.get("JUPYTER_PATH")]))
    print(f"The Music studio: http://127.0.0.1:{options.port}/ (Ctrl-C here ends it)", flush=True)
    surroundings = {**os.environ, "DEEPCOMPOSER_LAB_HOME": home, "JUPYTER_PATH": paths}
    if sys.platform == "win32":
        return subprocess.call(command, env=surroundings)
    return os.execve(
        command[0], command, surroundings
    )  # Voilà becomes this process, and with it gets Ctrl-C and `kill`


def _quiet_layout(settings: Path) -> list[str]:
    """Return JupyterLab's options for a checkout's own settings: no news, no update notice, sidebars shut."""
    if not (settings / "overrides.json").is_file():
        return []
    options = [f"--LabApp.app_settings_dir={settings}"]
    # Where `make lab` puts it too. Copied once: from then on it holds the person's own layout.
    folder = Path(sys.prefix) / "share" / "jupyter" / "lab" / "workspaces"
    try:
        if not any(folder.glob("default-*.jupyterlab-workspace")):
            from jupyterlab_server.workspaces_handler import WorkspacesManager

            WorkspacesManager(str(folder)).save("default", (settings / "workspace.json").read_text(encoding="utf-8"))
    except OSError:  # an environment that may not be written: the sidebar will be open
        return options
    return [*options, f"--LabApp.workspaces_dir={folder}"]


def _start_page() -> Path:
    checkout = Path(__file__).resolve().parent.parent / "notebooks"
    places = (checkout, Path.cwd(), Path.cwd() / "notebooks")
    for folder in places:
        if (folder / START_PAGE).is_file():
            return folder.resolve() / START_PAGE
    raise CommandError(f"the notebooks are not here; run this in the folder that holds {START_PAGE}.")


_UNITS = {"ar-cnn": "edits", "gan": "steps", "transformers": "seconds of music"}


def _compose(options: argparse.Namespace) -> int:
    """Read, compose, keep, export; whatever can be refused is refused before the network is loaded."""
    studio.find_technique(options.technique)
    from deepcomposer_lab.library import library_directory

    parameters = _parameters(options)
    outputs = _checked_outputs(options.output, options.input)
    music = _read(options.input)
    if not options.no_save:
        library_directory().mkdir(parents=True, exist_ok=True)
    if "locked" in parameters:
        parameters["locked"] = [_span(text, music) for text in options.locked]
    began = time.perf_counter()
    with _ProgressBar(_UNITS[options.technique], options.quiet) as progress:
        composition = studio.compose(
            music,
            options.technique,
            model=options.model,
            save=False,  # the files that were asked for come first, whatever becomes of the library
            progress=progress,
            seed=options.seed,
            **parameters,
        )
    seconds = time.perf_counter() - began
    step = composition.steps[-1]
    print(
        f"{composition.title}: {studio.counted(_pitched(music), 'note')} in, "
        f"{studio.counted(_pitched(composition), 'note')} out, seed {step.seed}, {seconds:.1f} s"
    )
    if options.technique == "transformers":
        print(_longer(music, composition))
    for told in composition.steps:
        if told is step or told.technique == "import":
            print("".join(f"Note: {remark}\n" for remark in told.remarks), end="")
    for path in outputs:
        print(f"Wrote {studio.export(composition, path)}")
    if not options.no_save:
        saved = studio.keep(composition, music)
        print(f"Saved as {saved.id} in {saved.path.parent}")
    return 0


def _longer(music: Composition | Melody, extended: Composition) -> str:
    from deepcomposer_lab.music.composition import as_composition

    before = as_composition(music).seconds
    if extended.seconds == before:
        return f"It lasts {before:.1f} s, as before."
    return f"Extended from {before:.1f} s to {extended.seconds:.1f} s"


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    """Return the technique's parameters as they were given, those of the GAN read from text."""
    own = CONTROLS.get(options.technique, {})
    for technique, controls in CONTROLS.items():
        strange = [flag for name, flag in controls.items() if name in options and name not in own]
        if strange:
            raise CommandError(f"{strange[0]} is for {technique}, not for {options.technique}.")
    given = {name: getattr(options, name) for name in own if name in options}
    if "tracks" in given:
        given["tracks"] = [role.strip() for role in given["tracks"].split(",") if role.strip()]
    if "track_seeds" in given:
        given["track_seeds"] = {
            role: _whole(seed, "a track's seed") for role, seed in _pairs(given["track_seeds"], "--track-seed drums=5")
        }
    if "instruments" in given:
        from deepcomposer_lab.music.instruments import program_of

        pairs = _pairs(given["instruments"], "--instrument bass=32")
        given["instruments"] = {role: program_of(instrument) for role, instrument in pairs}
    if "blend" in given:
        given["blend"] = _blend(given["blend"])
    if "key" in given:
        from deepcomposer_lab.music.key import read_key

        read_key(given["key"])  # refused here rather than after the network is loaded
    return given


def _pairs(texts: Iterable[str], example: str) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        role, equals, value = (part.strip() for part in text.partition("="))
        if not (role and equals and value):
            raise CommandError(f"it is written {example}; got {text!r}.")
        pairs.append((role, value))
    return pairs


def _whole(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise CommandError(f"{what} is a whole number of 0 or more; got {text!r}.")
    return int(text)


def _blend(text: str) -> tuple[int, float]:
    seed, _, amount = text.partition(":")
    try:
        share = float(amount)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise CommandError(f"a blend is written SEED:AMOUNT, an amount of 0 to 1, such as 9:0.5; got {text!r}.")
    return _whole(seed, "a blend's seed"), share


def _span(text: str, music: Composition | Melody) -> Span:
    """Read "4:8" as the beats 4 to 8 of the music, "4:8:Alto" as those of one of its tracks."""
    from deepcomposer_lab.music.composition import as_composition
    from deepcomposer_lab.music.span import Span, checked_in

    start, _, rest = text.partition(":")
    end, names_track, track = rest.partition(":")
    try:
        beats = float(start), float(end)
    except ValueError:
        raise CommandError(f"a lock is written START:END in beats, such as 4:8, or 4:8:TRACK; got {text!r}.") from None
    if names_track and not track:
        raise CommandError(
            f"a lock ends with a track's name after the second colon, or without that colon; got {text!r}."
        )
    piece = as_composition(music)
    span = Span(*beats, tracks=(track,) if names_track else None)
    return checked_in(span, end=piece.end, names=[track.name for track in piece.tracks])


def _pitched(music: Composition | Melody) -> int:
    from deepcomposer_lab.music.composition import as_composition

    return sum(len(track.notes) for track in as_composition(music).tracks if not track.is_drum)


def _examples(options: argparse.Namespace) -> int:
    if options.model is not None and not options.make:
        raise CommandError("--model is for --make.")
    from deepcomposer_lab.benchmarks import examples

    if options.make:
        chosen = {} if options.model is None else {"model": options.model}
        examples.make(report=partial(print, flush=True), **chosen)
    print("\n".join(examples.table()))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from deepcomposer_lab.metrics import evaluate

    target = _checked_file(options.json)
    evaluations = {name: evaluate(_read(name), options.key, options.mode) for name in options.files}
    if target is not None:
        _write_json(target, {name: evaluation.as_dict() for name, evaluation in evaluations.items()})
        print(f"Wrote {target}")
        return 0
    print("\n\n".join(f"{name}\n{evaluation.to_table()}" for name, evaluation in evaluations.items()))
    return 0


def _checked_file(name: str | None) -> Path | None:
    if name is None:
        return None
    studio.check_writable(Path(name))
    return Path(name)


def _models(options: argparse.Namespace) -> int:
    from deepcomposer_lab.models.registry import list_models

    rows = [
        [
            card.stem,
            card.technique,
            card.network,
            f"{card.parameters:,}",
            f"{card.weights_bytes / 1e6:.1f} MB",
            str(card.dataset.get("name", "")),
        ]
        for card in list_models()
    ]
    print(_table(["model", "technique", "network", "parameters", "weights", "dataset"], rows))
    return 0


def _datasets(options: argparse.Namespace) -> int:
    from deepcomposer_lab.datasets import dataset_summary, list_datasets

    rows = []
    for name in list_datasets():
        pieces, title, licence = dataset_summary(name)
        rows.append([name, str(pieces), title, licence])
    print(_table(["dataset", "pieces", "what", "licence"], rows))
    return 0


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return left-aligned columns, two spaces apart."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def _train(options: argparse.Namespace) -> int:
    """Train by a recipe and print what the validation pieces say."""
    from deepcomposer_lab.training.recipes import get_recipe, list_recipes

    if options.recipe is None:
        if options.rest:
            raise CommandError(f"name a recipe first: {', '.join(list_recipes())}.")
        print("\n".join(list_recipes()))
        return 0
    recipe = get_recipe(options.recipe)
    recipe = recipe.replace(**_overrides(options.rest, recipe.as_dict()))
    from deepcomposer_lab.models.registry import check_name
    from deepcomposer_lab.training import train

    if options.save is not None:
        check_name(options.save)  # before the work, not after it
    epochs = None if options.snapshots is None else _snapshot_epochs(options, recipe)
    trainer: Any = train(recipe, checkpoint=_checked_file(options.checkpoint))
    kept: list[str] = []
    updates = trainer if epochs is None else trainer.snapshots(options.save, epochs, report=kept.append)
    measured: Mapping[str, float] = {}
    with _ProgressBar("steps", options.quiet) as bar:
        for progress in updates:
            measured = progress.metrics or measured
            bar(progress.step, progress.total_steps, f"epoch {progress.epoch:.2f}, loss {progress.loss:.3f}")
    for name, value in measured.items():
        print(f"{name}: {value:.4f}")
    if epochs is not None:
        behind = len(set(epochs)) - len(kept)
        print(f"Snapshots: {', '.join(kept) or 'none'}" + (f"; {behind} lay behind the checkpoint" if behind else ""))
    if options.save is not None:
        print(f"Saved the model {trainer.save(options.save).stem}")
    else:
        print("The model is not kept; --save NAME keeps it.")
    return 0


def _snapshot_epochs(options: argparse.Namespace, recipe: Any) -> list[int]:
    """Return the epochs after which a model is kept."""
    if options.save is None:
        raise CommandError("--snapshots needs a name to keep them under: --save NAME.")
    if recipe.technique != "gan":
        raise CommandError(f"--snapshots is for GANs; {recipe.name} trains {recipe.technique}.")
    words = options.snapshots.split(",")
    digits = all(word.strip().isascii() and word.strip().isdigit() for word in words)
    if not digits or max(map(int, words)) > recipe.epochs:
        raise CommandError(
            f"--snapshots takes epochs from 0 to the recipe's {recipe.epochs}, commas between them: 0,1,2,4; got "
            f"{options.snapshots!r}."
        )
    from deepcomposer_lab.models.registry import check_name

    for word in words:
        check_name(f"{options.save}_epoch_{int(word):02}")
    return [int(word) for word in words]


def _overrides(words: Sequence[str], current: Mapping[str, Any]) -> dict[str, Any]:
    """Read `--epochs=2`, `--epochs 2` as values of the type the recipe has."""
    overrides: dict[str, Any] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise CommandError(f"a hyperparameter is written --name=value; got {word!r}.")
        if not equals:
            if not waiting:
                raise CommandError(f"{word} lacks its value: {word}=VALUE.")
            text = waiting.pop(0)
        name = name.replace("-", "_")
        overrides[name] = _typed(text, current.get(name))
    return overrides


def _typed(text: str, current: Any) -> Any:
    """Return `text` as a value of the type of `current`; where it is none, as it is, and the recipe says so."""
    if isinstance(current, str):
        return text
    if isinstance(current, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(current, list | tuple):
        return tuple(
            _typed(item.strip(), current[0] if current else 0) for item in text.strip("()[]").split(",") if item
        )
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _benchmark(options: argparse.Namespace) -> int:
    if options.technique not in BENCHMARKS:
        raise CommandError(f"there is no benchmark {options.technique!r}; there is {', '.join(BENCHMARKS)}.")
    target = _checked_file(options.json)
    jsb = None if options.jsb is None else Path(options.jsb)
    if jsb is not None and not jsb.is_file():
        raise CommandError(f"there is no file {options.jsb!r}.")
    if options.technique == "gan" and jsb is not None:
        raise CommandError("--jsb is for the benchmarks of ar-cnn and transformers.")
    if options.technique != "ar-cnn" and options.architectures:
        raise CommandError("--architectures is for the benchmark of ar-cnn.")
    if options.technique != "gan" and options.folds:
        raise CommandError("--folds is for the benchmark of gan.")
    if options.technique == "transformers" and options.train_original:
        raise CommandError("--train-original is for the benchmarks of ar-cnn and gan.")
    if options.split != "test" and (options.technique != "gan" or options.keep):
        raise CommandError(
            "--split validation is for the benchmark of gan, whose figures on test songs alone are kept."
        )
    one_gan = options.technique == "gan" and options.model is not None
    transformer = options.technique == "transformers" and jsb is not None
    if options.keep and (options.quick or not (one_gan or transformer)):
        raise CommandError(
            "--keep is for the whole benchmark of one GAN, benchmark gan --model NAME --keep, or of a Transformer, "
            "benchmark transformers --jsb FILE --keep."
        )
    if options.keep:
        from deepcomposer_lab.benchmarks.records import FOLDER

        studio.check_writable(FOLDER / "figures.json")  # before the work, not after it
    if options.train_original or options.architectures or options.folds:
        figures = _train_for_comparison(options)
    else:
        if options.seconds is not None or options.checkpoint is not None:
            raise CommandError("--seconds and --checkpoint are for --train-original, --architectures and --folds.")
        figures = _benchmark_models(options, jsb)
    if target is not None:
        _write_json(target, figures)
        print(f"Wrote {target}")
    return 0


def _benchmark_models(options: argparse.Namespace, jsb: Path | None) -> Mapping[str, float]:
    """Measure trained models and print the table."""
    lines: list[str] = []
    chosen = {} if options.model is None else {"model": options.model}
    with _ProgressBar("models" if options.technique == "gan" else "parts", quiet=False) as progress:
        if options.technique == "gan":
            from deepcomposer_lab.benchmarks import gan as gans

            figures = gans.run(
                quick=options.quick,
                report=lines.append,
                progress=progress,
                model=options.model,
                timed=not options.quick and options.model is None,
                split=options.split,
                kept=options.keep,
            )
        elif options.technique == "transformers":
            from deepcomposer_lab.benchmarks import transformers

            figures = transformers.run(
                quick=options.quick, jsb=jsb, report=lines.append, progress=progress, kept=options.keep, **chosen
            )
        else:
            from deepcomposer_lab.benchmarks import ar_cnn

            figures = ar_cnn.run(quick=options.quick, jsb=jsb, report=lines.append, progress=progress, **chosen)
    print("\n".join(lines))
    return figures


def _train_for_comparison(options: argparse.Namespace) -> Mapping[str, float]:
    """Train what the benchmark compares with, and keep its figures where they are read."""
    names = ("train_original", "architectures", "folds")
    given = [_flag(name) for name in names if getattr(options, name)]
    if len(given) > 1:
        raise CommandError(f"{' and '.join(given)} are several commands; give one.")
    (name,) = given
    if options.quick or options.jsb is not None or options.model is not None:
        raise CommandError(f"{name} measures other networks: --quick, --jsb and --model do not go with it.")
    if options.architectures and options.checkpoint is not None:
        raise CommandError("--checkpoint is for --train-original and --folds.")
    if options.folds and options.seconds is not None:
        raise CommandError("--seconds is for --train-original and --architectures; --folds follows a recipe.")
    if options.seconds is not None and not options.seconds > 0:
        raise CommandError(f"--seconds takes a number above 0; got {options.seconds:g}.")
    checkpoint = _checked_file(options.checkpoint)
    from deepcomposer_lab.benchmarks import architectures, gan_folds, original_ar_cnn, original_gan

    originals: dict[str, Any] = {"ar-cnn": original_ar_cnn, "gan": original_gan}
    modules = {"--train-original": originals[options.technique], "--architectures": architectures, "--folds": gan_folds}
    module: Any = modules[name]
    module.FIGURES.parent.mkdir(parents=True, exist_ok=True)
    studio.check_writable(module.FIGURES)  # before the work, not after it
    report = partial(print, flush=True)
    if options.folds:
        return gan_folds.run(report, checkpoint=checkpoint)["figures"]
    seconds = module.SECONDS if options.seconds is None else options.seconds
    if options.train_original:
        return module.run(seconds, checkpoint, report)["figures"]
    rows = architectures.run(seconds=seconds, report=report)
    return {f"{row}: {figure}": value for row, found in rows.items() for figure, value in found.items()}


def _doctor(options: argparse.Namespace) -> int:
    from deepcomposer_lab.doctor import checks

    answers = checks()
    print("\n".join(map(str, answers)))
    return 0 if all(answer.ok for answer in answers) else 1
