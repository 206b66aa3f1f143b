"""End-to-end encrypted file sync on your own bucket, which the provider cannot read.

The library's surface: `open_vault` for a synced folder of this device, whose `Vault` pushes, pulls,
lists, prunes and reads files; `seal` and `unseal` for one message or file, with the `Identity` that they
need; and the `errors`. Names are loaded when they are first used, so that `import e2esync` is
cheap.

    >>> import e2esync
    >>> alice, bob = e2esync.Identity.generate(), e2esync.Identity.generate()
    >>> sealed = e2esync.seal(b"hello", [bob.public], sender=alice)
    >>> e2esync.unseal(sealed, bob).data
    b'hello'
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers read it as True; importing `typing` for it would cost most of the time
if TYPE_CHECKING:
    from e2esync import errors
    from e2esync.engine.listing import Entry
    from e2esync.engine.prune import PruneReport
    from e2esync.engine.vault import Summary
    from e2esync.library import Vault, open_vault
    from e2esync.tree.keys import Kind
    from e2esync.vault.identity import Identity, PublicIdentity
    from e2esync.vault.message import Unsealed, seal, unseal

__version__ = "0.1.0"
__all__ = [
    "Entry",
    "Identity",
    "Kind",
    "PruneReport",
    "PublicIdentity",
    "Summary",
    "Unsealed",
    "Vault",
    "__version__",
    "errors",
    "open_vault",
    "seal",
    "unseal",
]

_HOMES = {
    "Entry": "e2esync.engine.listing",
    "Identity": "e2esync.vault.identity",
    "Kind": "e2esync.tree.keys",
    "PruneReport": "e2esync.engine.prune",
    "PublicIdentity": "e2esync.vault.identity",
    "Summary": "e2esync.engine.vault",
    "Unsealed": "e2esync.vault.message",
    "Vault": "e2esync.library",
    "open_vault": "e2esync.library",
    "seal": "e2esync.vault.message",
    "unseal": "e2esync.vault.message",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name == "errors":
        return import_module("e2esync.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'e2esync' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
