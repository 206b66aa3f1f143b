"""Servers on loopback that speak just enough S3 for one hostile answer, in front of the real adapter."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, unquote, urlsplit

from e2esync.adapters.stores.memory import MemoryStore
from tests.stores.canned import Asked, Canned

BUCKET = "bucket"
PAGE = b"<?xml version='1.0'?><ListBucketResult><Name>bucket</Name>%b</ListBucketResult>"
ONE = b"<Contents><Key>%b</Key><Size>%d</Size><ETag>&quot;%b&quot;</ETag></Contents>"


class TinyS3:
    """Objects of a store as an S3 server has them; `headers` says more about each."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.headers: Callable[[str], Mapping[str, str]] = lambda _key: {}

    def __call__(self, asked: Asked) -> Canned:
        parts = urlsplit(asked.path)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/")
        if not key:
            return self._listing(parse_qs(parts.query).get("prefix", [""])[0])
        if asked.method == "PUT":
            self.store.put(key, asked.body)
        info = self.store.head(key)
        if info is None:
            return Canned(404, b"<Error><Code>NoSuchKey</Code></Error>")
        body = self.store.get(key)
        headers = {"ETag": f'"{etag_of(body)}"', **self.headers(key)}
        return (
            self._piece(asked, body, headers) if asked.method == "GET" else self._head(asked, body, headers)
        )

    def _head(self, asked: Asked, body: bytes, headers: dict[str, str]) -> Canned:
        return Canned(
            200, b"", headers | ({"Content-Length": str(len(body))} if asked.method == "HEAD" else {})
        )

    def _piece(self, asked: Asked, body: bytes, headers: dict[str, str]) -> Canned:
        wanted = asked.headers.get("range", "").removeprefix("bytes=")
        if not wanted:
            return Canned(200, body, headers)
        first, _, last = wanted.partition("-")
        start, end = int(first), min(int(last) + 1 if last else len(body), len(body))
        if start >= len(body):
            return Canned(416, b"<Error><Code>InvalidRange</Code></Error>")
        return Canned(
            206, body[start:end], {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(body)}"}
        )

    def _listing(self, prefix: str) -> Canned:
        rows = []
        for info in self.store.list(""):
            if info.key.startswith(prefix):
                etag = dict(self.headers(info.key)).get("ETag", f'"{etag_of(self.store.get(info.key))}"')
                rows.append(ONE % (info.key.encode(), info.size, etag.strip('"').encode()))
        return listing(b"".join(rows))


def etag_of(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def listing(rows: bytes, *, next_page: bytes = b"") -> Canned:
    """A page of a listing; with a token there is said to be another."""
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>%b</NextContinuationToken>" % next_page
    return Canned(200, PAGE % (rows + (more if next_page else b"<IsTruncated>false</IsTruncated>")))


class Stream:
    """What a raw server has sent."""

    def __init__(self) -> None:
        self.sent = 0  # bytes
        self.endpoint = ""
        self.ended = threading.Event()


@contextmanager
def raw_server(head: bytes, blocks: Callable[[], Iterator[bytes]]) -> Iterator[Stream]:
    """Answer every request with this head and then with blocks, until they end or the client hangs up."""
    stream, listener = Stream(), socket.create_server(("127.0.0.1", 0))
    stream.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    threads: list[threading.Thread] = []

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.recv(65536)
            client.sendall(head)
            for block in blocks():
                if stream.ended.is_set():
                    return
                client.sendall(block)
                stream.sent += len(block)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True))
                threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield stream
    finally:
        stream.ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(5)
