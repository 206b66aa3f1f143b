"""Where a device keeps its secret keys: a file, a file under a passphrase, or the system's keyring.

`<home>/keys` (0600) begins with a line that names version and kind; what follows hangs on the kind:

    e2esync keys 1 file          the secrets as they are
    e2esync keys 1 passphrase    the secrets under Argon2id (e2esync.crypto.passphrase)
    e2esync keys 1 keyring       the name of the entry in the system's keyring that holds them

Writing is atomic and durable: a crash leaves the old keys or the new ones. Nothing here is part of
the stored format, and nothing of it ever reaches a store.
"""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

from e2esync.crypto import passphrase
from e2esync.crypto.chance import random_bytes
from e2esync.errors import BadObject, Locked, NewerFormat, NoAccess, UsageError
from e2esync.format import cbor, shape

FILE_NAME = "keys"
MOST_BYTES = 1024 * 1024
KEYRING_SERVICE = "e2esync"
_PREFIX = b"e2esync keys "
_VERSION = b"1"

Secrets: TypeAlias = Mapping[str, Mapping[str, bytes]]
"""Named parts of each named thing: `{"identity": {…}, "device": {…}}`."""

AskPassphrase: TypeAlias = Callable[[], str]


class Kind(StrEnum):
    """How the keys are kept."""

    FILE = "file"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind of protection, not a password
    KEYRING = "keyring"


class KeyStore(Protocol):
    """Keeps the secrets of one device."""

    @property
    def kind(self) -> Kind:
        """How they are kept."""
        ...

    def save(self, secrets: Secrets) -> None:
        """Keep these secrets instead of those before; durable when it returns.

        Raises:
            Locked: The place where they are kept cannot be opened now.
        """
        ...

    def load(self) -> Secrets:
        """Return the secrets.

        Raises:
            NoAccess: There are none.
            Locked: They cannot be opened now.
            BadObject: They are damaged.
            NewerFormat: A newer version kept them.
        """
        ...


def keys_exist(home: Path) -> bool:
    """Return whether keys are kept in this home."""
    return (home / FILE_NAME).exists()


def create_keystore(home: Path, kind: Kind, *, ask: AskPassphrase | None = None) -> KeyStore:
    """Return the key store of a home that has none yet; nothing is written before `save`."""
    match kind:
        case Kind.FILE:
            return FileKeys(home)
        case Kind.PASSPHRASE:
            return PassphraseKeys(home, ask)
        case Kind.KEYRING:
            return KeyringKeys(home)


def open_keystore(home: Path, *, ask: AskPassphrase | None = None) -> KeyStore:
    """Return the key store of a home, of the kind that its file names; `ask` gives the passphrase.

    Raises:
        NoAccess: There are no keys.
        BadObject: The file is damaged.
        NewerFormat: A newer version wrote it.
    """
    kind, _ = _read(home)
    return create_keystore(home, kind, ask=ask)


class FileKeys:
    """Keeps the secrets in a file that only its owner can read."""

    kind = Kind.FILE

    def __init__(self, home: Path) -> None:
        self._home = home

    def save(self, secrets: Secrets) -> None:
        """Keep these secrets instead of those before."""
        _write(self._home, self.kind, _encode(secrets))

    def load(self) -> Secrets:
        """Return the secrets."""
        path = self._home / FILE_NAME
        content = _content(self._home, self.kind)
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise Locked(
                "the keys of this device lie open",
                why=f"others on this computer can read {path}",
                fix=f"chmod 600 {path}",
            )
        return _decode(content)


class PassphraseKeys:
    """Keeps the secrets in a file, under a passphrase."""

    kind = Kind.PASSPHRASE

    def __init__(self, home: Path, ask: AskPassphrase | None) -> None:
        self._home = home
        self._ask = ask

    def save(self, secrets: Secrets) -> None:
        """Keep these secrets instead of those before."""
        phrase = self._passphrase()
        if not phrase:
            raise UsageError("the passphrase is empty", fix="choose a passphrase, or another --key-store")
        _write(
            self._home, self.kind, passphrase.seal(phrase, _encode(secrets), context=_first_line(self.kind))
        )

    def load(self) -> Secrets:
        """Return the secrets."""
        sealed = _content(self._home, self.kind)
        return _decode(passphrase.unseal(self._passphrase(), sealed, context=_first_line(self.kind)))

    def _passphrase(self) -> str:
        if self._ask is None:
            raise Locked(
                "the keys of this device are under a passphrase, and there is nobody to ask for it",
                why="neither is there a terminal, nor does a variable name the passphrase",
                fix="type it to e2esync start in a terminal,"
                " or set E2ESYNC_PASSPHRASE_FILE or E2ESYNC_PASSPHRASE_COMMAND",
            )
        return self._ask()


class KeyringKeys:
    """Keeps the secrets in the system's keyring, and in the file the name of the entry."""

    kind = Kind.KEYRING

    def __init__(self, home: Path) -> None:
        self._home = home

    def save(self, secrets: Secrets) -> None:
        """Keep these secrets instead of those before, in a new entry; the old one goes last."""
        old = _entry(self._home) if keys_exist(self._home) else None
        entry = random_bytes(16).hex()
        _keyring_put(entry, base64.b64encode(_encode(secrets)).decode())
        _write(self._home, self.kind, entry.encode())
        if old is not None:
            _keyring_drop(old)

    def load(self) -> Secrets:
        """Return the secrets."""
        kept = _keyring_get(_content(self._home, self.kind).decode("ascii", "replace"))
        if kept is None:
            raise Locked(
                "the system's keyring does not hold the keys of this device",
                why="the entry was removed, or another keyring is in use than at setup",
                fix="unlock the keyring that was used at setup, or use your recovery words (e2esync join)",
            )
        try:
            return _decode(base64.b64decode(kept, validate=True))
        except ValueError:
            raise _damaged() from None


# --- the file ---------------------------------------------------------------------------------------


def _first_line(kind: Kind) -> bytes:
    return _PREFIX + _VERSION + b" " + kind.encode() + b"\n"


def _read(home: Path) -> tuple[Kind, bytes]:
    """Return the kind of the keys of a home, and what follows the first line."""
    try:
        with (home / FILE_NAME).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NoAccess(
            "this device has no keys yet",
            why=f"there is none in {home}",
            fix="e2esync setup, or e2esync join",
        ) from None
    except OSError as error:
        raise Locked(
            f"the keys of this device cannot be read: {error.strerror}", fix=f"ls -l {home}"
        ) from error
    line, found, rest = content.partition(b"\n")
    for kind in Kind:
        if line + found == _first_line(kind) and len(content) <= MOST_BYTES:
            return kind, rest
    if line.startswith(_PREFIX) and not line.startswith(_PREFIX + _VERSION + b" "):
        raise NewerFormat("the keys of this device are kept by a newer version")
    raise _damaged()


def _content(home: Path, kind: Kind) -> bytes:
    found, content = _read(home)
    if found is not kind:
        raise Locked(
            f"the keys of this device are kept in another way: {found}", fix="run the same command again"
        )
    return content


def _entry(home: Path) -> str | None:
    kind, content = _read(home)
    return content.decode("ascii", "replace") if kind is Kind.KEYRING else None


def _write(home: Path, kind: Kind, content: bytes) -> None:
    """Replace the file: durable, atomic, never readable by others."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = home / f".{FILE_NAME}-{random_bytes(8).hex()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_first_line(kind) + content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(home / FILE_NAME)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


# --- the secrets as bytes -----------------------------------------------------------------------------


def _encode(secrets: Secrets) -> bytes:
    things = [
        [name, sorted([part, value] for part, value in parts.items())] for name, parts in secrets.items()
    ]
    return cbor.encode({1: cbor.VERSION, 2: sorted(things)})


def _decode(encoded: bytes) -> Secrets:
    try:
        return dict(shape.each(shape.fields(encoded, 2)[2], _decode_thing))
    except BadObject:
        raise _damaged() from None


def _decode_thing(value: object) -> tuple[str, Mapping[str, bytes]]:
    name, parts = shape.array(value, 2)
    return shape.text(name), dict(shape.each(parts, _decode_part))


def _decode_part(value: object) -> tuple[str, bytes]:
    name, content = shape.array(value, 2)
    return shape.text(name), shape.octets(content)


def _damaged() -> BadObject:
    return BadObject(
        "the keys of this device are damaged",
        why="their file is not as this program writes it",
        fix="restore it from a backup, or use your recovery words (e2esync join)",
    )


# --- the keyring: `keyring` is loaded late, it takes 0.15 s ---------------------------------------------


def _keyring_put(entry: str, value: str) -> None:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(KEYRING_SERVICE, entry, value)
        kept = keyring.get_password(KEYRING_SERVICE, entry)
    except (KeyringError, RuntimeError) as error:
        raise _keyring_locked(error) from error
    if kept != value:  # some backends cut long values, or keep nothing
        raise _keyring_locked("it does not give back what it was given")


def _keyring_get(entry: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, entry)
    except (KeyringError, RuntimeError) as error:
        raise _keyring_locked(error, fix="unlock the keyring (log in to the desktop)") from error


def _keyring_drop(entry: str) -> None:
    import keyring
    from keyring.errors import KeyringError

    with contextlib.suppress(KeyringError, RuntimeError):  # an entry that nothing names does no harm
        keyring.delete_password(KEYRING_SERVICE, entry)


def _keyring_locked(reason: object, fix: str = "") -> Locked:
    return Locked(
        "the system's keyring is locked, or there is none here",
        why=str(reason),
        fix=fix
        or "unlock the keyring (log in to the desktop), or set up with --key-store passphrase or file",
    )
