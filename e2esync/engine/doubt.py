"""What the store has acknowledged and we have not seen since: when is it time to look?

A store can say yes and keep nothing. From the commit of a head until a look that finds everything,
all that our live indexes name is in doubt. A push that finds nothing changed looks, as it is cheap
then; one with changes leaves it to the next, but for a day at most.
"""

from __future__ import annotations

from e2esync.engine.vault import SyncedFolder

SINCE = "in doubt since"  # seconds since 1970; absent: everything was seen in the store
LOOKED = "looked"  # seconds since 1970

DAY = 86_400  # seconds
MANY = 1000  # packs; above, a look is several requests, and once a day is often enough


def doubt(vault: SyncedFolder) -> None:
    """Note that something was published; for use in the transaction that commits the head."""
    if vault.state.get(SINCE) is None:
        vault.state.set(SINCE, _coded(vault.clock.now()))


def doubt_at_once(vault: SyncedFolder) -> None:
    """Note that something is known to be missing: the next push looks, whenever the last one did."""
    with vault.state.transaction():
        doubt(vault)
        vault.state.set(LOOKED, None)


def note_look(vault: SyncedFolder, *, complete: bool) -> None:
    """Note a look; `complete`: it found everything."""
    with vault.state.transaction():
        vault.state.set(LOOKED, _coded(vault.clock.now()))
        if complete:
            vault.state.set(SINCE, None)


def is_time_to_look(vault: SyncedFolder, *, quiet: bool) -> bool:
    """Return whether a push looks. `quiet`: it found nothing changed."""
    since, looked = (vault.state.get(key) for key in (SINCE, LOOKED))
    if since is None:
        return False
    if quiet:
        return looked is None or vault.catalogue.count_packs() <= MANY or _is_over(vault, looked)
    return _is_over(vault, since) and (looked is None or _is_over(vault, looked))


def _is_over(vault: SyncedFolder, then: bytes) -> bool:
    """Return whether a day has passed, or the clock went back behind it."""
    return not 0 <= vault.clock.now() - int(then) <= DAY


def _coded(seconds: int) -> bytes:
    return str(seconds).encode()
