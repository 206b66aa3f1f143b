"""What can go wrong between a client and an S3 server, as values, and rules that say when.

A rule looks at verb (PUT, GET, HEAD, LIST, DELETE; a LIST is a GET of a bucket, a batch is a
DELETE), at the key (of a LIST the prefix), and counts what it matches, from 1.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Markup = Literal["xml", "html", "none"]


@dataclass(frozen=True, slots=True)
class Latency:
    """It takes longer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Bodies come and go at this rate."""

    rate: int  # bytes a second


@dataclass(frozen=True, slots=True)
class CutBefore:
    """The connection ends before the request is read."""


@dataclass(frozen=True, slots=True)
class CutRequest:
    """The connection is reset after so many bytes of the request's body; the server sees nothing."""

    after: int = 100  # bytes


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """The server has done it; the connection ends without a word of the answer."""


@dataclass(frozen=True, slots=True)
class CutResponse:
    """The connection ends after so many bytes of the answer's body, whose right length was announced."""

    after: int = 100  # bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer is an error; `done`: the server has done it all the same."""

    status: int = 503
    code: str = "ServiceUnavailable"
    markup: Markup = "xml"
    retry_after: int | None = None  # seconds
    done: bool = False


@dataclass(frozen=True, slots=True)
class Truncated:
    """The body is shorter, and its Content-Length says so."""

    keep: float = 0.5  # share of the body


@dataclass(frozen=True, slots=True)
class WrongBytes:
    """One byte of the answer's body, or of the request's, is another."""

    where: Literal["answer", "request"] = "answer"


@dataclass(frozen=True, slots=True)
class LostPut:
    """A PUT is acknowledged, with the ETag that it would have had, and dropped."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A GET or a LIST is answered as the same was answered before: so many answers, or seconds, ago.

    If nothing is that old, the oldest answer comes; if it was never asked, the true one.
    """

    answers: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Hidden:
    """A listing leaves out the keys in which `pattern` is found."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Unconditional:
    """The conditions of a PUT do not reach the server."""


@dataclass(frozen=True, slots=True)
class LyingCondition:
    """A conditional PUT is done or not, and answered with 200 or 412, by chance."""


@dataclass(frozen=True, slots=True)
class NoContinue:
    """`Expect: 100-continue` is never answered; the body is awaited all the same."""


@dataclass(frozen=True, slots=True)
class Hang:
    """The request is read and never answered."""


@dataclass(frozen=True, slots=True)
class Endless:
    """The answer is what it should be, and goes on for so many bytes, for which its reader never asked."""

    size: int = 400 << 20  # bytes
    announced: bool = False  # by Content-Length; else the body lasts as long as the connection


@dataclass(frozen=True, slots=True)
class Trickle:
    """The answer comes byte by byte."""

    pause: float = 0.2  # seconds between two bytes


Fault = (
    Latency | Bandwidth | CutBefore | CutRequest | CutAnswer | CutResponse | Refusal | Truncated | WrongBytes
    | LostPut | Stale | Hidden | Unconditional | LyingCondition | NoContinue | Hang | Endless | Trickle
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as rules see it."""

    verb: str
    key: str  # of a LIST the prefix, of a batch ""
    target: str  # path and query, as they came


def understand(method: str, target: str) -> Asked:
    """Return what a path-style request asks for."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    key = unquote(parts.path).lstrip("/").partition("/")[2]
    if method == "GET" and not key:
        return Asked("LIST", query.get("prefix", [""])[0], target)
    return Asked("DELETE" if method == "POST" and "delete" in query else method, key, target)


@dataclass
class Rule:
    """When a fault happens: at matches `first` to `first + times - 1`, and of those by chance."""

    fault: Fault
    verbs: str = "PUT GET HEAD LIST DELETE"
    key: str = ""  # is found in the key
    first: int = 1
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    matched: int = 0
    fired: int = 0
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def fires(self, asked: Asked) -> bool:
        """Count a request if it matches; return whether the fault happens to it."""
        if asked.verb not in self.verbs.split() or not re.search(self.key, asked.key):
            return False
        self.matched += 1
        late = self.times is not None and self.matched >= self.first + self.times
        if self.matched < self.first or late or self._chance.random() >= self.probability:
            return False
        self.fired += 1
        return True
