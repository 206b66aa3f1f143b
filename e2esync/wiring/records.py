"""What `setup` leaves behind for itself, and the cached membership: values as bytes of small local files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from e2esync.engine.notes import Dedup, FolderNote, KeptMembership, Plan, PromisedWords, StoreAddress
from e2esync.errors import BadObject, NewerFormat
from e2esync.format import cbor, shape

T = TypeVar("T")
_VERSION = 1


def encode_membership(kept: KeptMembership) -> bytes:
    """Return the bytes of a cached membership."""
    return cbor.encode([_VERSION, *_membership(kept)])


def decode_membership(content: bytes, path: Path) -> KeptMembership:
    """Return a cached membership.

    Raises:
        BadObject: The file is damaged.
    """
    return _read(content, path, _to_membership)


def encode_plan(plan: Plan) -> bytes:
    """Return the bytes of a plan."""
    objects = [[key, content] for key, content in plan.objects]
    return cbor.encode([_VERSION, _note(plan.note), _membership(plan.membership), objects])


def decode_plan(content: bytes, path: Path) -> Plan:
    """Return a plan.

    Raises:
        BadObject: The file is damaged.
    """

    def build(parts: list[Any]) -> Plan:
        note, membership, objects = parts
        return Plan(
            _to_note(shape.array(note)),
            _to_membership(shape.array(membership)),
            shape.each(objects, _to_object),
        )

    return _read(content, path, build)


def encode_promise(promised: PromisedWords) -> bytes:
    """Return the bytes of a promise."""
    return cbor.encode([_VERSION, str(promised.path), promised.fingerprint])


def decode_promise(content: bytes, path: Path) -> PromisedWords:
    """Return a promise.

    Raises:
        BadObject: The file is damaged.
    """

    def build(parts: list[Any]) -> PromisedWords:
        words, fingerprint = parts
        return PromisedWords(Path(shape.text(words)), shape.digest(fingerprint))

    return _read(content, path, build)


def _membership(kept: KeptMembership) -> list[Any]:
    members = [[key, content] for key, content in sorted(kept.members.items())]
    return [kept.genesis, members, list(kept.cards)]


def _to_membership(parts: list[Any]) -> KeptMembership:
    genesis, members, cards = parts
    return KeptMembership(
        shape.octets(genesis), dict(shape.each(members, _to_object)), shape.each(cards, shape.octets)
    )


def _to_object(value: object) -> tuple[str, bytes]:
    key, content = shape.array(value, 2)
    return shape.text(key), shape.octets(content)


def _to_setting(value: object) -> tuple[str, str]:
    key, setting = shape.array(value, 2)
    return shape.text(key), shape.text(setting)


def _note(note: FolderNote) -> list[Any]:
    settings = [[key, value] for key, value in sorted(note.store.settings().items())]
    return [note.vault, note.name, str(note.path), note.store.url, settings, note.device, str(note.dedup)]


def _to_note(parts: list[Any]) -> FolderNote:
    vault, name, path, url, settings, device, dedup = parts
    address = StoreAddress(shape.text(url), **dict(shape.each(settings, _to_setting)))
    return FolderNote(
        shape.digest(vault),
        shape.text(name),
        Path(shape.text(path)),
        address,
        shape.device(device),
        Dedup(dedup),
    )


def _read(content: bytes, path: Path, build: Callable[[list[Any]], T]) -> T:
    try:
        version, *parts = shape.array(cbor.decode_exact(content))
        if version != _VERSION:
            raise NewerFormat(f"{path} was written by a newer e2esync")
        return build(parts)
    except (BadObject, ValueError, TypeError, KeyError) as error:
        raise BadObject(
            f"the local file {path} is damaged",
            why="it is not as this program writes it",
            fix="e2esync forget FOLDER, then join again; files stay where they are",
        ) from error
