"""Reading shards that may come from anywhere.

The tar format has links, devices, sparse files and extension headers of any length; a shard needs none of them. This
reader walks plain USTAR headers and refuses everything else, caps every size before reading it, extracts nothing to
disk and unpickles nothing.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.files import sha256_file
from illinstr.images import MAX_IMAGE_BYTES
from illinstr.shards.layout import MAX_JSON_BYTES, MEMBER_PATTERN, ShardInfo, read_index
from illinstr.shards.takedown import Takedown

BLOCK = tarfile.BLOCKSIZE
_AGAIN = "copy the shard again from where it was made, or make the data again"


@dataclass(frozen=True)
class Sample:
    """All members of one key: where they lie in the tar, the article's JSON bytes, images by step from 0."""

    key: str
    offset: int
    length: int
    json: bytes
    images: dict[int, tuple[str, bytes]]


@dataclass(frozen=True)
class _Member:
    key: str
    step: int | None
    suffix: str
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + BLOCK + -(-len(self.data) // BLOCK) * BLOCK


def iter_articles(
    data: Path,
    *,
    split: str | None = None,
    verify: bool = False,
    on_damaged: Callable[[DataError], None] | None = None,
) -> Iterator[Article]:
    """Stream the articles of a data folder in the order they were written, images attached as bytes.

    Memory holds one article at a time. Every image's SHA-256 is checked against the article's record. What the
    folder's ``takedown.txt`` lists is left out.

    Args:
        data: a data folder.
        split: one split only; None reads all.
        verify: also check each shard's SHA-256 against the index before its first article is yielded.
        on_damaged: told of each article, or rest of a shard, that cannot be read; the others are yielded. None: the
            first one raises.

    Raises:
        DataError: no index, no such split, or a shard that is missing, truncated, not a tar or not as described.
    """

    def damaged(error: DataError) -> None:
        if on_damaged is None:
            raise error
        on_damaged(error)

    takedown = Takedown.of_folder(data)
    for shard in read_index(data).of_split(split):
        if verify:
            check_shard_bytes(data, shard)
        yield from shard_articles(data, shard, takedown, damaged)


def shard_articles(
    data: Path, shard: ShardInfo, takedown: Takedown, damaged: Callable[[DataError], None]
) -> Iterator[Article]:
    """The articles of one shard that are not taken down; ``damaged`` is told of what cannot be read, or raises it."""
    tar, seen = shard.tar(data), 0
    try:
        for sample in iter_samples(tar):
            seen += 1
            try:
                article = takedown.without(to_article(sample, tar))
            except DataError as error:
                damaged(error)
                continue
            if article is not None:
                yield article
    except DataError as error:
        damaged(error)
        return
    if seen != shard.samples:
        damaged(DataError(f"{tar} holds {seen} samples, the index says {shard.samples}", hint=_AGAIN))


def check_shard_bytes(data: Path, shard: ShardInfo) -> None:
    """Check both files of a shard against the index.

    Raises:
        DataError: missing or with other bytes.
    """
    for path, expected in ((shard.tar(data), shard.sha256), (shard.parquet(data), shard.parquet_sha256)):
        try:
            actual = sha256_file(path)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}", hint=_AGAIN) from error
        if actual != expected:
            raise DataError(f"{path} is damaged: its SHA-256 is not the one in the index", hint=_AGAIN)


def iter_samples(path: Path) -> Iterator[Sample]:
    """Walk one tar and group its members by key.

    Raises:
        DataError: naming the file and the member that does not fit.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint=_AGAIN) from error
    with stream:
        yield from _group(_members(stream, str(path), ends_with_zeros=True), str(path))


def read_sample(path: Path, offset: int, length: int) -> Sample:
    """Read the one sample that lies at ``offset`` of a tar, in one read of ``length`` bytes.

    Raises:
        DataError: the run holds anything but one whole sample.
    """
    import io

    where = f"{path} at byte {offset}"
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            run = stream.read(length)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint=_AGAIN) from error
    if len(run) != length:
        raise DataError(f"{where}: the file ends early", hint=_AGAIN)
    samples = list(_group(_members(io.BytesIO(run), where, ends_with_zeros=False), where))
    if len(samples) != 1:
        raise DataError(f"{where}: {len(samples)} samples where one should lie", hint=_AGAIN)
    return samples[0]


def to_article(sample: Sample, where: Path | str) -> Article:
    """Parse a sample's JSON and attach its images.

    Raises:
        DataError: the JSON is no article, its id is not the key, or images and record disagree.
    """
    label = f"{where}: {sample.key}"
    try:
        article = Article.from_json(sample.json)
    except DataError as error:
        raise DataError(f"{label}: {error.message}", hint=error.hint) from error
    if article.id != sample.key:
        raise DataError(f"{label}: holds article {article.id!r}", hint=_AGAIN)
    expected = {index for index, step in enumerate(article.steps) if step.image is not None}
    if expected != set(sample.images):
        odd = min(expected ^ set(sample.images)) + 1
        raise DataError(f"{label}: step {odd}: image file and record do not agree", hint=_AGAIN)
    steps = list(article.steps)
    for index, (suffix, data) in sample.images.items():
        image = steps[index].image
        assert image is not None  # by the comparison of both sets
        if suffix != image.suffix or hashlib.sha256(data).hexdigest() != image.sha256:
            raise DataError(f"{label}: the image of step {index + 1} is not the one recorded", hint=_AGAIN)
        steps[index] = steps[index].model_copy(update={"image": image.model_copy(update={"data": data})})
    return article.model_copy(update={"steps": tuple(steps)})


def _members(stream: BinaryIO, where: str, *, ends_with_zeros: bool) -> Iterator[_Member]:
    offset = 0
    while True:
        header = stream.read(BLOCK)
        if not header and not ends_with_zeros:
            return
        if len(header) < BLOCK:
            raise DataError(f"{where} is truncated: no end-of-archive mark", hint=_AGAIN)
        if header.count(0) == BLOCK:
            return
        member = _read_member(stream, header, offset, where)
        yield member
        offset = member.end


def _read_member(stream: BinaryIO, header: bytes, offset: int, where: str) -> _Member:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{where} is not a tar, or damaged at byte {offset}: {error}", hint=_AGAIN) from error
    name = info.name[:120]
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise DataError(f"{where}: member {name!r} is not a plain file", hint="shards hold plain files only")
    match = MEMBER_PATTERN.fullmatch(info.name)
    if match is None:
        raise DataError(f"{where}: member {name!r} is neither KEY.json nor KEY.00.jpg", hint="is this another set?")
    key, step, suffix = match.groups()
    limit = MAX_JSON_BYTES if step is None else MAX_IMAGE_BYTES
    if not 0 <= info.size <= limit:
        raise DataError(f"{where}: member {name!r} of {info.size} bytes is over the limit of {limit}")
    padded = -(-info.size // BLOCK) * BLOCK
    data = stream.read(padded)
    if len(data) < padded:
        raise DataError(f"{where} is truncated inside {name!r}", hint=_AGAIN)
    return _Member(key, None if step is None else int(step), suffix or "json", offset, data[: info.size])


def _group(members: Iterator[_Member], where: str) -> Iterator[Sample]:
    finished: set[str] = set()
    run: list[_Member] = []
    broken: list[DataError] = []
    for member in _until_broken(members, broken):
        if run and member.key != run[0].key:
            finished.add(run[0].key)
            yield _to_sample(run, where)
            run = []
        if member.key in finished:
            raise DataError(f"{where}: the members of {member.key!r} are not next to each other, or it comes twice")
        if len(run) > 100:  # one JSON and 100 steps; the names allow no more, a repeated name would
            raise DataError(f"{where}: {member.key!r} has too many members")
        run.append(member)
    if run:  # whole or not: whoever takes it compares it with its record
        yield _to_sample(run, where)
    if broken:
        raise broken[0]


def _until_broken(members: Iterator[_Member], broken: list[DataError]) -> Iterator[_Member]:
    """The members up to the first that cannot be read; why it cannot goes to ``broken``."""
    try:
        yield from members
    except DataError as error:
        broken.append(error)


def _to_sample(run: list[_Member], where: str) -> Sample:
    first, images = run[0], run[1:]
    if first.step is not None:
        raise DataError(f"{where}: {first.key!r} does not begin with its JSON", hint=_AGAIN)
    by_step = {member.step: (member.suffix, member.data) for member in images if member.step is not None}
    if len(by_step) != len(images):
        raise DataError(f"{where}: {first.key!r} has two members for one step", hint=_AGAIN)
    return Sample(first.key, first.offset, run[-1].end - first.offset, first.data, by_step)
