"""The one rule about what a command may replace or delete: what illinstr wrote, and nothing else.

A folder is ours when every file in it has a name that we write and, where the name is a common one (``index.json``,
``README.md``), also holds what ours hold. The first file that does not is named and the command stops: a user's file
is never replaced, moved or deleted. A single file is replaced only when it carries our mark. The root of the file
system, a home folder, mount points and devices are no place for output; what is read is never written to.

The tables below name every file that any command makes; ``tests/test_ownership.py`` holds them against real output.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from illinstr.errors import UsageError

ANOTHER = "name another place with --out; illinstr replaces only what it wrote itself"
MAX_ENTRIES = 1_000_000  # of a folder that is looked through
_HEAD = 1 << 16
_TEMPORARY = re.compile(r"(?:.*/)?\.[^/]+\.incomplete")
_OF_FILE_BROWSERS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Owned:
    """Files that illinstr writes.

    Attributes:
        path: pattern of the path inside the folder, with ``/``.
        signs: bytes that the beginning or the end of the file holds, all of them.
        start: pattern that the file starts with.
    """

    path: str
    signs: tuple[bytes, ...] = ()
    start: bytes = b""


@dataclass(frozen=True)
class Contents:
    """What a folder of one kind may hold: ``kind`` in words, its files, and the folders inside it."""

    kind: str
    files: tuple[Owned, ...]
    folders: str = ""

    def owns_folder(self, inside: str) -> bool:
        """Whether a folder of that path belongs there."""
        return re.fullmatch(self.folders, inside) is not None

    def owns_file(self, inside: str, path: Path, *, whole: bool = True) -> bool:
        """Whether a file of that path inside the folder is one that illinstr wrote; one not ``whole`` has no signs."""
        named = (owned for owned in self.files if re.fullmatch(owned.path, inside))
        return any(not whole or _holds(path, owned.signs, owned.start) for owned in named)


_GENERATOR = b'<meta name="generator" content="illinstr'
_RUN_FILES = (
    Owned(r"article\.json", (b'"steps"',)),
    Owned(r"run\.json", (b'"sampling_steps"',)),
    Owned(r"index\.html", (_GENERATOR,)),
    Owned(r"article\.md|article\.pdf|strip\.png|(?:step-[0-9]{2,3}|reference-[0-9]{2})\.(?:png|jpg|webp)"),
)
_EVAL = (Owned(r"(?:eval/)?(?:results\.json|samples\.jsonl|report\.html|features\.safetensors)"),)
_FAULTS = (Owned(r"(?:eval-faults/)?faults\.(?:json|md)"),)
_MODEL_JSON = (
    r"model_index|config|stacked|scheduler_config|tokenizer|tokenizer_config|special_tokens_map|vocab|added_tokens|"
    r"preprocessor_config|generation_config|adapter_config|[a-z_.]*safetensors\.index"
)
_MODEL_FILES = (
    Owned(rf"(?:[a-z_0-9]+/)?(?:{_MODEL_JSON})\.json"),
    Owned(r"(?:[a-z_0-9]+/)?(?:merges|vocab)\.txt"),
    Owned(r"(?:[a-z_0-9]+/)?[a-z_]*(?:model|weights)[a-z_0-9.-]*\.safetensors"),
    Owned(r"README\.md", (b"illinstr",)),
)

_SHARD = r"shards/[a-z][a-z0-9_]{0,31}-[0-9]{6}"

RUN = Contents("run folder", (*_RUN_FILES, *_EVAL, *_FAULTS), "eval|eval-faults")
EVALUATION = Contents("evaluation", _EVAL)
FAULTS = Contents("table of perturbations", _FAULTS)
LEADERBOARD = Contents(
    "leaderboard",
    (
        Owned(r"leaderboard\.(?:json|html|md)"),
        Owned(r"results\.json|samples\.jsonl|features\.safetensors"),
    ),
)
STUDY = Contents(
    "study", (Owned(r"index\.html", (b"Which instructions are better?",)), Owned(r"key\.json", (b'"pairs"',)))
)
MODEL = Contents("model folder", _MODEL_FILES, r"[a-z_0-9]+")
CHECKPOINT = Contents("checkpoint", (Owned(r"state\.json|(?:model|ema|optimizer)\.safetensors"),))
DATA = Contents(
    "data folder",
    (
        Owned(r"index\.json", (b'"schema_version"', b'"shards"')),
        Owned(rf"{_SHARD}_stats\.json", (b'"source_config_sha256"',)),
        Owned(rf"{_SHARD}\.tar", start=rb"[0-9a-z_-]+\.json\0"),
        Owned(rf"{_SHARD}\.tar", start=rb"\0{10240}"),  # of failures alone
        Owned(rf"{_SHARD}\.parquet", (b"PAR1", b"num_images")),
        Owned(r"scrape\.json", (b'"command": "scrape"',)),
        Owned(r"attribution\.tsv", (b"id\ttitle\t",)),
        Owned(r"README\.md", (b"Made with `illinstr scrape`",)),
        Owned(r"tasks/[0-9]{6}\.json"),
        Owned(r"preview\.html", (_GENERATOR,)),
        Owned(r"preview\.png"),
        Owned(r"takedown\.txt"),  # the user's own, never replaced: it says what is to be read as absent
        *(Owned(owned.path.replace("(?:eval/)?", "eval/")) for owned in _EVAL),
        *(Owned(owned.path.replace("(?:eval-faults/)?", "eval-faults/")) for owned in _FAULTS),
    ),
    "shards|tasks|eval|eval-faults",
)
CACHE = Contents(
    "cache of fetched pages",
    (
        Owned(r"[0-9a-f]{2}/[0-9a-f]{32}(?:-[0-9a-f]{16}\.body|\.json|\.[a-z]+\.json)"),
        Owned(r"\.lock|refresh|terms\.json"),
    ),
    r"[0-9a-f]{2}",
)
_MARKS = (
    (_GENERATOR,),
    (b"Made with illinstr",),
    (b"%PDF-", b"illinstr"),
    (b"\x89PNG", b"illinstr"),
    (b'"excluded"', b'"questions"', b'"schema_version"'),
)


def check_place(path: Path, *, option: str = "--out") -> Path:
    """Resolve a place for output, and refuse what can be none; nothing is made.

    Raises:
        UsageError: the root of the file system, a home folder, a mount point, a device; below a file; a name that the
            system refuses; or no permission to write there.
    """
    hint = f"name another place with {option}"
    try:
        found = path.expanduser().resolve()
        mode = _mode(found)
        ancestor = found.parent
        while not ancestor.exists() and ancestor != ancestor.parent:
            ancestor = ancestor.parent
        writable = os.access(ancestor, os.W_OK | os.X_OK)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{option} cannot be used: {_reason(error)}", hint=hint) from error
    if protected(found):
        raise UsageError(
            f"{option} {found} is the root, a home folder or a mount point: no place for output",
            hint="name a folder inside it",
        )
    if mode is not None and not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise UsageError(f"{option} {found} is a device, a pipe or a socket", hint=hint)
    if not ancestor.is_dir():
        raise UsageError(f"{option} {found}: {ancestor} is not a folder", hint=hint)
    if not writable:
        raise UsageError(f"{option} {found}: no permission to write in {ancestor}", hint=hint)
    return found


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def protected(path: Path) -> bool:
    """Whether a resolved path is the root, a home folder, or a mount point."""
    try:
        home = Path.home().resolve()
    except (OSError, RuntimeError, ValueError):  # nobody's
        home = Path(path.anchor)
    return path in (Path(path.anchor), home) or os.path.ismount(path)


def check_folder(path: Path, contents: Contents, *, option: str = "--out") -> Path:
    """Resolve a folder for output: absent, empty, or filled by illinstr alone.

    Raises:
        UsageError: no place for output, a file, or a folder that holds something else: the first such file is named.
    """
    found = check_place(path, option=option)
    if found.exists() and not found.is_dir():
        raise UsageError(f"{option} {found} is a file, not a folder", hint=f"name another folder with {option}")
    refuse_foreign(found, contents, option=option)
    return found


def refuse_foreign(folder: Path, contents: Contents, *, option: str = "--out", whole: bool = True) -> None:
    """Stop where a folder holds anything that illinstr did not write; an absent one holds nothing.

    Args:
        folder: the folder that is to be replaced or emptied.
        contents: what one of its kind holds.
        option: which option named it.
        whole: False for a folder that a killed run was filling: its files may be cut short.

    Raises:
        UsageError: the first such file.
    """
    stranger = foreign(folder, contents, whole=whole)
    if stranger is not None:
        raise UsageError(
            f"{folder} holds {stranger}, which illinstr did not write",
            hint=ANOTHER.replace("--out", option),
        )


def foreign(folder: Path, contents: Contents, *, whole: bool = True) -> str | None:
    """The first entry below ``folder``, in the order of names, that is none of a folder of that kind; else None."""
    if not folder.is_dir():
        return None
    for number, (inside, path) in enumerate(_below(folder, contents)):
        if number >= MAX_ENTRIES:
            return f"more than {MAX_ENTRIES} files"
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            return inside
        if path.is_dir():
            if not contents.owns_folder(inside):
                return inside
        elif not (_is_nobodys(inside, path) or contents.owns_file(inside, path, whole=whole)):
            return inside
    return None


def _is_nobodys(inside: str, path: Path) -> bool:
    return path.name in _OF_FILE_BROWSERS or _TEMPORARY.fullmatch(inside) is not None


def check_file(path: Path, *, inputs: Iterable[Path] = (), option: str = "--out") -> Path:
    """Resolve a file for output: absent, or one that carries our mark; never one that is read.

    Args:
        path: the file to write.
        inputs: files and folders that are read.

    Raises:
        UsageError: no place for output, a folder, an input, or a file that illinstr did not write.
    """
    found = check_place(path, option=option)
    if found.is_dir():
        raise UsageError(f"{option} {found} is a folder", hint=f"name a file with {option}")
    check_apart(found, inputs, option=option)
    if found.exists() and not marked(found):
        raise UsageError(f"{option} {found} is there already, and illinstr did not write it", hint=ANOTHER)
    return found


def check_apart(out: Path, inputs: Iterable[Path], *, option: str = "--out") -> None:
    """Refuse output that lies on, in or around what is read.

    Raises:
        UsageError: which input.
    """
    place = out.expanduser().resolve()
    for given in inputs:
        source = given.expanduser().resolve()
        if place == source or place.is_relative_to(source) or source.is_relative_to(place):
            raise UsageError(
                f"{option} {out} and what is read, {given}, lie in one another", hint=f"choose another {option}"
            )


def marked(path: Path) -> bool:
    """Whether a file carries the mark of a page, document, image or record that illinstr wrote."""
    return any(_holds(path, signs) for signs in _MARKS)


def _holds(path: Path, signs: tuple[bytes, ...], start: bytes = b"") -> bool:
    if not (signs or start):
        return True
    try:
        with path.open("rb") as stream:
            text = stream.read(_HEAD)
            if len(text) == _HEAD:
                stream.seek(-min(_HEAD, path.stat().st_size - _HEAD), os.SEEK_END)
                text += stream.read(_HEAD)
    except (OSError, ValueError):
        return False
    return re.match(start, text) is not None and all(sign in text for sign in signs)


def _below(folder: Path, contents: Contents, prefix: str = "") -> Iterator[tuple[str, Path]]:
    for entry in sorted(folder.iterdir()):
        inside = f"{prefix}{entry.name}"
        yield inside, entry
        if entry.is_dir() and not entry.is_symlink() and contents.owns_folder(inside):
            yield from _below(entry, contents, f"{inside}/")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__
