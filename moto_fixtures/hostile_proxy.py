"""A hostile S3 server: an HTTP proxy on loopback before a real one, with the verbs of `HostileStore`.

    with HostileProxy(seaweed_server, bucket, prefix) as proxy:      # has what an `S3Server` has for a client
        …                                                            # AWS_… from proxy.env()
        proxy.store.flip(head)                                       # keys are below bucket and prefix

Requests pass as they are, with the Host that the client named, so that signatures hold. What clients
PUT is mirrored in `store`. Where `store` lies about a key, or about what a listing shows, the proxy
answers by itself; else the real server does. `elsewhere` is where redirects lead: it counts who came.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.model.store import ObjectInfo
from moto_fixtures.hostile import EVERYBODY, HostileStore
from moto_fixtures.hostile_record import Manner
from moto_fixtures.servers import S3Server

_HOP = {"connection", "expect", "keep-alive", "transfer-encoding", "te", "upgrade"}
_WHEN = "2026-01-01T00:00:00.000Z"
_BLOCK = bytes(1 << 16)


class HostileProxy:
    """An S3 endpoint whose answers are the adversary's."""

    def __init__(self, server: S3Server, bucket: str, prefix: str = "") -> None:
        self.server = server
        self.access_key, self.secret_key, self.region = server.access_key, server.secret_key, server.region
        self.store = HostileStore(MemoryStore())
        self.path = f"/{bucket}/{prefix}/" if prefix else f"/{bucket}/"
        self.sent_by_endless = 0  # bytes
        self._front = _Server(_Handler, self)
        self._elsewhere = _Server(_Elsewhere, self)
        self.endpoint = self._front.address
        self.elsewhere: list[str] = []  # who followed a redirect: method and path

    def __enter__(self) -> Self:
        self._front.start()
        self._elsewhere.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._front.end()
        self._elsewhere.end()

    @property
    def other_address(self) -> str:
        """Where redirects lead."""
        return self._elsewhere.address

    def env(self) -> dict[str, str]:
        """Return the server's variables, with this address."""
        return {**self.server.env(), "AWS_ENDPOINT_URL_S3": self.endpoint}

    def key_of(self, target: str) -> str | None:
        """Return the key of an object below bucket and prefix, None for all else."""
        path = unquote(urlsplit(target).path)
        return path.removeprefix(self.path) if path.startswith(self.path) and path != self.path else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], proxy: HostileProxy) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.proxy = proxy
        self.address = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is no news."""


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Elsewhere(_Quiet):
    """Where nobody should come."""

    def _come(self) -> None:
        self.server.proxy.elsewhere.append(f"{self.command} {self.path}")
        self.answer(403)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _come  # noqa: N815  what the base calls


class _Handler(_Quiet):
    def _handle(self) -> None:
        proxy, body = self.server.proxy, self._body()
        key = proxy.key_of(self.path)
        with suppress(BrokenPipeError, ConnectionResetError):
            if key is not None:
                self._object(key, body)
            elif (
                self.command == "GET" and self._is_listing() and proxy.store.world(EVERYBODY).lies_in_lists()
            ):
                self.answer(200, self._listing(), {"Content-Type": "application/xml"})
            else:
                self._forward(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815  what the base calls

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _object(self, key: str, body: bytes) -> None:
        world = self.server.proxy.store.world(EVERYBODY)
        manner = world.manner(key)
        if manner.delay:
            time.sleep(manner.delay)
        if manner.redirect:
            self.answer(manner.redirect, headers={"Location": self.server.proxy.other_address + self.path})
        elif manner.errors:
            world.behave(key, errors=max(-1, manner.errors - 1))
            self.answer(503, _refusal("SlowDown"))
        elif self.command in {"GET", "HEAD"} and world.is_lie(key):
            self._lie(key, manner)
        else:
            self._forward(body, manner=manner, key=key)

    def _lie(self, key: str, manner: Manner) -> None:
        store = self.server.proxy.store
        info = None if manner.hidden else store.info(EVERYBODY, key)
        if info is None:
            self.answer(404, _refusal("NoSuchKey"))
            return
        if manner.endless and self.command == "GET":
            self._go_on_for_ever(store.body(key))
            return
        headers = {"ETag": f'"{info.etag}"', **dict(manner.headers)}
        self._piece(store.body(key), headers)

    def _piece(self, content: bytes, headers: dict[str, str]) -> None:
        """Answer with the range that was asked for, as a good server does."""
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted:
            self.answer(200, content, headers)
            return
        first, _, last = wanted.partition("-")
        start, end = int(first), min(int(last) + 1 if last else len(content), len(content))
        if start >= len(content):
            self.answer(416, _refusal("InvalidRange"))
            return
        headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        self.answer(206, content[start:end], headers)

    def _go_on_for_ever(self, content: bytes) -> None:
        """Answer the object, and then more until the client has enough."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("ETag", '"endless"')
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        while True:  # ends when the client hangs up
            self.wfile.write(_BLOCK)
            self.server.proxy.sent_by_endless += len(_BLOCK)

    def _forward(self, body: bytes, manner: Manner | None = None, key: str | None = None) -> None:
        """Let the real server answer; mirror what was written."""
        proxy = self.server.proxy
        connection = http.client.HTTPConnection(proxy.server.endpoint.removeprefix("http://"), timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if key is not None and answer.status < 300 and self.command in {"PUT", "DELETE"}:
            proxy.store.write(EVERYBODY, key, body if self.command == "PUT" else None)
        self.send_response(answer.status)
        for name, value in self._headers(answer, len(content), manner):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _headers(
        self, answer: http.client.HTTPResponse, size: int, manner: Manner | None
    ) -> Iterator[tuple[str, str]]:
        edited = dict(manner.headers) if manner else {}
        known = {name.lower() for name in edited}
        for name, value in answer.getheaders():
            if name.lower() not in {*_HOP, *known, "content-length", "server", "date"}:
                yield name, value
        if self.command == "HEAD":
            yield "Content-Length", answer.getheader("Content-Length", "0")
        else:
            yield "Content-Length", str(size)
        yield from edited.items()

    def _is_listing(self) -> bool:
        return "list-type" in parse_qs(urlsplit(self.path).query)

    def _listing(self) -> bytes:
        """Return the whole listing in one page."""
        proxy = self.server.proxy
        below = proxy.path.split("/", 2)[2]
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        shown = [info for info in proxy.store.listing(EVERYBODY, "") if (below + info.key).startswith(prefix)]
        things = "".join(_listed(below, info) for info in sorted(shown, key=lambda info: info.key))
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(shown)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{things}</ListBucketResult>"
        ).encode()


def _listed(below: str, info: ObjectInfo) -> str:
    return (
        f"<Contents><Key>{escape(below + info.key)}</Key><LastModified>{_WHEN}</LastModified>"
        f"<ETag>&quot;{escape(info.etag)}&quot;</ETag><Size>{info.size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _refusal(code: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'.encode()
