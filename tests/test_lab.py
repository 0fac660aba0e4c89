"""lab.py: one file that sets up, opens and tests, from a fresh clone and again."""

import ast
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ports import free_port

ROOT = Path(__file__).parents[1]
PYPROJECT = '[project]\nname = "a-small-project"\nversion = "1"\n'
NOT_IN_A_CLONE = (
    ".venv",
    ".git",
    "node_modules",
    "__pycache__",
    ".*_cache",
    "compositions",
    ".ipynb_checkpoints",
    ".hypothesis",
)


@pytest.fixture
def lab():
    """Return lab.py as a fresh module, so that nothing a test replaces in it stays replaced."""
    specification = importlib.util.spec_from_file_location("lab", ROOT / "lab.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def empty_environment(tmp_path_factory):
    """Return a virtual environment with pip and nothing else, to be copied: making one takes seconds."""
    path = tmp_path_factory.mktemp("template") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", path], check=True)
    return path


@pytest.fixture
def project(lab, tmp_path, empty_environment, monkeypatch):
    """Return an Environment in a folder of its own, with the list of what was made and what pip was asked for."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT)
    events = []

    def make(self):
        events.append("make")
        shutil.copytree(empty_environment, self.path, symlinks=True)

    monkeypatch.setattr(lab.Environment, "make", make)
    monkeypatch.setattr(lab.Environment, "pip_install", lambda self, arguments, what: events.append(arguments))
    monkeypatch.setattr(lab.Environment, "install_settings", lambda self: None)
    return lab.Environment(str(root)), events


def status_of(url):
    """Return the HTTP status of `url` without following redirects, or None while nothing answers."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            return None

    try:
        return urllib.request.build_opener(NoRedirect).open(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def wait_for(url, seconds, process):
    end = time.monotonic() + seconds
    while (status := status_of(url)) is None:
        assert process.poll() is None, "JupyterLab ended before it answered"
        assert time.monotonic() < end, f"{url} did not answer within {seconds} s"
        time.sleep(0.1)
    return status


class TestAnyPython:
    def test_parses_on_an_old_python_and_needs_the_standard_library_alone(self):
        tree = ast.parse((ROOT / "lab.py").read_text(), feature_version=(3, 7))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names

    def test_an_old_python_is_told_which_one_is_needed(self, lab, monkeypatch):
        monkeypatch.setattr(lab.sys, "version_info", (3, 9, 18))
        monkeypatch.setattr(lab, "newer_python", lambda: None)
        with pytest.raises(lab.Problem, match=r"needs Python 3\.11 or newer, and this is Python 3\.9"):
            lab.main(["test"])

    def test_an_old_python_hands_over_to_a_newer_one(self, lab, monkeypatch):
        called = []
        monkeypatch.setattr(lab.sys, "version_info", (3, 9, 18))
        monkeypatch.setattr(lab, "newer_python", lambda: "/there/python3.12")
        monkeypatch.setattr(lab.subprocess, "call", lambda command: called.append(command) or 7)
        assert lab.main(["test", "-x"]) == 7
        assert called == [["/there/python3.12", str(ROOT / "lab.py"), "test", "-x"]]

    def test_newer_python_passes_over_one_that_does_not_run(self, lab, tmp_path, monkeypatch):
        (tmp_path / "python3.19").write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / "python3.13").symlink_to(sys.executable)
        (tmp_path / "python3.19").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert lab.newer_python() == str(tmp_path / "python3.13")

    def test_an_unknown_command_is_named(self, lab):
        with pytest.raises(lab.Problem, match="no command 'tset'"):
            lab.main(["tset"])


class TestEnvironment:
    def test_torch_comes_first_and_a_second_run_installs_nothing(self, lab, project):
        environment, events = project
        environment.prepare()
        assert events == ["make", lab.torch_arguments(), ["-e", "."]]
        environment.prepare()
        assert len(events) == 3

    def test_testing_adds_what_tests_need_and_opening_afterwards_adds_nothing(self, lab, project):
        environment, events = project
        environment.prepare()
        environment.prepare(extras=["test"])
        assert events[3:] == [lab.torch_arguments(), ["-e", ".[test]"]]
        environment.prepare()
        assert len(events) == 5

    def test_a_changed_pyproject_is_installed_again_with_the_same_extras(self, project):
        environment, events = project
        environment.prepare(extras=["test"])
        Path(environment.root, "pyproject.toml").write_text(PYPROJECT + 'description = "grown"\n')
        environment.prepare()
        assert events[-1] == ["-e", ".[test]"]
        assert events.count("make") == 1

    def test_an_installation_that_was_cut_off_is_begun_anew(self, project, capsys):
        environment, events = project
        environment.prepare()
        Path(environment.installing_file).touch()
        Path(environment.path, "half-copied").touch()
        environment.prepare()
        assert events.count("make") == 2
        assert not Path(environment.path, "half-copied").exists()
        assert "an installation was cut off" in capsys.readouterr().out

    def test_a_moved_checkout_is_noticed(self, lab, project, capsys):
        environment, events = project
        environment.prepare()
        moved = environment.root + "-elsewhere"
        os.rename(environment.root, moved)
        lab.Environment(moved).prepare()
        assert events.count("make") == 2
        assert "moved" in capsys.readouterr().out

    def test_a_python_that_no_longer_runs_is_replaced(self, project):
        environment, events = project
        environment.prepare()
        os.remove(environment.python)
        os.symlink("/nowhere/python", environment.python)
        environment.prepare()
        assert events.count("make") == 2
        assert environment.version() is not None

    @pytest.mark.parametrize(
        ("pip_status", "mark_stays"), [(1, False), (-signal.SIGKILL, True)], ids=["gave up", "killed"]
    )
    def test_pip_is_tried_twice_and_leaves_its_mark_only_when_killed(
        self, lab, tmp_path, monkeypatch, pip_status, mark_stays
    ):
        environment = lab.Environment(str(tmp_path))
        os.mkdir(environment.path)
        commands = []
        monkeypatch.setattr(lab.subprocess, "call", lambda command, **_: commands.append(command) or pip_status)
        with pytest.raises(lab.Problem, match="Installing torch failed"):
            environment.pip_install(["torch"], "torch")
        assert commands == [[environment.python, "-m", "pip", "install", "torch"]] * 2
        assert os.path.exists(environment.installing_file) is mark_stays

    def test_pip_is_not_led_elsewhere_by_the_surroundings(self, lab, monkeypatch):
        monkeypatch.setenv("PIP_USER", "1")
        monkeypatch.setenv("PYTHONPATH", "/elsewhere")
        monkeypatch.setenv("PIP_INDEX_URL", "file:///a-schools-own-index")
        settings = lab.pip_settings()
        assert not {"PIP_USER", "PYTHONPATH"} & set(settings)
        assert settings["PIP_INDEX_URL"] == "file:///a-schools-own-index"

    def test_debians_missing_package_is_named_where_it_may_not_be_installed(self, lab, monkeypatch):
        monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(lab, "administrator", lambda: None)
        with pytest.raises(lab.Problem, match="apt-get install python3-venv"):
            lab.require_ensurepip()

    def test_torch_is_the_cpu_build_that_the_package_admits(self, lab):
        assert lab.torch_arguments("linux")[-2:] == ["--extra-index-url", lab.TORCH_CPU_INDEX]
        assert lab.torch_arguments("darwin") == ["torch==" + lab.TORCH_VERSION]
        with open(ROOT / "pyproject.toml", "rb") as file:
            dependencies = tomllib.load(file)["project"]["dependencies"]
        (bounds,) = [re.findall(r"(\d+)(?:\.(\d+))?", name) for name in dependencies if name.startswith("torch")]
        oldest, newest = [(int(major), int(minor or 0)) for major, minor in bounds]
        assert oldest <= tuple(int(part) for part in lab.TORCH_VERSION.split(".")[:2]) < newest


class TestOtherPrograms:
    def test_a_chromium_that_does_not_start_is_passed_over(self, lab, tmp_path, monkeypatch):
        for name, status in (("chromium", 1), ("google-chrome", 0)):
            (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert lab.find_chromium() == str(tmp_path / "google-chrome")

    def test_playwrights_own_download_is_found(self, lab, tmp_path, monkeypatch):
        program = tmp_path / "chromium-1200" / "chrome-linux64" / "chrome"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
        assert lab.find_chromium() == str(program)

    @pytest.mark.parametrize("pytest_status", [0, 5])
    def test_without_chromium_the_rest_runs_and_the_status_is_not_0(self, lab, monkeypatch, capsys, pytest_status):
        commands = []
        monkeypatch.setattr(lab.Environment, "prepare", lambda self, extras: None)
        monkeypatch.setattr(lab, "find_chromium", lambda: None)
        monkeypatch.setattr(lab, "install_chromium", lambda python: None)
        monkeypatch.setattr(lab, "missing_javascript", lambda environment: None)
        monkeypatch.setattr(lab.subprocess, "call", lambda command, **_: commands.append(command) or pytest_status)
        assert lab.main(["test", "-q"]) == (pytest_status or 1)
        assert commands == [[lab.Environment().python, "-m", "pytest", "-q"]]
        assert "apt-get install chromium" in capsys.readouterr().out.splitlines()[-1]

    @pytest.mark.parametrize("statuses", [(0, 0), (1, 0), (0, 1), (0, -9)])
    def test_all_of_them_share_the_cores_but_for_those_of_the_browser(self, lab, monkeypatch, statuses):
        commands, given = [], list(statuses)
        monkeypatch.setattr(lab.Environment, "prepare", lambda self, extras: None)
        monkeypatch.setattr(lab, "missing_programs", lambda environment: [])
        monkeypatch.setattr(lab.os, "cpu_count", lambda: 2)
        monkeypatch.setattr(lab.subprocess, "call", lambda command, **_: commands.append(command[3:]) or given.pop(0))
        assert bool(lab.main(["test"])) is any(statuses)
        browser = os.path.join("tests", "browser")
        assert commands == [["-n", "2", "--dist", "loadfile", f"--ignore={browser}"], [browser]]
        commands.clear()
        monkeypatch.setattr(lab.os, "cpu_count", lambda: 1)
        given[:] = [0]
        lab.main(["test"])
        assert commands == [[]]

    def test_all_tests_means_the_slow_ones_too(self, lab, monkeypatch):
        commands = []
        monkeypatch.setattr(lab.Environment, "prepare", lambda self, extras: None)
        monkeypatch.setattr(lab, "missing_programs", lambda environment: [])
        monkeypatch.setattr(lab.subprocess, "call", lambda command, **_: commands.append(command) or 0)
        assert lab.main(["test-all", "tests/test_lab.py"]) == 0
        assert commands[0][3:] == ["-m", "slow or not slow", "tests/test_lab.py"]


@pytest.fixture
def widgets(lab, tmp_path, monkeypatch):
    """Return an Environment with JavaScript to build, its folder, the npm calls made, and what each is to return."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(lab, "administrator", lambda: None)
    folder = tmp_path / "project" / "deepcomposer_lab" / "widgets" / "js"
    folder.mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    calls, statuses = [], []
    really_call = subprocess.call

    def call(command, **options):
        if "-e" in command:  # Node is asked for its age
            return really_call(command, **options)
        calls.append((command, options.get("cwd")))
        status = statuses.pop(0) if statuses else 0
        if "ci" in command:  # as npm does: what was there goes first
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            (folder / "node_modules").mkdir()
        return status

    monkeypatch.setattr(lab.subprocess, "call", call)
    return lab.Environment(str(tmp_path / "project")), folder, calls, statuses


def put_node(folder, status=0):
    """Put programs named node and npm into a folder, of which the first ends with `status`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, number in (("node", status), ("npm", 0)):
        (folder / name).write_text(f"#!/bin/sh\nexit {number}\n")
        (folder / name).chmod(0o755)
    return str(folder / "node"), str(folder / "npm")


class TestNode:
    def test_node_on_path_is_taken_before_the_environments_own(self, lab, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        python = str(tmp_path / "venv" / "python")
        assert lab.find_node(python) is None
        own = put_node(tmp_path / "venv")
        assert lab.find_node(python) == own
        on_path = put_node(tmp_path / "bin")
        assert lab.find_node(python) == on_path

    def test_one_that_is_too_old_or_does_not_start_is_passed_over(self, lab, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        put_node(tmp_path / "bin", status=1)
        own = put_node(tmp_path / "venv")
        assert lab.find_node(str(tmp_path / "venv" / "python")) == own

    @pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here to ask for its age")
    @pytest.mark.parametrize(("oldest", "is_found"), [(1, True), (1000, False)])
    def test_nodes_age_is_asked_of_node_itself(self, lab, monkeypatch, oldest, is_found):
        monkeypatch.setattr(lab, "OLDEST_NODE", oldest)
        assert (lab.find_node("/nowhere/python") is not None) is is_found

    def test_a_project_without_javascript_needs_none(self, lab, widgets):
        environment, folder, calls, _ = widgets
        (folder / "package-lock.json").unlink()
        assert lab.missing_javascript(environment) is None
        assert calls == []

    def test_packages_are_installed_once_and_again_when_the_lock_file_changes(self, lab, widgets, tmp_path):
        environment, folder, calls, _ = widgets
        _, npm = put_node(tmp_path / "bin")
        assert lab.missing_javascript(environment) is None
        ((command, place),) = calls
        assert command[:2] == [npm, "ci"]
        assert "--ignore-scripts" in command
        assert place == str(folder)
        assert lab.missing_javascript(environment) is None
        assert len(calls) == 1
        (folder / "package-lock.json").write_text('{"name": "grown"}')
        assert lab.missing_javascript(environment) is None
        assert len(calls) == 2

    def test_packages_are_tried_twice_and_a_failure_is_said_and_tried_again(self, lab, widgets, tmp_path):
        environment, _, calls, statuses = widgets
        put_node(tmp_path / "bin")
        statuses[:] = [1, 1]
        assert "could not be installed" in lab.missing_javascript(environment)
        assert len(calls) == 2
        statuses[:] = [1, 0]
        assert lab.missing_javascript(environment) is None
        assert len(calls) == 4

    def test_without_node_it_is_installed_beside_python_or_asked_for(self, lab, widgets):
        environment, _, calls, _ = widgets
        sentence = lab.missing_javascript(environment)
        assert "install Node 20 or newer" in sentence
        ((command, _),) = calls
        assert command[0] == environment.python
        assert command[1:4] == ["-m", "pip", "install"]
        own = put_node(Path(environment.python).parent)
        assert lab.missing_javascript(environment) is None
        assert calls[-1][0][0] == own[1]

    def test_what_is_missing_is_said_beside_chromium(self, lab, monkeypatch):
        monkeypatch.setattr(lab, "find_chromium", lambda: "/there/chromium")
        monkeypatch.setattr(lab, "missing_javascript", lambda environment: None)
        assert lab.missing_programs(lab.Environment()) == []
        monkeypatch.setattr(lab, "missing_javascript", lambda environment: "Node is missing.")
        assert lab.missing_programs(lab.Environment()) == ["Node is missing."]


class TestJupyterLab:
    @pytest.mark.parametrize(
        ("arguments", "port"),
        [
            ([], "8888"),
            (["--no-browser", "--port", "8890"], "8890"),
            (["--port=8890"], "8890"),
            (["--port=1", "--ServerApp.port=8891"], "8891"),
            (["--port"], "8888"),
        ],
    )
    def test_the_port_is_the_one_jupyterlab_will_take(self, lab, arguments, port):
        assert lab.option(arguments, ("--port", "--ServerApp.port"), "8888") == port

    @pytest.mark.parametrize("text", ["many", "0", "65536"])
    def test_a_port_that_is_none_is_refused(self, lab, text):
        with pytest.raises(lab.Problem, match="whole number from 1 to 65535"):
            lab.require_free_port(["--port", text])

    def test_a_taken_port_is_said_before_anything_is_installed(self, tmp_path):
        shutil.copy(ROOT / "lab.py", tmp_path)
        (tmp_path / "pyproject.toml").write_text(PYPROJECT)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            command = [sys.executable, "lab.py", "--no-browser", "--port", str(port)]
            result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert result.returncode == 1
        assert f"Port {port} is in use" in result.stdout
        assert f"--port {port + 1}" in result.stdout
        assert "Traceback" not in result.stderr
        assert not (tmp_path / ".venv").exists()

    def test_opens_on_the_start_page_behind_a_token_and_stays_on_its_port(self, lab, tmp_path, monkeypatch):
        for name in ("JUPYTER_TOKEN", "JUPYTER_CONFIG_DIR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        port = free_port()
        command = lab.jupyter_command(
            sys.executable, ["--no-browser", "--port", str(port)], workspaces=str(tmp_path / "workspaces")
        )
        with open(tmp_path / "log", "w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            page = f"http://127.0.0.1:{port}/lab/tree/notebooks/00_start_here.ipynb"
            assert wait_for(page, 60, server) == 302, "without the token: to the log-in page"
            printed = re.findall(rf"{re.escape(page)}\?token=[0-9a-f]{{16,}}", (tmp_path / "log").read_text())
            assert printed, "the address with its token is printed"
            assert status_of(printed[0]) == 200
            second = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert second.returncode != 0, "it never moves to another port"
        finally:
            server.terminate()
            server.wait(timeout=30)


class TestEntrances:
    def test_the_makefile_hands_its_arguments_on(self):
        # These tests are themselves run by make, which tells a make inside it to say more.
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        for target, arguments in (("lab", "--no-browser --port 8890"), ("test", "-k midi"), ("test-all", "")):
            command = ["make", "--dry-run", target, f"ARGS={arguments}", "PYTHON=python3"]
            printed = subprocess.check_output(command, cwd=ROOT, text=True, env=surroundings)
            assert printed.split() == ["python3", "lab.py", target, *arguments.split()]

    @pytest.mark.parametrize("status", [0, 3])
    def test_ci_runs_make_test_in_the_root_and_nothing_else(self, tmp_path, status):
        (tmp_path / "make").write_text(f'#!/bin/sh\necho "$PWD: make $*"\nexit {status}\n')
        (tmp_path / "make").chmod(0o755)
        surroundings = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        result = subprocess.run([ROOT / ".ci" / "run"], cwd=tmp_path, env=surroundings, capture_output=True, text=True)
        assert result.stdout == f"{ROOT}: make test\n"
        assert result.returncode == status


@pytest.mark.slow
def test_a_fresh_copy_sets_itself_up_opens_and_is_quick_the_second_time(tmp_path):
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    port = free_port()
    command = [sys.executable, "lab.py", "--no-browser", "--port", str(port)]
    page = f"http://127.0.0.1:{port}/lab/tree/notebooks/00_start_here.ipynb"
    for seconds in (1200, 15):
        server = subprocess.Popen(command, cwd=clone, env={**os.environ, "HOME": str(tmp_path)})
        try:
            assert wait_for(page, seconds, server) == 302
        finally:
            server.terminate()
            server.wait(timeout=30)
    settings = clone / ".venv" / "share" / "jupyter" / "lab"
    assert (settings / "settings" / "overrides.json").read_text() == (ROOT / "binder" / "overrides.json").read_text()
    assert list((settings / "workspaces").glob("default-*.jupyterlab-workspace"))
    assert re.search(r"\+cpu|^\d+\.\d+\.\d+$", installed_torch(clone)), "no build for a GPU"


def installed_torch(clone):
    code = "import importlib.metadata as m; print(m.version('torch'))"
    return subprocess.check_output([clone / ".venv" / "bin" / "python", "-c", code], text=True).strip()
