"""Read whole objects from a store, bounded by what the format allows (format §2)."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.errors import BadObject
from e2esync.format import names
from e2esync.model.store import ObjectNotFound, Store

MOST_LISTED = 65_536  # records of a person or a vault


def read(store: Store, key: str) -> bytes | None:
    """Return an object, or None if there is none.

    Raises:
        BadObject: It is larger than any object of its kind.
    """
    name = names.parse(key)
    if name is None:
        raise ValueError("not a key of ours")
    most = name.kind.most_bytes
    try:
        content = store.get(key, length=most + 1)
    except ObjectNotFound:
        return None
    if len(content) > most:
        raise BadObject("an object is larger than its kind can be")
    return content


def read_all(store: Store, prefix: str, kinds: Iterable[names.Kind]) -> dict[str, bytes]:
    """Return every object of these kinds below a prefix, by key."""
    wanted = set(kinds)
    keys = []
    for info in store.list(prefix):
        name = names.parse(info.key)
        if name is not None and name.kind in wanted:
            keys.append(info.key)
        if len(keys) > MOST_LISTED:
            raise BadObject("the store lists more objects than there can be")
    found = ((key, read(store, key)) for key in sorted(keys))
    return {key: content for key, content in found if content is not None}
