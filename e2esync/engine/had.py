"""Whether a content that nobody here has read seems to be in the store, as far as that costs no request."""

from __future__ import annotations

from e2esync.engine.vault import OpenVault
from e2esync.errors import BadObject
from e2esync.tree.lists import ListRoot
from e2esync.tree.values import Content, FileContent


def can_be_had(vault: OpenVault, content: Content) -> bool:
    """Return whether the data keys of a content open, and indexes name its parts, or the list of them."""
    if not isinstance(content, FileContent):
        return True
    try:
        for wrapped in content.keys:
            vault.cipher.file_key(wrapped)
    except BadObject:
        return False
    chunks = content.chunks
    parts = [chunks.id] if isinstance(chunks, ListRoot) else [each.id for each in chunks]
    return all(map(vault.catalogue.is_placed, parts))
