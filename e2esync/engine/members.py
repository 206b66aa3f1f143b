"""The membership of a vault: fetched once and verified, kept on this device, and verified again from there."""

from __future__ import annotations

from e2esync.engine.notes import KeptMembership
from e2esync.engine.objects import read, read_all
from e2esync.errors import MissingObject
from e2esync.format import names
from e2esync.model.store import Store
from e2esync.vault.identity import PublicIdentity
from e2esync.vault.membership import Membership


def fetch_membership(store: Store, vault_id: bytes, owner: PublicIdentity) -> KeptMembership:
    """Return the records of a vault that `owner` made, verified.

    Raises:
        MissingObject: The vault has no genesis here, or a record is not there.
        BadObject, Fork, NewerFormat: A record fails a check.
    """
    genesis = read(store, names.genesis(vault_id))
    if genesis is None:
        raise MissingObject("the vault is not in this store", why="the record of its birth is not there")
    members = read_all(store, names.members_prefix(vault_id), [names.Kind.MEMBERS])
    kept = KeptMembership(genesis, members, (owner.record,))
    open_membership(vault_id, kept)
    return kept


def open_membership(vault_id: bytes, kept: KeptMembership) -> Membership:
    """Return the membership of a vault, verified from its genesis on."""
    cards = [PublicIdentity.of_card(card) for card in kept.cards]
    return Membership.load(vault_id, kept.genesis, kept.members, cards)
