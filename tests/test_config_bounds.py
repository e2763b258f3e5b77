"""Configs from strangers: deep, wide through aliases, of kinds that YAML has and Python has not."""

from __future__ import annotations

import pytest

from illinstr.config import apply_overrides, parse_yaml, read_yaml
from illinstr.errors import ConfigError

BAD = {
    "deep": "kind: " + "[" * 3000,
    "deep mappings": "\n".join(" " * depth + "a:" for depth in range(200)),
    "a date that is none": "kind: 2001-99-99",
    "a set": "kind: !!set {a,b}",
    "a set of lists": "kind: !!set {[a]: null}",
    "a list as a key": "? [a]\n: b",
    "a python object": "kind: !!python/object/apply:os.getcwd []",
    "half a character": 'kind: "\\ud800"',
    "a number of many digits": "kind: " + "9" * 5000,
    "no text": "\0",
}
LAUGHS = "a0: &a0 [x, x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_config_is_one_line(tmp_path, name):
    path = tmp_path / "config.yaml"
    path.write_text(BAD[name], encoding="utf-8")
    try:
        read = read_yaml(path)
    except ConfigError as error:
        assert "\n" not in error.message
    else:
        assert name in ("a set", "half a character")
        assert isinstance(read, dict)


def test_aliases_are_counted_as_what_they_repeat():
    with pytest.raises(ValueError, match="aliases counted"):
        parse_yaml(LAUGHS)
    assert parse_yaml("a: &x {b: 1}\nc: *x\nd: {<<: *x}")["d"] == {"b": 1}


def test_a_pipe_or_a_huge_file_is_no_config(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"#" * (1 << 21))
    for name in ("pipe", "huge", "nowhere"):
        with pytest.raises(ConfigError):
            read_yaml(tmp_path / name)


@pytest.mark.parametrize("raw", ["[" * 500, "2001-99-99", "!!set {[a]: b}", "*nobody", "9" * 5000])
def test_a_bad_override_is_one_line(raw):
    with pytest.raises(ConfigError):
        apply_overrides({}, [f"a.b={raw}"])
