"""A device that was away: what it took for stored may have been pruned meanwhile.

Pruning waits for a device whose head is younger than 30 days. One that has published nothing for
longer, or never, sees for itself which packs are there before it refers to any of them.
"""

from __future__ import annotations

from e2esync.adapters.catalogue import LISTED
from e2esync.engine import ownhead
from e2esync.engine.doubt import doubt_at_once
from e2esync.engine.vault import SyncedFolder
from e2esync.format import names
from e2esync.merge.retention import DAY

PUBLISHED = "published"  # when our newest head was made, seconds since 1970
SURE = "sure of packs"  # since when all packs that are known were seen, or first heard of
AWAY = 20 * DAY  # seconds; less than pruning waits, as clocks differ
FRESH = DAY  # seconds


def note_published(vault: SyncedFolder) -> None:
    """Note that a head is made now; for use in the transaction that commits it."""
    vault.state.set(PUBLISHED, str(vault.clock.now()).encode())


def note_first_contact(vault: SyncedFolder) -> None:
    """Note that the state begins now, if it does."""
    if vault.state.get(SURE) is None and vault.catalogue.count_packs() == 0:
        vault.state.set(SURE, str(vault.clock.now()).encode())


def was_away(vault: SyncedFolder) -> bool:
    """Return whether packs may have gone without this device hearing of it."""
    is_young = _is_within(vault, PUBLISHED, AWAY) and vault.state.get(ownhead.KEY) is not None
    return vault.catalogue.count_packs() > 0 and not is_young and not _is_within(vault, SURE, FRESH)


def missing_packs(vault: SyncedFolder) -> list[bytes]:
    """Return the packs that are not in the store. A listing is a hint: what it lacks is asked for by name."""
    missing = set(vault.catalogue.all_packs())
    for info in vault.store.list(names.packs_prefix(vault.vault_id)):
        name = names.parse(info.key)
        if name is not None and name.id is not None:
            missing.discard(name.id)
    return [pack for pack in sorted(missing) if vault.store.head(names.pack(vault.vault_id, pack)) is None]


def forget_packs(vault: SyncedFolder, packs: list[bytes]) -> None:
    """Forget packs that are not there; what others' indexes say of them is read again. Our own are looked after by `mend`."""
    if not packs:
        return
    ours = {pack for pack, _, _ in vault.catalogue.packs(LISTED)}.intersection(packs)
    vault.catalogue.forget_known(packs)
    for pack in packs:
        if pack not in ours:
            vault.catalogue.forget_pack(pack)
    vault.catalogue.others_are_unread()
    if ours:
        doubt_at_once(vault)


def note_look(vault: SyncedFolder) -> None:
    """Note that the packs that are known were looked for just now."""
    with vault.state.transaction():
        vault.state.set(SURE, str(vault.clock.now()).encode())


def _is_within(vault: SyncedFolder, key: str, seconds: int) -> bool:
    then = vault.state.get(key)
    return then is not None and 0 <= vault.clock.now() - int(then) <= seconds
