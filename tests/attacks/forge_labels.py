"""What each purpose is used for, read from the source of the product; and every use tried for every other."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

from e2esync.crypto.asymmetric import HpkeKey, SigningKey, verify, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EpochKey, Identifier, Sealer, derive
from e2esync.errors import BadObject

SOURCE = Path(__file__).resolve().parents[2] / "e2esync"

FAMILIES = {
    "record": {"sign_record", "open_record", "sign", "verify", "record_hash", "label"},
    "seal": {"Sealer", "Place"},
    "wrap": {"wrap", "unwrap"},
    "id": {"Identifier"},
    "derive": {"derive"},
}
"""Functions that may name the same purpose: they do one thing, forth and back (format §1.1)."""

NOT_USED = {Purpose.RETIRED}  # a valid record of this kind is a newer format


def uses(source: Path = SOURCE) -> dict[Purpose, set[str]]:
    """Return for each purpose the families of functions that are called with it."""
    found: dict[Purpose, set[str]] = defaultdict(set)
    for path in sorted(source.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call):
                for purpose in _purposes(call):
                    found[purpose].add(_family(call))
    return found


def _purposes(call: ast.Call) -> Iterator[Purpose]:
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if (
            isinstance(argument, ast.Attribute)
            and isinstance(argument.value, ast.Name)
            and argument.value.id == "Purpose"
        ):
            yield Purpose[argument.attr]


def _family(call: ast.Call) -> str:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "?")
    return next((family for family, names in FAMILIES.items() if name in names), name)


def _named(suffix: str) -> list[Purpose]:
    return [purpose for purpose in Purpose if purpose.value.endswith(suffix)]


def confused() -> Iterator[str]:
    """Yield every ordered pair of purposes of which one is taken for the other, with all else equal."""
    for family, pairs, is_taken in (
        ("sealed", permutations(_named(" seal"), 2), _opens),
        (
            "wrapped",
            permutations([p for p in _named(" wrap") if p is not Purpose.DATA_KEY_WRAP], 2),
            _unwraps,
        ),
        ("signed", permutations(_signing(), 2), _verifies),
        ("derived", permutations(Purpose, 2), _derives_the_same),
    ):
        yield from (f"{family} for {one}, taken for {other}" for one, other in pairs if is_taken(one, other))


def _signing() -> list[Purpose]:
    return [purpose for purpose, families in uses().items() if families == {"record"}]


_KEY, _SIGNING, _HPKE = EpochKey.generate(), SigningKey.generate(), HpkeKey.generate()


def _opens(one: Purpose, other: Purpose) -> bool:
    sealed = Sealer(_KEY, one).seal(b"body", context=b"vault")
    return not _is_refused(lambda: Sealer(_KEY, other).unseal(sealed, context=b"vault"))


def _unwraps(one: Purpose, other: Purpose) -> bool:
    wrapped = wrap(_HPKE.public, one, bytes(32), context=b"vault")
    return not _is_refused(lambda: _HPKE.unwrap(other, wrapped, context=b"vault"))


def _verifies(one: Purpose, other: Purpose) -> bool:
    signature = _SIGNING.sign(one, b"payload")
    return not _is_refused(lambda: verify(_SIGNING.public, other, b"payload", signature))


def _derives_the_same(one: Purpose, other: Purpose) -> bool:
    same_id = Identifier(_KEY, one).of(b"") == Identifier(_KEY, other).of(b"")
    return same_id or derive(_KEY, one) == derive(_KEY, other)


def _is_refused(open_it: Callable[[], object]) -> bool:
    try:
        open_it()
    except BadObject:
        return True
    return False
