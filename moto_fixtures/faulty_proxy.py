"""An HTTP proxy on loopback in front of a real S3 server, that does to requests what rules say.

Path-style S3. The Host header passes as it came, so that signatures hold.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from moto_fixtures import faulty_rules as rules
from moto_fixtures.faulty_answers import Aborted, Answer, changed, flipped, made_up, without_condition
from moto_fixtures.faulty_rules import Asked, Fault, Rule
from moto_fixtures.servers import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_STEP = 1 << 16  # bytes
_PER_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came, what was done to it, and what was answered; 0: nothing."""

    asked: Asked
    size: int  # bytes of its body
    fault: Fault | None
    status: int
    reached: bool  # the server has seen it


class FaultProxy:
    """Has what an `S3Server` has for a client; `rules` may be changed at any time, the first that fires counts."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.access_key, self.secret_key, self.region = server.access_key, server.secret_key, server.region
        self.rules: list[Rule] = []
        self.arrived = 0  # requests, also those that are not answered yet
        self.seen: list[Seen] = []  # requests that are over
        self.ended = threading.Event()
        self.chance = random.Random(0)
        self._past: dict[str, list[tuple[float, Answer]]] = {}
        self._lock = threading.Lock()
        self._http = _Listener(self)
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        if "own_client" in self.__dict__:
            self.own_client.close()

    def env(self) -> dict[str, str]:
        """Return the server's variables, with this address."""
        return {**self.server.env(), "AWS_ENDPOINT_URL_S3": self.endpoint}

    @cached_property
    def own_client(self) -> S3Client:
        """Return a client that goes around the rules."""
        return self.server.client()

    def set_rules(self, *new: Rule) -> None:
        """Follow these rules from now on, and forget what was seen."""
        with self._lock:
            self.rules, self.seen, self.arrived = list(new), [], 0

    def forget(self) -> None:
        """Forget all answers of the past."""
        with self._lock:
            self._past = {}

    def fault(self, asked: Asked) -> Fault | None:
        """Count a request; return what happens to it."""
        with self._lock:
            self.arrived += 1
            return next((rule.fault for rule in self.rules if rule.fires(asked)), None)

    def note(self, seen: Seen) -> None:
        """Keep what was seen."""
        with self._lock:
            self.seen.append(seen)

    def keep(self, asked: Asked, answer: Answer) -> None:
        """Keep the true answer to a read, for `Stale`."""
        with self._lock:
            self._past.setdefault(asked.target, []).append((time.monotonic(), answer))

    def past(self, asked: Asked, stale: rules.Stale) -> Answer | None:
        """Return an earlier answer to the same request."""
        with self._lock:
            kept = self._past.get(asked.target, [])
        if not kept:
            return None
        if stale.seconds is not None:
            old = [answer for when, answer in kept if when <= time.monotonic() - stale.seconds]
            return old[-1] if old else kept[0][1]
        return kept[max(0, len(kept) - (stale.answers or 1))][1]


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Listen with small buffers: else those of the kernel hide a slow line."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STEP)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Listener
    _fault: Fault | None = None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle_expect_100(self) -> bool:
        """Answer `Expect: 100-continue`, unless a rule says not to."""
        self._fault = self.server.proxy.fault(rules.understand(self.command, self.path))
        if self._fault == rules.NoContinue():
            return True
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def handle_any(self) -> None:
        """Serve one request, well or badly."""
        asked = rules.understand(self.command, self.path)
        fault = self._fault if "Expect" in self.headers else self.server.proxy.fault(asked)
        if isinstance(fault, rules.Unconditional | rules.LyingCondition) and not _has_condition(self.headers):
            fault = None
        self._fault = None
        size, status, reached = int(self.headers.get("Content-Length") or 0), 0, False
        try:
            _before(self.server.proxy, fault)
            body = self._read_body(fault, size)
            answer = made_up(self.server.proxy, fault, asked, body)
            if answer is None:
                reached = True
                answer = self._forward(fault, asked, body)
            status = answer.status
            self._send(fault, answer)
        except (Aborted, OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            self.server.proxy.note(Seen(asked, size, fault, status, reached))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815  names of http.server

    def _read_body(self, fault: Fault | None, size: int) -> bytes:
        if isinstance(fault, rules.CutRequest) and fault.after < size:
            self.rfile.read(fault.after)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Aborted
        if not isinstance(fault, rules.Bandwidth):
            return self.rfile.read(size)
        parts = []
        while size and (part := self.rfile.read(min(size, _STEP))):
            time.sleep(len(part) / fault.rate)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _forward(self, fault: Fault | None, asked: Asked, body: bytes) -> Answer:
        proxy = self.server.proxy
        if isinstance(fault, rules.Unconditional | rules.LyingCondition):
            return without_condition(proxy, fault, asked, body)
        if fault == rules.WrongBytes("request"):
            body = flipped(proxy.chance, body)
        answer = self._ask_server(body)
        if asked.verb in ("GET", "LIST") and answer.status == 200:
            proxy.keep(asked, answer)
        return changed(proxy, fault, answer)

    def _ask_server(self, body: bytes) -> Answer:
        host = urlsplit(self.server.proxy.server.endpoint).netloc
        server = http.client.HTTPConnection(host, timeout=120)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            return Answer(answer.status, tuple(answer.getheaders()), answer.read())
        finally:
            server.close()

    def _send(self, fault: Fault | None, answer: Answer) -> None:
        length: int | None = len(answer.body)
        if self.command == "HEAD":
            length = int({k.lower(): v for k, v in answer.headers}.get("content-length", 0))
        if isinstance(fault, rules.Endless):
            length = len(answer.body) + fault.size if fault.announced else None
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _PER_CONNECTION:
                self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.flush()
        if self.command != "HEAD":
            self._send_body(fault, answer.body)

    def _send_body(self, fault: Fault | None, body: bytes) -> None:
        match fault:
            case rules.CutResponse(after=after) if after < len(body):
                self.wfile.write(body[:after])
                self.wfile.flush()
                raise Aborted
            case rules.Trickle(pause=pause):
                self._send_slowly(body, step=1, pause=pause)
            case rules.Bandwidth(rate=rate):
                self._send_slowly(body, step=_STEP, pause=_STEP / rate)
            case rules.Endless(size=size):
                self._send_endlessly(body, size)
            case _:
                self.wfile.write(body)
                self.wfile.flush()

    def _send_slowly(self, body: bytes, *, step: int, pause: float) -> None:
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            if self.server.proxy.ended.wait(pause):
                raise Aborted

    def _send_endlessly(self, body: bytes, size: int) -> None:
        self.wfile.write(body)
        while size > 0 and not self.server.proxy.ended.is_set():
            self.wfile.write(b" " * min(size, _STEP))  # which XML allows at its end
            size -= _STEP
        self.wfile.flush()
        raise Aborted


def _has_condition(headers: Message) -> bool:
    return "If-Match" in headers or "If-None-Match" in headers


def _before(proxy: FaultProxy, fault: Fault | None) -> None:
    match fault:
        case rules.Latency(seconds=seconds):
            proxy.ended.wait(seconds)
        case rules.CutBefore():
            raise Aborted
        case rules.Hang():
            proxy.ended.wait()
            raise Aborted
        case _:
            pass
