import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr import files
from illinstr.ownership import Contents, Owned

OWN = Contents("toy", (Owned(r"[a-z]+\.txt"),))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_published_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with files.atomic_open(path) as stream:
        stream.write(b"half")
        stream.flush()
        assert not path.exists()
        stream.write(b" whole")
    assert path.read_bytes() == b"half whole"
    assert names(path.parent) == ["a.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_exception_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic_open(path) as stream:
        stream.write(b"new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    target = tmp_path / "run"
    for content in ("one", "two"):
        with files.atomic_folder(target, OWN) as folder:
            (folder / f"{content}.txt").write_text(content)
    assert names(target) == ["two.txt"]
    assert names(tmp_path) == ["run"]


def test_an_exception_leaves_the_old_folder(tmp_path):
    target = tmp_path / "run"
    with files.atomic_folder(target, OWN) as folder:
        (folder / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), files.atomic_folder(target, OWN) as folder:
        (folder / "new.txt").write_text("new")
        raise RuntimeError
    assert names(target) == ["old.txt"]
    assert names(tmp_path) == ["run"]


KILLED = """
import sys, time
from pathlib import Path
from illinstr import files
from illinstr.ownership import Contents, Owned
OWN = Contents("toy", (Owned(r"[a-z]+[.]txt"),))
target = Path(sys.argv[2])
if sys.argv[1] == "file":
    with files.atomic_open(target) as stream:
        stream.write(b"new" * 100000); stream.flush()
        print("mid", flush=True); time.sleep(600)
else:
    with files.atomic_folder(target, OWN) as folder:
        (folder / "new.txt").write_text("new")
        print("mid", flush=True); time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_kill_9_leaves_the_old_state_and_the_next_run_succeeds(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "file":
        files.write_text(target, "old")
    else:
        with files.atomic_folder(target, OWN) as folder:
            (folder / "old.txt").write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, kind, str(target)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "mid\n"
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert (target if kind == "file" else target / "old.txt").read_text() == "old"
    if kind == "file":
        files.write_text(target, "new")
        assert target.read_text() == "new"
    else:
        with files.atomic_folder(target, OWN) as folder:
            assert names(folder) == []
        assert names(tmp_path) == ["target"]


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_canonical_json_depends_on_the_value_alone(value):
    text = files.canonical_json(value)
    assert json.loads(text) == value
    assert text == files.canonical_json(dict(reversed(value.items())))
    assert text.endswith("\n")


def test_sha256_of_a_file_over_one_block(tmp_path):
    content = bytes(range(256)) * 5000
    files.write_bytes(tmp_path / "a", content)
    assert files.sha256_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_kill_between_the_two_renames_gives_the_old_folder_its_name_back(tmp_path):
    target = tmp_path / "run"
    with files.atomic_folder(target, OWN) as folder:
        (folder / "old.txt").write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from illinstr import files\n"
        "from illinstr.ownership import Contents, Owned; OWN = Contents('toy', (Owned(r'[a-z]+\\.txt'),))\n"
        "rename = Path.rename\n"
        "def once(self, to):\n"
        "    rename(self, to)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Path.rename = once\n"
        "with files.atomic_folder(Path(sys.argv[1]), OWN) as folder: (folder / 'new.txt').write_text('new')\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)]).returncode == -signal.SIGKILL
    assert not target.exists()
    with pytest.raises(RuntimeError), files.atomic_folder(target, OWN):
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
