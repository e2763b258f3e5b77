"""What holds for the whole program: exit codes, imports, layers, atomic writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from illinstr import __version__, errors
from illinstr.cli import app as app_module
from scripts.check_docs import COMMANDS as LEAVES
from tests.support import fork_server

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "illinstr"
HEAVY = ("torch", "pyarrow", "PIL", "lxml", "transformers", "diffusers", "matplotlib", "scipy", "numpy", "webdataset")


def run_main(monkeypatch, raised: BaseException) -> int:
    def fail():
        raise raised

    monkeypatch.setattr(app_module, "app", fail)
    with pytest.raises(SystemExit) as caught:
        app_module.main()
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.IllinstrError, 1),
        (errors.DataError, 1),
        (errors.ModelError, 1),
        (errors.PlanError, 1),
        (errors.FetchError, 1),
        (errors.UsageError, 2),
        (errors.ConfigError, 2),
        (errors.PartialError, 3),
    ],
)
def test_known_failures_are_two_lines_and_a_code(monkeypatch, capsys, kind, code):
    assert run_main(monkeypatch, kind("what went wrong", hint="what to do")) == code
    captured = capsys.readouterr()
    assert captured.err == "error: what went wrong\nhint: what to do\n"
    assert captured.out == ""


def test_a_failure_without_a_hint_is_one_line(monkeypatch, capsys):
    run_main(monkeypatch, errors.DataError("x"))
    assert capsys.readouterr().err == "error: x\n"


def test_interruption_exits_with_130(monkeypatch, capsys):
    assert run_main(monkeypatch, KeyboardInterrupt()) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_every_known_failure_has_a_documented_code():
    known = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    family = [kind for kind in known if issubclass(kind, errors.IllinstrError)]
    assert {kind.exit_code for kind in family} == {1, 2, 3}


def illinstr(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv[0] = 'illinstr'; from illinstr.cli.app import main; main()"
    words = [sys.executable, "-c", code, *arguments]
    return fork_server.run(words, capture_output=True, text=True, server="light")


def test_the_version_is_printed():
    done = illinstr("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"illinstr {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["doctor", "--nonsense"], ["doctor", "--model"]])
def test_wrong_use_exits_with_2_and_without_a_traceback(arguments):
    done = illinstr(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_a_closed_pipe_ends_quietly():
    code = (
        "import sys, os; sys.argv[:] = ['illinstr', 'doctor', '--json']\n"
        "from illinstr.cli import app\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1)\n"
        "app.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env={"HF_HUB_OFFLINE": "1", **path()}
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def path() -> dict[str, str]:
    import os

    return {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("arguments", [None, ["--help"], *[[name, "--help"] for name in app_module.COMMANDS]])
def test_neither_importing_nor_help_loads_anything_heavy(arguments):
    code = "import illinstr, sys\n"
    if arguments is not None:
        code += f"sys.argv[:] = ['illinstr', *{arguments!r}]\nfrom illinstr.cli.app import main\n"
        code += "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
    code += f"print('loaded:', *sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_the_overview_names_every_command():
    done = illinstr("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in app_module.COMMANDS)


def test_the_overview_shows_the_first_line_of_each_commands_own_help():
    for name, shown in app_module.COMMANDS.items():
        command = app_module.build_command(name)
        assert shown == " ".join(command.help.split("\n\n")[0].split()), name


def test_the_overview_imports_no_command():
    code = "import sys\nsys.argv[:] = ['illinstr', '--help']\nfrom illinstr.cli.app import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "print('loaded:', *sorted(name for name in sys.modules if name.startswith('illinstr.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert loaded == {"illinstr.cli", "illinstr.cli.app", "illinstr.errors", "illinstr.program", "illinstr.version"}


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_an_example_json_and_quiet(name):
    text = illinstr(*name.split(), "--help").stdout
    assert f"illinstr {name} " in text.replace(f"Usage: illinstr {name} ", "")
    assert "--json" in text
    assert "--quiet" in text
