"""Defences of encodings, versions and passphrases that can be switched off, beside those of the arena."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from e2esync.adapters import keystore
from e2esync.crypto import passphrase
from e2esync.crypto.secrets import Entropy
from e2esync.errors import BadObject
from e2esync.format import cbor
from e2esync.format.card import Card
from e2esync.format.sealedmessage import MAGIC, SealedMessage
from e2esync.model.store import ObjectNotFound
from tests.attacks.arena_defences import DEFENCES, Patch, _Untagged, skipped


def _any_version(_original):
    """Read every map as the version that we know, and overlook fields that we do not."""

    def decode_map(data: bytes, keys: int) -> dict[int, Any]:
        value = cbor.decode_exact(data)
        if not isinstance(value, dict) or not {*range(2, keys + 1)} <= value.keys():
            raise BadObject("a record is not complete")
        return {key: value.get(key) for key in range(1, keys + 1)}

    return decode_map


def _any_fields(_original):
    return lambda payload, keys: {key: cbor.decode_exact(payload)[key] for key in range(1, keys + 1)}


def _adds_a_hint(original):
    """Store something to remember the passphrase by."""

    def in_order(*arguments):
        return (("hint", sha256(b"correct horse battery staple").digest()), *original(*arguments))

    return in_order


def _from_half_of_the_words(original):
    def derive(entropy, purpose, length=32):
        return original(Entropy(entropy.reveal()[:16] * 2), purpose, length)

    return derive


def _for_any_passphrase(_original):
    """Derive the same key whatever is typed."""
    return SimpleNamespace(normalize=lambda _form, _text: "")


def _fills_gaps(original):
    """Take what is not there for nothing."""

    def decode(data, keys):
        value = cbor.decode_exact(data)
        nothing: object = None if keys == len(Card.__slots__) + 1 else []  # what a card inherits; lists
        return original(cbor.encode({key: value.get(key, nothing) for key in range(1, keys + 1)}), keys)

    return decode


def _any_keys_line(_original):
    """Go by the kind of the keys alone."""

    def read(home):
        line, _, rest = (home / keystore.FILE_NAME).read_bytes().partition(b"\n")
        return keystore.Kind(line.split()[-1].decode()), rest

    return read


def _any_magic(original):
    return lambda _cls, content: original(SealedMessage, MAGIC + content.partition(b"\n")[2])


def _any_first_line(original):
    return lambda text: original("e2esync card 1\n" + text.partition("\n")[2])


def _zeros(_original):
    return lambda size: bytes(size)  # noqa: PLW0108 - a function of its own, which is put back by identity


class AnyNumber(int):
    """A number that is whatever it is compared with."""

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int)

    def __ne__(self, other: object) -> bool:
        return not isinstance(other, int)


def _reads_configuration(original):
    """Look for a configuration beside the vaults."""

    def read_heads(vault, listed):
        with suppress(ObjectNotFound):
            vault.store.get("config")
        return original(vault, listed)

    return read_heads


DEFENCES |= {
    "versions": (
        Patch("e2esync.format.cbor", "decode_map", _any_version),
        Patch("e2esync.format.shape", "bare_fields", _any_fields),
        Patch("e2esync.format.index", "VERSION", AnyNumber, everywhere=False),
        Patch("e2esync.wiring.records", "_VERSION", AnyNumber, everywhere=False),
    ),
    "version in labels": (
        Patch("e2esync.crypto.labels", "label", lambda original: lambda of: original(of).partition(b" ")[2]),
    ),
    "cost bounds": (
        Patch("e2esync.crypto.passphrase", "FLOOR", lambda _original: passphrase.Cost(0, 0, 0)),
        Patch("e2esync.crypto.passphrase", "CEILING", lambda _original: passphrase.Cost(2**32, 2**32, 2**32)),
    ),
    "passphrase tag": (
        Patch("e2esync.crypto.passphrase", "AESGCM", lambda _original: _Untagged, everywhere=False),
        Patch(
            "e2esync.crypto.passphrase",
            "hmac",
            lambda _original: SimpleNamespace(compare_digest=lambda _one, _other: True),
            everywhere=False,
        ),
    ),
    "salt": (Patch("e2esync.crypto.passphrase", "token_bytes", _zeros, everywhere=False),),
    "hints": (
        Patch("e2esync.engine.setup", "_in_order", _adds_a_hint),
        Patch("e2esync.engine.setup", "check_kept", skipped),
    ),
    "all words": (Patch("e2esync.crypto.recovery", "derive", _from_half_of_the_words, everywhere=False),),
    "bound recovery key": (
        Patch("e2esync.crypto.recovery", "fingerprint", lambda _original: lambda root, _recovery: root),
    ),
    "passphrase": (Patch("e2esync.crypto.passphrase", "unicodedata", _for_any_passphrase, everywhere=False),),
    "stamps": (
        Patch("e2esync.adapters.keystore", "_read", _any_keys_line),
        Patch("e2esync.format.sealedmessage:SealedMessage", "decode", _any_magic),
        Patch("e2esync.vault.cardfile", "import_card", _any_first_line),
        Patch("e2esync.crypto.passphrase", "_VERSION", AnyNumber, everywhere=False),
        Patch("e2esync.crypto.passphrase", "FLOOR", lambda _original: passphrase.Cost(0, 0, 0)),
        Patch("e2esync.wiring.config", "VERSION", lambda _original: AnyNumber(255), everywhere=False),
    ),
    "complete records": (
        Patch("e2esync.format.cbor", "decode_map", _fills_gaps),
        Patch("e2esync.format.shape", "bare_fields", _fills_gaps),
    ),
    "retired devices": (Patch("e2esync.engine.people", "KINDS", lambda kinds: kinds[:-1]),),
    "ignored configuration": (Patch("e2esync.engine.fetch", "read_heads", _reads_configuration),),
}

__all__ = ["DEFENCES"]
