"""The answers of a `FaultProxy`: made up, or made of the server's own."""

from __future__ import annotations

import hashlib
import random
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from moto_fixtures import faulty_rules as rules
from moto_fixtures.faulty_rules import Asked, Fault

if TYPE_CHECKING:
    from moto_fixtures.faulty_proxy import FaultProxy

_CONTENTS = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_KEY = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Aborted(Exception):
    """The connection ends here."""


def made_up(proxy: FaultProxy, fault: Fault | None, asked: Asked, body: bytes) -> Answer | None:
    """Return the answer to a request that the server never sees, None if it is to see it."""
    match fault:
        case rules.Refusal(done=False):
            return _refusal(fault)
        case rules.LostPut():
            etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            return Answer(200, (("ETag", etag),), b"")
        case rules.Stale():
            return proxy.past(asked, fault)
        case _:
            return None


def changed(proxy: FaultProxy, fault: Fault | None, answer: Answer) -> Answer:
    """Return what is made of the server's answer."""
    match fault:
        case rules.CutAnswer():
            raise Aborted
        case rules.Refusal():
            return _refusal(fault)
        case rules.Truncated(keep=keep):
            return replace(answer, body=answer.body[: int(len(answer.body) * keep)])
        case rules.WrongBytes(where="answer"):
            return replace(answer, body=flipped(proxy.chance, answer.body))
        case rules.Hidden(pattern=pattern):
            return replace(answer, body=_without(pattern, answer.body))
        case _:
            return answer


def _refusal(fault: rules.Refusal) -> Answer:
    retry = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
    if fault.markup == "none":
        return Answer(fault.status, retry, b"")
    if fault.markup == "html":
        page = f"<html><head><title>{fault.status}</title></head><body>gateway</body></html>".encode()
        return Answer(fault.status, (("Content-Type", "text/html"), *retry), page)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{fault.code}</Code><Message>no</Message></Error>'
    )
    return Answer(fault.status, (("Content-Type", "application/xml"), *retry), text.encode())


def without_condition(
    proxy: FaultProxy, fault: rules.Unconditional | rules.LyingCondition, asked: Asked, body: bytes
) -> Answer:
    """Put with our own signature, which covers no condition."""
    bucket, _, key = unquote(urlsplit(asked.target).path).lstrip("/").partition("/")
    lies = isinstance(fault, rules.LyingCondition)
    if not lies or proxy.chance.random() < 0.5:
        proxy.own_client.put_object(Bucket=bucket, Key=key, Body=body)
    if lies and proxy.chance.random() < 0.5:
        return _refusal(rules.Refusal(412, "PreconditionFailed"))
    return Answer(200, (("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'),), b"")


def flipped(chance: random.Random, body: bytes) -> bytes:
    if not body:
        return body
    place = chance.randrange(len(body))
    return body[:place] + bytes([body[place] ^ 0x55]) + body[place + 1 :]


def _without(pattern: str, listing: bytes) -> bytes:
    def keep(row: re.Match[bytes]) -> bytes:
        key = _KEY.search(row[0])
        return b"" if key and re.search(pattern, unquote(key[1].decode())) else row[0]

    with suppress(UnicodeDecodeError):
        return _CONTENTS.sub(keep, listing)
    return listing
