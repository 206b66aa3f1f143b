"""What a parser under test is: how it is called, what goes in, and which rules its results keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from e2esync.errors import BadObject, E2ESyncError, NewerFormat

Errors = tuple[type[E2ESyncError], ...]
STRICT: Errors = (BadObject, NewerFormat)


@dataclass(frozen=True)
class Target:
    """One parser.

    `parse` takes bytes, whatever the parser itself takes, and returns its value or raises one of `refuses`.
    `encode` turns a value back. If `exact`, one value has one encoding: what was parsed encodes to the same
    bytes. Else what was encoded again parses to the same value.
    """

    name: str
    parse: Callable[[bytes], Any]
    seeds: Sequence[bytes]  # valid
    covers: tuple[str, ...]  # module (below e2esync) and name of what is shown with it
    encode: Callable[[Any], bytes] | None = None
    exact: bool = True
    refuses: Errors = STRICT
    long: bool = True  # whether the long run takes its time for it

    def run(self, data: bytes) -> Any:
        """Parse, hold the result to the rules, and return it; None if it was refused as it should be.

        Raises:
            AssertionError: The result breaks a rule. Any other exception is one that the parser let out.
        """
        try:
            value = self.parse(data)
        except self.refuses:
            return None
        if self.encode is not None:
            again = self.encode(value)
            if self.exact:
                assert again == data, f"another encoding of one value: {data.hex()} gives {again.hex()}"
            assert self.parse(again) == value, f"another value after encoding: {data.hex()}"
        return value


def text(data: bytes) -> str:
    """Return what the system hands over as text."""
    return data.decode("utf-8", "surrogateescape")
