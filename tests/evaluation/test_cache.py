"""Features are computed once, survive a kill, and a damaged or closed store is never a reason to fail."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys

import numpy as np
import pytest

from illinstr.evaluation.encoders.store import FeatureStore, default_folder
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.results import Settings
from tests.support import fork_server
from tests.support.eval_world import ColourEncoder, good_run

NAMES = [f"{i:064x}" for i in range(1200)]


class Listener:
    def __init__(self):
        self.lines = []

    def log(self, message):
        self.lines.append(message)


def vectors(names):
    return {name: np.full(5, int(name, 16), dtype=np.float32) for name in names}


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_what_was_saved_is_loaded_bit_for_bit(tmp_path, where):
    store = FeatureStore(tmp_path / "features" if where == "disk" else None)
    encoder = ColourEncoder()
    assert store.load(encoder, "picture", NAMES) == {}
    odd = {"a": np.array([1 / 3, -0.0, 1e-38], dtype=np.float32), "b": np.array([np.pi, 2, 3], dtype=np.float32)}
    store.save(encoder, "text", odd)
    store.save(encoder, "picture", vectors(NAMES))
    found = store.load(encoder, "text", ["a", "b", "c"])
    assert set(found) == {"a", "b"}
    assert all(found[name].tobytes() == odd[name].tobytes() for name in odd)
    assert len(store.load(encoder, "picture", NAMES)) == len(NAMES)
    assert store.load(encoder, "picture", ["a"]) == {}
    if where == "disk":
        assert len(FeatureStore(tmp_path / "features").load(encoder, "picture", NAMES)) == len(NAMES)


def test_another_encoder_or_kind_of_device_has_features_of_its_own(tmp_path):
    store, encoder, other, on_gpu = FeatureStore(tmp_path), ColourEncoder(), ColourEncoder(), ColourEncoder()
    other.sha256, on_gpu.device = "1" * 64, "cuda:1"
    store.save(encoder, "picture", vectors(NAMES[:3]))
    assert store.load(other, "picture", NAMES) == store.load(on_gpu, "picture", NAMES) == {}


def run(store, encoder):
    return score(prepare(Source("run", good_run()), Settings(bootstrap=200)), encoder, store=store)


def test_a_second_evaluation_looks_at_nothing_and_says_the_same(tmp_path):
    first, second = ColourEncoder(max_words=3), ColourEncoder(max_words=3)
    before, after = run(FeatureStore(tmp_path), first), run(FeatureStore(tmp_path), second)
    assert (first.images, second.images, second.texts) == (25, 0, 0) and first.texts > 0
    assert before.results == after.results and before.samples == after.samples
    assert before.results.encoders.encoder.cut_share == after.results.encoders.encoder.cut_share > 0


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"", None])
def test_a_damaged_store_is_told_of_and_replaced(tmp_path, damage):
    encoder, listener = ColourEncoder(), Listener()
    store = FeatureStore(tmp_path, listener)
    store.save(encoder, "picture", vectors(NAMES[:2]))
    file = next(tmp_path.glob("*.sqlite"))
    if damage is None:  # rows that hold no features
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE features SET vector = ? WHERE name = ?", (b"12345678", NAMES[0]))
    else:
        file.write_bytes(damage)
    assert store.load(encoder, "picture", NAMES[:2]) == {}
    assert len(listener.lines) == 1 and "computed again" in listener.lines[0]
    store.save(encoder, "picture", vectors(NAMES[:2]))
    assert len(store.load(encoder, "picture", NAMES[:2])) == 2


def test_a_folder_that_cannot_be_written_is_told_of_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    listener = Listener()
    store = FeatureStore(tmp_path / "file" / "features", listener)
    encoder = ColourEncoder()
    for _ in range(2):
        store.save(encoder, "picture", vectors(NAMES[:2]))
    assert len(listener.lines) == 1 and "not kept" in listener.lines[0]
    assert len(store.load(encoder, "picture", NAMES[:2])) == 1 + 1


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from illinstr.evaluation.encoders.store import FeatureStore
from tests.support.eval_world import ColourEncoder
store, encoder = FeatureStore(Path(sys.argv[1])), ColourEncoder()
store.save(encoder, "picture", {f"{i:064x}": np.full(5, i, np.float32) for i in range(100)})
class Torn(dict):
    def items(self):
        for i in range(100, 200):
            if i == 150:
                os.kill(os.getpid(), signal.SIGKILL)
            yield f"{i:064x}", np.full(5, i, np.float32)
store.save(encoder, "picture", Torn())
"""


def test_a_kill_keeps_what_was_finished(tmp_path):
    done = fork_server.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    assert len(FeatureStore(tmp_path).load(ColourEncoder(), "picture", NAMES)) == 100


def test_where_features_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "own"))
    assert default_folder() == tmp_path / "own" / "illinstr" / "features"
    monkeypatch.delenv("ILLINSTR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "illinstr" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "illinstr" / "features"
