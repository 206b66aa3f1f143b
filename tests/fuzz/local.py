"""What people, this disk and a server's answers bring: words, addresses, configuration, kept keys, XML."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import shake_256
from io import BytesIO
from pathlib import Path
from typing import Any

from e2esync.adapters import keystore
from e2esync.adapters.keystore import FILE_NAME, Kind, create_keystore, open_keystore
from e2esync.adapters.stores.counting import Traffic
from e2esync.adapters.stores.location import parse_location
from e2esync.adapters.stores.s3 import S3Store
from e2esync.adapters.stores.s3_ranges import Reply, read_piece
from e2esync.adapters.stores.s3_refusals import Place
from e2esync.adapters.stores.s3_rules import instruct
from e2esync.crypto import passphrase, recovery
from e2esync.crypto.passphrase import CEILING
from e2esync.crypto.secrets import Entropy
from e2esync.engine.notes import Dedup, FolderNote, KeptMembership, Plan, PromisedWords, StoreAddress
from e2esync.errors import (
    BadObject,
    ClockSkew,
    CredentialsRefused,
    Locked,
    NewerFormat,
    NoBucket,
    NotS3,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
    UsageError,
    WordsError,
    WrongRegion,
)
from e2esync.vault.device import load_device
from e2esync.vault.identity import load_identity
from e2esync.wiring import config, records
from e2esync.wiring.stores import parse_address
from tests.fuzz.target import STRICT, Target, text
from tests.vault.people import ANN, LAPTOP


@cache
def scratch() -> Path:
    """Return a directory for one file at a time."""
    path = Path(tempfile.mkdtemp(prefix="e2esync-fuzz-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


# --- words, addresses ---------------------------------------------------------------------------------------

WORDS = " ".join(recovery.to_words(Entropy(bytes(range(32)))))


def words(data: bytes) -> Entropy:
    """Read recovery words."""
    return recovery.from_words(text(data))


def location(data: bytes) -> Any:
    """Read the address of a store; what is kept of it is its url."""
    found = parse_location(text(data))
    assert parse_address(text(data), {}).url == found.url
    assert parse_location(found.url) == found, found
    return found


TYPED = [
    Target(
        "recovery words", words, [WORDS.encode(), f"# mine\n1. {WORDS.upper()}\n".encode()],
        ("crypto.recovery:from_words",), encode=lambda entropy: " ".join(recovery.to_words(entropy)).encode(),
        exact=False, refuses=(WordsError,),
    ),
    Target(
        "address of a store", location, [
            b"s3://bucket/some/prefix", b"file:///srv/backup%20here", b"/mnt/usb", b"~/here", b"http://host/x",
            b"s3://key:secret@bucket", b"~nobody/x", b"relative/\xff",
            b"file:///srv/\x80%81", b"file:///%00",
        ], ("adapters.stores.location:parse_location", "wiring.stores:parse_address"), refuses=(UsageError,),
    ),
]  # fmt: skip

# --- files of this device --------------------------------------------------------------------------------------

NOTE = FolderNote(
    b"\x01" * 32,
    "Sync",
    Path("/home/ann/Sync"),
    StoreAddress("s3://bucket", region="eu"),
    b"\x02" * 16,
    Dedup.FILE,
)
KEPT = KeptMembership(b"genesis", {"a": b"1", "b": b"2"}, (b"card",))
PLAN = Plan(NOTE, KEPT, (("people/x", b"card"), ("vaults/y", b"genesis")))
PROMISE = PromisedWords(Path("/home/ann/words"), b"\x03" * 32)
PLACE = scratch() / "file"
CONFIG = f"""version = 1
device_name = "laptop"
user_name = "Ann"

[[folders]]
vault = "{"01" * 32}"
name = "Sync"
path = "/home/ann/Sync"
store = "s3://bucket/prefix"
device = "{"02" * 16}"
dedup = "vault"
s3 = {{ endpoint_url = "https://host", region = "eu" }}
"""


def configuration(data: bytes) -> config.Config:
    """Load a configuration."""
    path = scratch() / "config.toml"
    path.write_bytes(data)
    return config.load(path)


def configured(value: config.Config) -> bytes:
    """Save a configuration."""
    path = scratch() / "saved.toml"
    path.unlink(missing_ok=True)
    config.save(path, value)
    return path.read_bytes()


SECRETS = {"identity": ANN.reveal(), "devices": LAPTOP.reveal()}


def kept(data: bytes) -> Any:
    """Load the keys of a home whose file holds this."""
    path = scratch() / FILE_NAME
    path.write_bytes(data)
    path.chmod(0o600)
    with cheap():
        return dict(open_keystore(scratch(), ask=lambda: "correct horse").load())


def kept_secrets(data: bytes) -> tuple[Any, Any]:
    """Load what a key store held: an identity and a device."""
    secrets = keystore._decode(data)
    return load_identity(secrets.get("identity", {})), load_device(secrets.get("devices", {}))


class CheapArgon2id:
    """Stands in for Argon2id, which takes 0.1 s and 64 MiB: the costs that reach it are inside the bounds."""

    def __init__(self, *, salt: bytes, length: int, iterations: int, lanes: int, memory_cost: int) -> None:
        assert iterations <= CEILING.passes
        assert memory_cost <= CEILING.memory
        assert lanes <= CEILING.lanes
        self._salt, self._length = salt, length

    def derive(self, key_material: bytes) -> bytes:
        return shake_256(self._salt + key_material).digest(self._length)


@contextmanager
def cheap() -> Iterator[None]:
    """Let passphrases cost nothing meanwhile; no system keyring is asked either."""
    stand_ins = (
        (passphrase, "Argon2id", CheapArgon2id),
        (keystore, "_keyring_get", {"entry": "b2s=", "none": None}.get),
    )
    before = [getattr(module, name) for module, name, _ in stand_ins]
    for module, name, stand_in in stand_ins:
        setattr(module, name, stand_in)
    try:
        yield
    finally:
        for (module, name, _), real in zip(stand_ins, before, strict=True):
            setattr(module, name, real)


def stored_keys(kind: Kind) -> bytes:
    """Return the file of a key store."""
    with cheap():
        create_keystore(scratch(), kind, ask=lambda: "correct horse").save(SECRETS)
    return (scratch() / FILE_NAME).read_bytes()


def opened(data: bytes) -> bytes:
    """Unseal what is under a passphrase."""
    with cheap():
        return passphrase.unseal("correct horse", data, context=b"here")


def sealed() -> bytes:
    """Seal something under a passphrase."""
    with cheap():
        return passphrase.seal("correct horse", b"secrets", context=b"here")


def of_file(decode: Callable[[bytes, Path], Any]) -> Callable[[bytes], Any]:
    """Return the parser of a small local file."""
    return lambda data: decode(data, PLACE)


FILES = [
    Target(
        "configuration", configuration, [CONFIG.encode(), b"version = 1\ndevice_name = ''\nuser_name = ''\n"],
        ("wiring.config:load",), encode=configured, exact=False, refuses=(UsageError, NewerFormat),
    ),
    Target(
        "membership, kept", of_file(records.decode_membership), [records.encode_membership(KEPT)],
        ("wiring.records:decode_membership",), encode=records.encode_membership, exact=False,
    ),
    Target(
        "plan", of_file(records.decode_plan), [records.encode_plan(PLAN)], ("wiring.records:decode_plan",),
        encode=records.encode_plan, exact=False,
    ),
    Target(
        "promise", of_file(records.decode_promise), [records.encode_promise(PROMISE)],
        ("wiring.records:decode_promise",), encode=records.encode_promise, exact=False,
    ),
    Target(
        "file of keys", kept, [
            stored_keys(Kind.FILE), stored_keys(Kind.PASSPHRASE), b"e2esync keys 1 keyring\nentry",
            b"e2esync keys 1 keyring\nnone", b"e2esync keys 2 file\n",
        ], ("adapters.keystore:open_keystore",), refuses=(*STRICT, Locked),
    ),
    Target(
        "kept secrets", kept_secrets, [keystore._encode(SECRETS)],
        ("vault.identity:load_identity", "vault.device:load_device"),
    ),
    Target("passphrase", opened, [sealed()], ("crypto.passphrase:unseal",), refuses=(*STRICT, Locked)),
]  # fmt: skip

# --- the answers of a server -------------------------------------------------------------------------------------

HERE = Place("bucket", "prefix", "https://host")
REFUSALS = (
    StoreUnavailable, StoreRefused, NotS3, NoBucket, CredentialsRefused, ClockSkew, StoreFull, WrongRegion, BadObject,
    NewerFormat, UsageError,
)  # fmt: skip


class Canned:
    """The answer that the S3 client gets; nothing is sent."""

    def __init__(self) -> None:
        self.status, self.kind, self.body = 200, "", b""

    def __call__(self, **_event: object) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        headers = HTTPHeaders()
        headers["content-type"] = headers["x-amz-bucket-region"] = self.kind
        return AWSResponse("https://host", self.status, headers, Stream(self.body))


class Stream:
    """A body as urllib3 gives it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


@cache
def bucket() -> tuple[S3Store, Canned]:
    """Return a store on the S3 client itself, and what it will be answered."""
    import boto3
    from botocore.config import Config

    canned, store = Canned(), S3Store("bucket")
    client = boto3.session.Session().client(
        "s3", aws_access_key_id="AK", aws_secret_access_key="secret", region_name="us-east-1",
        endpoint_url="https://host", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    instruct(client, HERE, Traffic())
    client.meta.events.register_first("before-send.s3", canned)
    store._connected = client
    return store, canned


def answer(data: bytes) -> Any:
    """Take an answer to a listing: status, content type and body, a zero byte between them."""
    status, kind, body = ([*data.split(b"\0", 2), b"", b""])[:3]
    store, canned = bucket()
    canned.status = int(status) if status.isdigit() and len(status) == 3 and status >= b"200" else 200
    canned.kind, canned.body = kind.decode("latin-1"), body
    return list(store.list(""))


def piece(data: bytes) -> bytes:
    """Read the body of an answer: status, range, length, start and length that were asked for, in lines."""
    *lines, body = ([*data.split(b"\n", 5), b"", b"", b"", b"", b""])[:6]
    status, content_range, promised, start, wanted = (text(line) for line in lines)

    def number(said: str) -> int | None:
        return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else None

    reply = Reply(number(status) or 200, content_range, number(promised))
    length = number(wanted) or None
    found = read_piece(BytesIO(body), reply, number(start) or 0, length)
    assert found in body or not found
    assert length is None or len(found) <= length
    return found


LISTING = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Name>bucket</Name><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>
<Contents><Key>a%2Fb</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag><Size>5</Size></Contents>
</ListBucketResult>"""
REFUSAL = b"<Error><Code>%b</Code><Message>m</Message><Region>eu-west-1</Region></Error>"

ANSWERS = [
    Target(
        "answer of a server", answer, [
            b"200\0application/xml\0" + LISTING, b"200\0text/html\0<html>", b"200\0\0{}", b"500\0\0",
            b"206\0\0{}", b"403\0\0" + b"<a>" * 5000 + b"</a>" * 5000,
            *(b"%d\0application/xml\0" % n + REFUSAL % code for n, code in (
                (403, b"AccessDenied"), (404, b"NoSuchBucket"), (301, b"PermanentRedirect"), (503, b"SlowDown"),
                (400, b"RequestTimeTooSkewed"), (507, b"StorageFull"),
            )),
        ],
        (
            "adapters.stores.s3_failures:failure", "adapters.stores.s3_failures:check_answer",
            "adapters.stores.s3_refusals:refused",
        ), refuses=REFUSALS,
    ),
    Target(
        "piece of an object", piece, [
            b"206\nbytes 5-9/20\n5\n5\n5\nabcde", b"200\n\n10\n5\n5\n0123456789", b"200\nbytes 0-4/5\n5\n0\n\nabcde",
        ], ("adapters.stores.s3_ranges:read_piece",), refuses=(BadObject, StoreUnavailable),
    ),
]  # fmt: skip

TARGETS = [*TYPED, *FILES, *ANSWERS]
