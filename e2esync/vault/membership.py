"""The chain of membership records of a vault, and the keys that a member holds (format §4).

Only the owner signs here: the signer of the genesis. A chain is accepted whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from e2esync.crypto.asymmetric import record_hash
from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject, Fork, MissingObject
from e2esync.format import names
from e2esync.format.genesis import Genesis
from e2esync.format.members import Member, Members, Role
from e2esync.format.points import RecordName
from e2esync.format.signed import SignedRecord
from e2esync.vault.identity import PublicIdentity
from e2esync.vault.records import open_record


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """A membership record that was verified with all before it."""

    hash: bytes
    members: Members
    epoch: bytes  # its name: the hash of the record that opened it

    @property
    def name(self) -> RecordName:
        """Number and hash."""
        return self.members.number, self.hash

    def member(self, fingerprint: bytes) -> Member | None:
        """Return a member, or `None`."""
        return next((member for member in self.members.members if member.fingerprint == fingerprint), None)


@dataclass(frozen=True, slots=True)
class Membership:
    """Who was and is a member of a vault."""

    vault_id: bytes
    owner: PublicIdentity
    records: Mapping[bytes, AcceptedRecord]  # by hash
    tip: RecordName
    cards: Mapping[bytes, PublicIdentity] = field(repr=False)  # those that are known, by the hash of the card

    @classmethod
    def load(
        cls,
        vault_id: bytes,
        genesis_object: bytes,
        members_objects: Mapping[str, bytes],
        owner_cards: Iterable[PublicIdentity],
    ) -> Membership:
        """Return the membership of a vault, verified from its genesis on (format §4.3).

        `members_objects` holds all of `vaults/<vault>/members/` by their keys; keys of another form
        are ignored. `owner_cards` holds the owner's card and those of the members that are known.

        Raises:
            BadObject: A record fails a check.
            MissingObject: A record that another names is not there, or none is, or the owner's card.
            Fork: More than one record is named by no other.
            NewerFormat: A record is of a newer format.
        """
        cards = {card.card_hash: card for card in owner_cards}
        owner = open_genesis(vault_id, genesis_object, cards)
        records: dict[bytes, AcceptedRecord] = {}
        for name, content in sorted(
            _of_vault(vault_id, members_objects), key=lambda item: item[0].number or 0
        ):
            record = _accept(vault_id, owner, records, content)
            if record.name != (name.number, name.id):
                raise BadObject("a membership record is not the one that its name says")
            records[record.hash] = record
        return cls(vault_id, owner, MappingProxyType(records), _only_tip(records), MappingProxyType(cards))

    @property
    def newest(self) -> AcceptedRecord:
        """The record at the tip."""
        return self.records[self.tip[1]]

    def role_of(self, fingerprint: bytes, record_hash: bytes) -> Role | None:
        """Return what a person may do by an accepted record; `None` if it is none, or the person no member."""
        record = self.records.get(record_hash)
        member = record.member(fingerprint) if record else None
        return member.role if member else None

    def follows(self, record_hash: bytes, earlier: bytes) -> bool:
        """Return whether an accepted record is `earlier` itself, or comes after it in the chain."""
        waiting, seen = [record_hash], {record_hash}
        while waiting:
            current = waiting.pop()
            if current == earlier:
                return current in self.records
            record = self.records.get(current)
            before = (
                set(record.members.previous if record else ()) - seen
            )  # tips may have met again and again
            seen |= before
            waiting.extend(before)
        return False


def owner_of(genesis_object: bytes) -> bytes:
    """Return the fingerprint that a genesis claims, to find the owner's card by; nothing is verified."""
    return Genesis.decode(SignedRecord.decode(genesis_object).payload).owner


def open_genesis(
    vault_id: bytes, genesis_object: bytes, cards: Mapping[bytes, PublicIdentity]
) -> PublicIdentity:
    """Return the owner of a vault (format §4.1).

    Raises:
        BadObject: It is not the genesis of this vault, or not signed by the owner that it names.
        MissingObject: The owner's card is not among `cards` (by their hash).
    """
    payload = SignedRecord.decode(genesis_object).payload
    if record_hash(Purpose.GENESIS, payload) != vault_id:
        raise BadObject("a genesis is not that of its vault")
    claimed = Genesis.decode(payload)
    owner = cards.get(claimed.card)
    if owner is None:
        raise MissingObject("the card of the vault's owner is not there")
    open_record(genesis_object, Purpose.GENESIS, signer=owner.signing)
    if claimed.owner != owner.fingerprint:
        raise BadObject("a genesis names another owner than its card")
    return owner


def _of_vault(vault_id: bytes, objects: Mapping[str, bytes]) -> Iterable[tuple[names.Name, bytes]]:
    for key, content in objects.items():
        name = names.parse(key)
        if name is not None and name.kind is names.Kind.MEMBERS and name.owner == vault_id:
            yield name, content


def _accept(
    vault_id: bytes, owner: PublicIdentity, records: Mapping[bytes, AcceptedRecord], content: bytes
) -> AcceptedRecord:
    """Return the next record, checked against those before it."""
    verified = open_record(content, Purpose.MEMBERS, signer=owner.signing)
    members = Members.decode(verified.payload)
    if members.vault != vault_id:
        raise BadObject("a membership record is of another vault")
    if any(before not in records for before in members.previous):
        raise MissingObject("a membership record that another names is not there")
    previous = [records[before] for before in members.previous]
    if members.number != 1 + max((record.members.number for record in previous), default=0):
        raise BadObject("a membership record has the wrong number")
    _check_owner(members, owner)
    _check_constant(members, records)
    if members.epoch is None:
        return AcceptedRecord(verified.hash, members, verified.hash)
    if not previous or any(record.epoch != members.epoch for record in previous):
        raise BadObject("a membership record is of an epoch that is not the one before it")
    if members.epoch_check != records[members.epoch].members.epoch_check:
        raise BadObject("a membership record changes the key of its epoch")
    return AcceptedRecord(verified.hash, members, members.epoch)


def _check_owner(members: Members, owner: PublicIdentity) -> None:
    owners = [member for member in members.members if member.role is Role.OWNER]
    if [(one.fingerprint, one.card_number, one.card) for one in owners] != [
        (owner.fingerprint, owner.number, owner.card_hash)
    ]:
        raise BadObject("a membership record does not have the vault's one owner")


def _check_constant(members: Members, records: Mapping[bytes, AcceptedRecord]) -> None:
    """Refuse a record that changes the vault secret, which never changes."""
    for first in records.values():
        if first.members.secret_check != members.secret_check:
            raise BadObject("a membership record changes the vault's secret")
        return


def _only_tip(records: Mapping[bytes, AcceptedRecord]) -> RecordName:
    named = {before for record in records.values() for before in record.members.previous}
    tips = [record.name for record in records.values() if record.hash not in named]
    if not tips:
        raise MissingObject("the vault has no membership record")
    if len(tips) > 1:
        raise Fork(
            "the vault has two membership records that do not know of each other",
            why="two of the owner's devices changed the members at the same time",
        )
    return tips[0]
