"""The keys of a vault: opened by a member, sealed by the owner into membership records (format §4.2, §4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from e2esync.crypto.asymmetric import wrap
from e2esync.crypto.chance import random_bytes
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EpochKey, Sealer, SecretKey, VaultSecret, derive
from e2esync.errors import BadObject, NoAccess
from e2esync.format import names
from e2esync.format.genesis import Genesis
from e2esync.format.members import Member, Members, MembersSecrets, Role
from e2esync.format.points import Context, RecordName
from e2esync.vault.identity import Identity, PublicIdentity
from e2esync.vault.membership import AcceptedRecord, Membership
from e2esync.vault.records import Signed, sign_record


@dataclass(frozen=True, slots=True)
class Keyring:
    """What a member holds of a vault."""

    vault_secret: VaultSecret
    epochs: Mapping[bytes, EpochKey]  # by the name of the epoch
    current: bytes  # name of the epoch of the newest membership record
    tip: RecordName  # the newest membership record
    names: Mapping[bytes, str]  # of the members, by fingerprint

    @property
    def current_key(self) -> EpochKey:
        """The key of the current epoch."""
        return self.epochs[self.current]


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """A member to be: who, in which role, under which name."""

    identity: PublicIdentity
    role: Role
    name: str


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A membership record that is not stored yet."""

    key: str  # of the object in a store
    name: RecordName
    content: bytes


@dataclass(frozen=True, slots=True)
class NewVault:
    """A vault that is not stored yet. The genesis is stored last (format §4.1)."""

    vault_id: bytes
    genesis_key: str
    genesis: bytes
    members_key: str
    members: bytes
    membership: Membership
    keyring: Keyring


def create_vault(identity: Identity, name: str) -> NewVault:
    """Return a new vault of this identity alone, whom members will see under `name`."""
    public = identity.public
    payload = Genesis(owner=public.fingerprint, card=public.card_hash, nonce=random_bytes(32)).encode()
    genesis = sign_record(identity.signing, Purpose.GENESIS, payload)
    secret, key = VaultSecret.generate(), EpochKey.generate()
    draft = _Draft(genesis.hash, 1, (), (MemberKeys(public, Role.OWNER, name),), None, secret, key, (), ())
    record = _finish(draft, identity)
    membership = Membership.load(genesis.hash, genesis.record, {record.key: record.content}, [public])
    return NewVault(
        vault_id=genesis.hash,
        genesis_key=names.genesis(genesis.hash),
        genesis=genesis.record,
        members_key=record.key,
        members=record.content,
        membership=membership,
        keyring=open_keyring(membership, identity),
    )


def next_record(
    membership: Membership,
    identity: Identity,
    keyring: Keyring,
    *,
    members: Iterable[MemberKeys],
    new_epoch: bool,
    cuts: Context = (),
) -> NewRecord:
    """Return the record that follows the tip, signed by the owner; `members` are all from then on."""
    tip = membership.newest
    opener = membership.records[tip.epoch]
    older = _epochs_before(membership, opener)
    draft = _Draft(
        vault=membership.vault_id,
        number=tip.members.number + 1,
        previous=(tip.hash,),
        members=tuple(members),
        epoch=None if new_epoch else tip.epoch,
        secret=keyring.vault_secret,
        key=EpochKey.generate() if new_epoch else keyring.epochs[tip.epoch],
        older=tuple((name, keyring.epochs[name]) for name in ((tip.epoch,) if new_epoch else sorted(older))),
        cuts=cuts,
    )
    return _finish(draft, identity)


@dataclass(frozen=True, slots=True)
class _Draft:
    vault: bytes
    number: int
    previous: tuple[bytes, ...]
    members: tuple[MemberKeys, ...]
    epoch: bytes | None
    secret: VaultSecret
    key: EpochKey
    older: tuple[tuple[bytes, EpochKey], ...]
    cuts: Context

    @property
    def context(self) -> bytes:
        return _context(self.vault, self.number, self.previous)


def _finish(draft: _Draft, identity: Identity) -> NewRecord:
    members = sorted(draft.members, key=lambda member: member.identity.fingerprint)
    secrets = MembersSecrets(
        vault_secret=draft.secret.reveal(),
        older=tuple((name, key.reveal()) for name, key in draft.older),
        names=tuple((member.identity.fingerprint, member.name) for member in members),
    )
    payload = Members(
        vault=draft.vault,
        number=draft.number,
        previous=draft.previous,
        members=tuple(_wrap_member(draft, member) for member in members),
        epoch=draft.epoch,
        epoch_check=derive(draft.key, Purpose.CHECK),
        secret_check=derive(draft.secret, Purpose.CHECK),
        sealed=Sealer(draft.key, Purpose.MEMBERS_SEAL).seal(secrets.encode(), context=draft.context),
        cuts=draft.cuts,
    ).encode()
    signed: Signed = sign_record(identity.signing, Purpose.MEMBERS, payload)
    key = names.members(draft.vault, draft.number, signed.hash)
    return NewRecord(key, (draft.number, signed.hash), signed.record)


def _wrap_member(draft: _Draft, member: MemberKeys) -> Member:
    card = member.identity
    wrapped = wrap(
        card.hpke,
        Purpose.EPOCH_WRAP,
        draft.key.reveal(),
        context=draft.context + card.fingerprint + card.card_hash,
    )
    return Member(card.fingerprint, card.number, card.card_hash, member.role, wrapped)


def open_keyring(membership: Membership, identity: Identity) -> Keyring:
    """Return the keys of a vault: of the newest epoch, and from there of all before it (format §4.3).

    Raises:
        NoAccess: This identity is no member now.
        BadObject: A key does not open, or is not the one that was committed to.
    """
    tip = membership.newest
    card = identity.public
    me = tip.member(card.fingerprint)
    if me is None:
        raise NoAccess(
            "this identity is not a member of the vault", fix="ask the owner of the vault to share it again"
        )
    if (me.card_number, me.card) != (card.number, card.card_hash):
        raise BadObject("the vault knows another card of this identity")
    context = _record_context(tip) + card.fingerprint + card.card_hash
    key = EpochKey(identity.hpke.unwrap(Purpose.EPOCH_WRAP, me.wrap, context=context))
    newest = _open_secrets(tip, key)
    epochs = _collect_epochs(membership, tip, key, newest)
    return Keyring(
        vault_secret=VaultSecret(newest.vault_secret),
        epochs=MappingProxyType(epochs),
        current=tip.epoch,
        tip=tip.name,
        names=MappingProxyType(dict(newest.names)),
    )


def _collect_epochs(
    membership: Membership, tip: AcceptedRecord, key: EpochKey, newest: MembersSecrets
) -> dict[bytes, EpochKey]:
    """Return all epoch keys, each from what the epoch after it seals."""
    epochs = {tip.epoch: key}
    waiting = [(membership.records[tip.epoch], newest)]
    while waiting:
        opener, secrets = waiting.pop()
        if {name for name, _ in secrets.older} != _epochs_before(membership, opener):
            raise BadObject("a membership record does not hold the keys of the epochs before it")
        for name, raw in secrets.older:
            if name not in epochs:
                epochs[name] = EpochKey(raw)
                older = membership.records[name]
                waiting.append((older, _open_secrets(older, epochs[name])))
    return epochs


def _open_secrets(record: AcceptedRecord, key: EpochKey) -> MembersSecrets:
    """Return what a record seals, once the key and the vault secret are those that it commits to."""
    _check(key, record.members.epoch_check)
    plaintext = Sealer(key, Purpose.MEMBERS_SEAL).unseal(
        record.members.sealed, context=_record_context(record)
    )
    secrets = MembersSecrets.decode(plaintext)
    _check(VaultSecret(secrets.vault_secret), record.members.secret_check)
    return secrets


def _check(key: SecretKey, check: bytes) -> None:
    if derive(key, Purpose.CHECK) != check:
        raise BadObject("a key of the vault is not the one that its owner committed to")


def _epochs_before(membership: Membership, opener: AcceptedRecord) -> set[bytes]:
    """Return the names of the epochs directly before the one that this record opened."""
    return {membership.records[before].epoch for before in opener.members.previous}


def _record_context(record: AcceptedRecord) -> bytes:
    return _context(record.members.vault, record.members.number, record.members.previous)


def _context(vault: bytes, number: int, previous: tuple[bytes, ...]) -> bytes:
    return vault + number.to_bytes(8, "big") + b"".join(previous)
