"""Where a store is, as a person writes it: `s3://bucket/prefix`, `file:///dir`, or a directory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import fsdecode
from pathlib import Path
from urllib.parse import unquote_to_bytes

from e2esync.adapters.stores.counting import CountingStore, Traffic
from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.adapters.stores.s3 import S3Settings, S3Store
from e2esync.errors import UsageError
from e2esync.model.store import Store

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_SEGMENT = re.compile(r"[A-Za-z0-9!_.*'()&$@=;:+ ,~-]+")  # what every server takes in a key
_FORMS = "write s3://BUCKET/PREFIX, file:///DIRECTORY, or the path of a directory"


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket, or what is under a prefix of it."""

    bucket: str
    prefix: str  # without slashes at its ends; may be empty

    @property
    def url(self) -> str:
        """The location as it is written."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class DirectoryLocation:
    """A directory of this computer; NAS and USB disk are mounted there."""

    path: Path  # absolute

    @property
    def url(self) -> str:
        """The location as it is written."""
        return self.path.as_uri()


Location = S3Location | DirectoryLocation


def parse_location(text: str) -> Location:
    """Return the location that a person wrote.

    Raises:
        UsageError: It is none.
    """
    if not text.strip() or "\0" in text:
        raise UsageError("the store has no address", why="it is empty", fix=_FORMS)
    if text.startswith("s3://"):
        return _s3(text)
    if text.startswith("file:"):
        return _file(text)
    if _SCHEME.match(text) or text.startswith("s3:"):
        raise _unknown_kind(text)
    return DirectoryLocation(_absolute(text))


def open_store(
    location: Location,
    settings: S3Settings | None = None,
    *,
    create: bool = False,
    traffic: Traffic | None = None,
) -> Store:
    """Return the store at `location`, its requests counted by `traffic`. No request is sent yet.

    Args:
        location: The place.
        settings: For a bucket; the AWS chain if None.
        create: Make a directory that is missing. A bucket is never made: it costs, and has an owner.
        traffic: What counts.

    Raises:
        UsageError: The directory can not be made, a file is in its place.
    """
    match location:
        case S3Location(bucket, prefix):
            return S3Store(bucket, prefix, settings, traffic=traffic)
        case DirectoryLocation(path):
            return CountingStore(DirectoryStore.create(path) if create else DirectoryStore(path), traffic)


def _s3(text: str) -> S3Location:
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if "@" in bucket:  # not repeated: what precedes it is a secret
        raise UsageError(
            "the address of the bucket contains credentials",
            why="they would be stored and shown",
            fix="write s3://BUCKET/PREFIX, and give the key by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"this is not the address of a bucket: {text!r}",
            why="the name of a bucket has 3 to 63 small letters, digits, dots and hyphens",
            fix="write s3://BUCKET/PREFIX",
        )
    prefix = prefix.strip("/")
    if prefix and not all(_good_segment(segment) for segment in prefix.split("/")):
        raise UsageError(
            f"this can not be the prefix in a bucket: {prefix!r}",
            why="it has an empty part, a dot as a part, or a character that some servers do not take",
            fix="write s3://BUCKET/PREFIX with letters, digits and hyphens",
        )
    return S3Location(bucket, prefix)


def _good_segment(segment: str) -> bool:
    return segment not in (".", "..") and len(segment) <= 100 and _SEGMENT.fullmatch(segment) is not None


def _file(text: str) -> DirectoryLocation:
    if not text.startswith("file:///"):
        raise UsageError(
            f"this is not the address of a directory: {text!r}",
            why="file: takes three slashes, then the path on this computer",
            fix="write file:///DIRECTORY, or the path alone",
        )
    path = fsdecode(unquote_to_bytes(text.removeprefix("file://").encode("utf-8", "surrogateescape")))
    if "\0" in path:
        raise UsageError("this is not the address of a directory", why="it holds a zero byte", fix=_FORMS)
    return DirectoryLocation(_absolute(path))


def _absolute(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except (RuntimeError, ValueError):  # ~nobody
        raise UsageError(
            f"there is no such directory: {path!r}", why="the home is unknown", fix=_FORMS
        ) from None


def _unknown_kind(text: str) -> UsageError:
    scheme = text.partition(":")[0]
    if scheme in ("http", "https"):
        return UsageError(
            "the address of a server is not the address of a store",
            why="which bucket is meant is not in it",
            fix="write s3://BUCKET/PREFIX, and give this address by --endpoint-url",
        )
    if scheme == "s3":
        return UsageError("this is not the address of a bucket", why="s3: takes two slashes", fix=_FORMS)
    return UsageError(
        f"e2esync can not use a store of the kind {scheme!r}",
        why="it knows buckets and directories",
        fix=_FORMS,
    )
