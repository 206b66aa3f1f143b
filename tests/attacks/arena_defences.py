"""Defences of the product that a test can switch off: what an attack needs them for shows only without them.

`DEFENCES` has for each name the functions that stand in for the product's own. A module with attacks
adds its own: `DEFENCES["my defence"] = (Patch("e2esync.vault.keyring", "_check", skipped),)`.

A function is exchanged in every module of the product that has imported it. What was *made* before
(an open vault keeps its ciphers, a device its open database) keeps what it was made with, so worlds are
made inside of `weakened`: an `Arena` makes everything when it is first asked for.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from e2esync.crypto.labels import label
from e2esync.crypto.secrets import derive
from e2esync.errors import BadObject
from e2esync.format.certificate import Certificate
from e2esync.vault.trust import NOTHING


@dataclass(frozen=True)
class Patch:
    """One function of the product, and what is made of it."""

    owner: str  # "package.module", or "package.module:Class"
    name: str
    make: Callable[[Any], Any]  # the product's own -> the weakened one
    everywhere: bool = True  # also where other modules have imported it

    @contextmanager
    def applied(self) -> Iterator[None]:
        module_name, _, class_name = self.owner.partition(":")
        owner: Any = import_module(module_name)
        owner = getattr(owner, class_name) if class_name else owner
        raw = inspect.getattr_static(owner, self.name)
        wrapper = type(raw) if isinstance(raw, classmethod | staticmethod) else None
        weak = wrapper(self.make(raw.__func__)) if wrapper else self.make(raw)
        places, loaded = [(owner, self.name)], set(_modules())
        if self.everywhere and not class_name:
            places += _places(raw, loaded)
        for module, name in places:
            setattr(module, name, weak)
        try:
            yield
        finally:
            places += _places(weak, set(_modules()) - loaded)  # what has imported it meanwhile
            for module, name in places:
                setattr(module, name, raw)


def _modules() -> Iterator[ModuleType]:
    """All loaded modules of the product."""
    return (module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "e2esync")


def _places(value: object, modules: Iterable[ModuleType]) -> list[tuple[Any, str]]:
    """Where modules have a value."""
    return [(module, name) for module in modules for name, found in vars(module).items() if found is value]


class _Once(dict[str, tuple[Patch, ...]]):
    """Each name is given once: of two of the same name, the last to be imported would stand for both."""

    def __setitem__(self, name: str, patches: tuple[Patch, ...]) -> None:
        if name in self:
            raise KeyError(f"there is a defence {name!r} already")
        super().__setitem__(name, patches)

    def update(self, more: Mapping[str, tuple[Patch, ...]]) -> None:  # type: ignore[override]
        for name, patches in more.items():
            self[name] = patches

    def __ior__(self, more: Mapping[str, tuple[Patch, ...]]) -> Self:  # type: ignore[override,misc]
        self.update(more)
        return self


@contextmanager
def weakened(*defences: str) -> Iterator[None]:
    """Switch defences off for a while, by their names in `DEFENCES`."""
    with ExitStack() as stack:
        for name in defences:
            for patch in DEFENCES[name]:
                stack.enter_context(patch.applied())
        yield


# --- ways to do less -----------------------------------------------------------------------------


def skipped(_original: object) -> Callable[..., None]:
    """A check that checks nothing."""
    return lambda *_arguments, **_named: None


def always(value: object) -> Callable[[object], Callable[..., Any]]:
    """A function that always says the same."""
    return lambda _original: lambda *_arguments, **_named: value


class EqualToAll(bytes):
    """Bytes that every comparison finds equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


class _Untagged:
    """AES-GCM that opens whatever it is given."""

    def __init__(self, key: bytes) -> None:
        self._key, self.encrypt = key, AESGCM(key).encrypt

    def decrypt(self, nonce: bytes, data: bytes, _aad: bytes) -> bytes:
        if len(nonce) + len(data) < 28:
            raise ValueError("shorter than nonce and tag")
        start = bytes(nonce) + (2).to_bytes(4, "big")
        return Cipher(algorithms.AES(self._key), modes.CTR(start)).decryptor().update(bytes(data[:-16]))


class _Unbound:
    """AES-GCM that is bound to no context."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def encrypt(self, nonce: bytes, data: bytes, _aad: bytes) -> bytes:
        return self._cipher.encrypt(nonce, data, None)

    def decrypt(self, nonce: bytes, data: bytes, _aad: bytes) -> bytes:
        return self._cipher.decrypt(nonce, data, None)


def _sealer(cipher: Callable[[bytes], object]) -> Callable[[object], Callable[..., None]]:
    def init(self, key, purpose):
        self._cipher, self._aad = cipher(derive(key, purpose)), label(purpose)

    return lambda _original: init


def _open_any_chunk(_original):
    def open_chunk(self, reference, sealed):
        data = self._sealer.unseal(sealed, context=self._context)
        return self._compressor.decompress(data, size=reference.length, most=1 << 21)

    return open_chunk


def _open_any_page(_original):
    def open_page(self, kind, page_id, epoch, sealed):
        if epoch not in self._pages:
            raise BadObject("a page is sealed in an epoch that this device does not know")
        data = self._pages[epoch].unseal(sealed, context=self.vault_id + bytes([kind]))
        return self._compressor.decompress(data, size=None, most=1 << 20)

    return open_page


class _AnyHash:
    """A vault's cipher that finds every content to be the one that was signed."""

    def __init__(self, cipher: Any) -> None:
        self._cipher = cipher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cipher, name)

    def content_hash(self, content: bytes) -> bytes:
        return EqualToAll(self._cipher.content_hash(content))

    def content_hasher(self) -> object:
        hasher = self._cipher.content_hasher()
        return SimpleNamespace(update=hasher.update, digest=lambda: EqualToAll(hasher.digest()))


def _take_any_content(original):
    def init(self, vault, *arguments, **named):
        original(self, replace(vault, cipher=_AnyHash(vault.cipher)), *arguments, **named)

    return init


def _any_size(_original):
    def read(store, key):
        from e2esync.model.store import ObjectNotFound

        try:
            return store.get(key)
        except ObjectNotFound:
            return None

    return read


def _any_writer(_original):
    def check_writer(certificate, device, *, record, membership):
        return Certificate.decode(certificate.payload)

    return check_writer


def _no_context(original):
    return lambda *arguments, context, **named: original(*arguments, context=b"", **named)


DEFENCES = _Once()
DEFENCES.update(
    {
        # cryptography
        "signatures": (Patch("e2esync.crypto.asymmetric", "verify", skipped),),
        "seals": (Patch("e2esync.crypto.secrets:Sealer", "__init__", _sealer(_Untagged)),),
        "aad": (Patch("e2esync.crypto.secrets:Sealer", "__init__", _sealer(_Unbound)),),
        "labels": (Patch("e2esync.crypto.labels", "label", always(b"e2esync/1 anything\0")),),
        "wrap context": (
            Patch("e2esync.crypto.asymmetric", "wrap", _no_context),
            Patch("e2esync.crypto.asymmetric:HpkeKey", "unwrap", _no_context),
        ),
        # identity of what was opened
        "chunk ids": (Patch("e2esync.vault.cipher:FileCipher", "open", _open_any_chunk),),
        "page ids": (Patch("e2esync.vault.cipher:VaultCipher", "open_page", _open_any_page),),
        "content hash": (Patch("e2esync.engine.download:Downloader", "__init__", _take_any_content),),
        "index ids": (
            Patch("e2esync.vault.indexes", "object_hash", always(EqualToAll(bytes(32))), everywhere=False),
            Patch("e2esync.engine.fetch", "object_hash", always(EqualToAll(bytes(32))), everywhere=False),
        ),
        "commitment": (Patch("e2esync.vault.keyring", "_check", skipped),),
        # memory and freshness
        "trust memory": (Patch("e2esync.vault.trust:Trusted", "decode", always(NOTHING)),),
        "own record floor": (Patch("e2esync.vault.trust", "recall", always(NOTHING)),),
        "contexts": (
            Patch("e2esync.engine.fetch", "check_contexts", skipped),
            Patch("e2esync.vault.trust", "behind", always(frozenset())),
        ),
        # rights
        "writers": (Patch("e2esync.vault.framed", "check_writer", _any_writer),),
        "certificates": (
            Patch(
                "e2esync.vault.device",
                "verify_certificate",
                lambda _original: lambda certificate, _identity: Certificate.decode(certificate.payload),
            ),
        ),
        # bounds and shapes
        "size bounds": (Patch("e2esync.engine.objects", "read", _any_size),),
        "names": (Patch("e2esync.tree.keys", "is_name", always(True)),),
        "depth": (Patch("e2esync.engine.check", "check_hangs", skipped),),
    }
)

OURS = tuple(DEFENCES)  # those of this module
