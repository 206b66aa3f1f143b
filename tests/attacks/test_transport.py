"""N2, O3, O5, O6: what a hostile server does to the real S3 adapter: headers, endless answers, redirects, XML."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from e2esync.adapters.stores import s3
from e2esync.adapters.stores.memory import MemoryStore
from e2esync.adapters.stores.s3 import S3Store
from e2esync.engine.own import list_heads
from e2esync.errors import E2ESyncError, StoreUnavailable
from e2esync.format import names
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, ClientCrashed, row, trust_of
from tests.attacks.tiny_s3 import BUCKET, ONE, PAGE, TinyS3, listing, raw_server
from tests.engine.people import entropy_of, join_up, set_up
from tests.stores.canned import Asked, Canned, canned_server

MIB = 1 << 20
SLACK = 24 * MIB  # bytes that lie in sockets and buffers when a client has enough


@pytest.fixture(autouse=True)
def only_this_server(monkeypatch, tmp_path):
    """What this user has set up for AWS is none of the tests' business."""
    for name in (
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_SESSION_TOKEN",
        "http_proxy",
        "HTTP_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    values = {"AWS_ACCESS_KEY_ID": "AKHOSTILE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    for name, value in {**values, "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store_at(monkeypatch):
    """Return a function that opens the real adapter for an address."""
    opened: list[S3Store] = []

    def make(endpoint: str) -> S3Store:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        opened.append(S3Store(BUCKET))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


# --- N2 ------------------------------------------------------------------------------------------

LIES = {
    "x-amz-meta": {"x-amz-meta-mtime": "1", "x-amz-meta-mode": "33261", "x-amz-meta-name": "../../evil"},
    "times": {"Last-Modified": "Thu, 01 Jan 1970 00:00:01 GMT", "Date": "Thu, 01 Jan 1970 00:00:01 GMT"},
    "ETag": {"ETag": '"00000000000000000000000000000000"'},
    "types": {
        "Content-Type": "text/html",
        "Content-Language": "xx",
        "Content-Disposition": "attachment; filename=/e",
    },
    "encodings": {
        "Content-Encoding": "gzip",
        "x-amz-server-side-encryption": "aws:kms",
        "Cache-Control": "no-store",
    },
    "deletion": {"x-amz-delete-marker": "true", "x-amz-version-id": "null", "x-amz-expiration": "soon"},
    "tags": {
        "x-amz-tagging-count": "7",
        "x-amz-storage-class": "GLACIER",
        "x-amz-replication-status": "FAILED",
    },
}


@row("N2", shows=["G2"], weaknesses=["headers ignored"])
def test_no_header_of_an_object_has_any_effect(tmp_path, store_at):
    memory = MemoryStore()
    with canned_server(TinyS3(memory)) as honest:
        arena = Arena(tmp_path / "arena")
        arena.store.wrapped = memory
        laptop = arena.device("laptop")
        arena.fill(laptop)
        laptop.push()
        expected, trust = _pulled(arena, "honest", store_at(honest.endpoint))
        assert expected == laptop.tree()
    for name, lie in LIES.items():
        server = TinyS3(memory)
        server.headers = lambda _key, lie=lie: lie  # type: ignore[misc]
        with canned_server(server) as lying:
            try:
                found = _pulled(arena, name, store_at(lying.endpoint))
            except E2ESyncError as error:
                raise AttackSucceeded(f"{name}: {error}") from error
        if found != (expected, trust):
            raise AttackSucceeded(f"{name} has changed what a device has")
    arena.close()


def _pulled(arena: Arena, name: str, store: S3Store) -> tuple[object, object]:
    """Pull twice with a device of this name; return its tree and what it trusts."""
    dev = arena.world.device(name, store=store)
    dev.pull()
    dev.pull()
    found = dev.tree(), trust_of(dev)["trusted"]
    arena.drop(dev)
    return found


# --- O3 ------------------------------------------------------------------------------------------

ENDLESS = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Type: binary/octet-stream\r\nConnection: close\r\n\r\n'
XML = ENDLESS.replace(b"binary/octet-stream", b"application/xml")


def zeros(most: int = 120 * MIB) -> Iterator[bytes]:
    """Blocks without end; here that is what nobody has to read."""
    for _ in range(most // MIB):
        yield bytes(MIB)


@row("O3", shows=["G17"], weaknesses=["bounded reads"])
@pytest.mark.parametrize(("length", "most"), [(4 * MIB, 4 * MIB), (1000, 1000), (None, 64 * MIB)])
def test_endless_data_is_read_no_further_than_an_object_can_go(store_at, length, most):
    with raw_server(ENDLESS, zeros) as server:
        try:
            content = store_at(server.endpoint).get("a/b", length=length)
        except E2ESyncError:
            content = b""
        if server.sent > most + SLACK or len(content) > most:
            raise AttackSucceeded(f"{server.sent} bytes were taken of a server without end")


@row("O3", shows=["G17"], weaknesses=[])
def test_a_server_that_says_nothing_is_given_up(store_at, monkeypatch):
    monkeypatch.setattr(s3, "_READ_TIMEOUT", 1)
    with raw_server(b"", silence) as server:
        store, began = store_at(server.endpoint), time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.get("a/b")
        assert time.monotonic() - began < 20


def silence() -> Iterator[bytes]:
    while True:  # until the test ends
        time.sleep(0.1)
        yield b""


def drip() -> Iterator[bytes]:
    for _ in range(600):
        time.sleep(0.1)
        yield b"x"


@pytest.mark.row("O3")
def test_a_server_that_drips_is_given_up(store_at, monkeypatch):
    monkeypatch.setattr(s3, "_READ_TIMEOUT", 1)
    with raw_server(ENDLESS, drip) as server:
        store = store_at(server.endpoint)
        store.url  # noqa: B018  the client is made by the first call, in the thread
        reading = threading.Thread(target=lambda: _quietly(store), daemon=True)
        reading.start()
        reading.join(30)  # it drips for a minute
        given_up = not reading.is_alive()
    reading.join(10)
    assert given_up


def _quietly(store: S3Store) -> None:
    try:
        store.get("a/b", length=1 << 20)
    except E2ESyncError:
        return


# --- O5 ------------------------------------------------------------------------------------------


@row("O5", weaknesses=["no redirect"])
@pytest.mark.parametrize("status", [301, 307])
def test_no_redirect_takes_a_request_to_another_host(store_at, status):
    visited: list[Asked] = []

    def elsewhere(asked: Asked) -> Canned:
        visited.append(asked)
        return Canned(200, b"", {"ETag": '"x"'})

    with canned_server(elsewhere) as other:
        headers = {"Location": f"{other.endpoint}/bucket/a", "x-amz-bucket-region": "eu-west-1"}
        body = (
            b"<Error><Code>TemporaryRedirect</Code><Endpoint>%b</Endpoint></Error>"
            % other.endpoint.encode()[7:]
        )
        with canned_server(lambda _asked: Canned(status, body, headers)) as first:
            store = store_at(first.endpoint)
            for ask in (
                lambda: store.get("a"), lambda: store.put("a", b"x"), lambda: store.head("a"),
                lambda: list(store.list("")), lambda: store.delete(["a"]), lambda: store.put_if_absent("a", b"x"),
            ):  # fmt: skip
                try:
                    ask()
                except E2ESyncError:
                    continue
    if visited:
        raise AttackSucceeded(f"{len(visited)} requests went to another host")


@row("O5", weaknesses=[])
def test_no_address_that_stands_in_a_record_is_ever_visited(tmp_path, monkeypatch):
    """An own record names a store; who joins goes to the store that the person typed, and to no other."""
    visited: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: visited.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_named: visited.append(arguments))
    store = MemoryStore()
    set_up(store, tmp_path / "one", tmp_path / "Sync", tmp_path / "words")
    _, found = join_up(store, tmp_path / "two", tmp_path / "Copy", entropy_of(tmp_path / "words"))
    assert found.candidate.store == "s3://bucket/prefix"
    assert visited == []


# --- O6 ------------------------------------------------------------------------------------------


def laughs() -> bytes:
    """Ten entities, each ten times the one before: ten billion letters."""
    entities = b"".join(b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 11))
    return (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">%b]><ListBucketResult><Name>&l10;</Name></ListBucketResult>'
        % entities
    )


def outer(address: str) -> bytes:
    """An entity whose text stands elsewhere."""
    return (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "%b">]><ListBucketResult><Name>bucket</Name>'
        b"<IsTruncated>false</IsTruncated><Contents><Key>a/&e;</Key><Size>1</Size><ETag>e</ETag></Contents>"
        b"</ListBucketResult>" % address.encode()
    )


@row("O6", shows=["G17"], weaknesses=["plain xml"])
def test_no_entity_of_a_listing_is_fetched(store_at, tmp_path):
    visited: list[Asked] = []
    (tmp_path / "secret").write_text("canary-in-a-file")

    def elsewhere(asked: Asked) -> Canned:
        visited.append(asked)
        return Canned(200, b"fetched")

    with canned_server(elsewhere) as other:
        for address in (f"file://{tmp_path}/secret", f"{other.endpoint}/dtd"):
            with canned_server(lambda _asked, address=address: Canned(200, outer(address))) as server:  # type: ignore[misc]
                try:
                    found = [info.key for info in store_at(server.endpoint).list("")]
                except E2ESyncError:
                    found = []
                if visited or any("canary" in key or "fetched" in key for key in found):
                    raise AttackSucceeded("an entity was fetched")


BOMBS = {
    "laughs": laughs(),
    "a quadratic one": b'<!DOCTYPE x [<!ENTITY a "%b">]><x>%b</x>' % (b"a" * 50_000, b"&a;" * 50_000),
    "depth": PAGE % (b"<a>" * 100_000),
    "attributes": b"<x " + b" ".join(b'a%d=""' % n for n in range(50_000)) + b"/>",
    "a number without end": PAGE
    % (ONE % (b"k", 1, b"e")).replace(b"<Size>1<", b"<Size>" + b"9" * 9000 + b"<"),
    "nothing that fits": PAGE % b"<Contents/>" * 2,
}


@row("O6", shows=["G17"], weaknesses=[])
@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_no_xml_takes_memory_or_time(store_at, body):
    with canned_server(lambda _asked: Canned(200, body)) as server:
        began = time.process_time()
        try:
            keys = [info.key for info in store_at(server.endpoint).list("")]
        except E2ESyncError:
            keys = []
        except Exception as error:
            raise ClientCrashed(f"{error!r}") from error
        if time.process_time() - began > 10 or sum(map(len, keys)) > 10 * MIB:
            raise AttackSucceeded("a listing went off")


@pytest.mark.row("O6")
def test_a_listing_that_names_its_own_page_as_the_next_ends(store_at):
    with canned_server(lambda _asked: listing(b"", next_page=b"again")) as server:
        with pytest.raises(E2ESyncError):
            list(store_at(server.endpoint).list(""))
        assert len(server.asked) < 5


@pytest.mark.row("O6")
def test_a_listing_without_end_ends(arena, store_at, monkeypatch):
    """Each page names a thousand new heads and says that there are more."""
    laptop, _ = arena.pair()
    prefix, numbers = names.heads_prefix(arena.world.keys.vault_id), count()

    def page(_asked: Asked) -> Canned:
        rows = b"".join(ONE % (f"{prefix}{next(numbers):032x}".encode(), 900, b"e") for _ in range(1000))
        return listing(rows, next_page=b"" if next(numbers) > 12_000 else b"t%d" % next(numbers))

    with canned_server(page) as server:
        with laptop.using(store=store_at(server.endpoint)), suppress(E2ESyncError):
            list_heads(laptop.vault)
        assert len(server.asked) < 10


@pytest.mark.row("O6")
def test_one_page_without_end_is_not_read_on_and_on(store_at):
    with raw_server(XML, lambda: zeros(64 * MIB)) as server:
        with pytest.raises(E2ESyncError):
            list(store_at(server.endpoint).list(""))
        assert server.sent < 16 * MIB + SLACK
