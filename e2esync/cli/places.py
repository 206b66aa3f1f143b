"""What setup, join and move-store share: settings, the key store of a new device, and where things may lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.cli import options as o
from e2esync.cli.session import Session, resolve
from e2esync.errors import UsageError

if TYPE_CHECKING:
    from e2esync.adapters.keystore import Kind
    from e2esync.engine.notes import StoreAddress
    from e2esync.wiring.localdevice import HomeDevice


def s3_settings(
    endpoint_url: str | None, profile: str | None, region: str | None, addressing_style: o.Style | None
) -> dict[str, str | None]:
    """Return the four settings by their names."""
    return {
        "endpoint_url": endpoint_url,
        "profile": profile,
        "region": region,
        "addressing_style": addressing_style.value if addressing_style else None,
    }


def prepared_device(session: Session, key_store: o.KeyStoreKind | None) -> HomeDevice:
    """Return this device, its home made; the kind of key store is decided if there is none yet."""
    session.home.make()
    local = session.device()
    return local if local.has_keys else session.device(_kind(session, key_store))


def _kind(session: Session, wanted: o.KeyStoreKind | None) -> Kind:
    from e2esync.adapters.keystore import Kind
    from e2esync.wiring.keyrings import keyring_works
    from e2esync.wiring.passphrase import passphrase_source

    if wanted is not None:
        return Kind(wanted.value)
    if session.home.is_explicit:
        return Kind.FILE
    if keyring_works():
        return Kind.KEYRING
    if session.ask.may_ask or passphrase_source(os.environ, None) is not None:
        return Kind.PASSPHRASE
    raise UsageError(
        "the keys of this device need a place",
        why="there is no keyring here, and no terminal to ask for a passphrase",
        fix="give --key-store file, or --key-store passphrase with E2ESYNC_PASSPHRASE_FILE",
    )


def check(
    session: Session,
    local: HomeDevice,
    path: Path,
    address: StoreAddress,
    *,
    rejoining: bool = False,
    but: bytes | None = None,
) -> None:
    """See that folder and store are in nobody's way.

    `rejoining`: the folder may be noted with this store already. `but` is a vault that may have the folder.
    """
    from e2esync.engine.apart import check_apart
    from e2esync.wiring.stores import directory_of

    store = directory_of(address)
    plan = local.plan(path)
    done = {but, plan.note.vault if plan is not None else None}
    if rejoining:
        done |= {note.vault for note in local.folders() if (note.path, note.store.url) == (path, address.url)}
    others = [note for note in local.folders() if note.vault not in done]
    home = session.home
    ours = [resolve(place) for place in (home.config.parent, home.keys, home.state)]
    check_apart(path, resolve(store) if store else None, folders=others, ours=ours)


def set_names(
    local: HomeDevice, device_name: str | None, user_name: str | None, *, fallback: bool = True
) -> None:
    """Keep the names that were given; else the host's name, and with `fallback` the account's."""
    import socket

    if device_name or not local.device_name:
        local.set_device_name(device_name or socket.gethostname().partition(".")[0] or "device")
    if user_name or (fallback and not local.user_name):
        local.set_user_name(user_name or _account())


def _account() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such account, as in some containers
        return "me"
