"""Mallory: she controls the store, knows every public key, and makes whatever can be made with keys of her own.

Everything here is well formed, with every hash, number and context as it should be; what is wrong is
only who signed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import HpkeKey, SigningKey, object_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EpochKey, VaultSecret
from e2esync.errors import BadObject
from e2esync.format import names
from e2esync.format.card import Card, CardKeys
from e2esync.format.members import Members, Role
from e2esync.format.ownrecord import OwnRecordObject, VaultNote
from e2esync.format.signed import SignedRecord
from e2esync.vault import keyring
from e2esync.vault.device import create_device
from e2esync.vault.identity import Identity, PublicIdentity
from e2esync.vault.keyring import Keyring, MemberKeys, NewVault, create_vault, next_record
from e2esync.vault.membership import AcceptedRecord, Membership
from e2esync.vault.ownrecord import seal_own_record
from e2esync.vault.records import sign_record
from moto_fixtures.hostile import HostileStore, Version
from tests.engine.world import Dev, Keys, World, objects

PLANTED = b"planted by mallory"

Objects = Mapping[str, bytes | None]
"""What the store shows under these keys from now on; None: nothing."""


def show(store: HostileStore, changed: Objects) -> None:
    """Show these objects instead of the honest ones."""
    for key, body in changed.items():
        if body is None:
            store.lose(key)
        else:
            store.inject(key, body)


def kind_of(key: str) -> names.Kind | None:
    """Return what stands under a key."""
    name = names.parse(key)
    return None if name is None else name.kind


def gone(store: HostileStore, *kinds: names.Kind) -> dict[str, None]:
    """Return all that is shown of these kinds (none: all), taken away."""
    return dict.fromkeys(key for key in store.shown() if not kinds or kind_of(key) in kinds)


@dataclass
class Mallory:
    """An identity of her own, with words, vault and devices, in a store of her own."""

    home: Path

    @cached_property
    def world(self) -> World:
        return World(self.home)

    @property
    def identity(self) -> Identity:
        return self.world.keys.identity

    @cached_property
    def root(self) -> SigningKey:
        return recovery.root_key(self.world.entropy)

    def close(self) -> None:
        if "world" in vars(self):
            self.world.close()

    # --- persons ----------------------------------------------------------------------------------

    def double(self, victim: PublicIdentity) -> Identity:
        """Return the victim with her keys: a card of the victim's root key, which she cannot sign for."""
        mine, root = self.identity, _root_of(victim)
        payload = Card(root, victim.recovery, 1, mine.hpke.public, mine.signing.public, None).encode()
        record, digest = sign_record(self.root, Purpose.CARD, payload)
        public = replace(
            victim, record=record, card_hash=digest, hpke=mine.hpke.public, signing=mine.signing.public
        )
        return Identity(public, mine.hpke, mine.signing)

    def card_keys(self, card: PublicIdentity, *, secret: bytes | None = None) -> dict[str, bytes]:
        """Return her secret halves as the card keys of this card, wrapped to its recovery key."""
        secret = secret or self.identity.hpke.reveal() + self.identity.signing.reveal()
        about = card.fingerprint + card.number.to_bytes(8, "big") + card.card_hash
        wrapped = wrap(card.recovery, Purpose.CARD_KEYS_WRAP, secret, context=about)
        recipients = ((object_hash(card.recovery), wrapped),)
        payload = CardKeys(card.fingerprint, card.number, card.card_hash, recipients).encode()
        record, digest = sign_record(self.root, Purpose.CARD_KEYS, payload)
        return {names.card_keys(card.fingerprint, card.number, digest): record}

    def own_record(self, victim: PublicIdentity, note: VaultNote | None = None) -> dict[str, bytes]:
        """Return an own record for the victim, of a device that she has certified herself."""
        device = create_device(Identity(victim, self.identity.hpke, self.identity.signing))
        note = note or VaultNote(bytes(32), victim.fingerprint, "planted", "s3://m/", (1, bytes(32)), ())
        content = seal_own_record(
            device, victim, revision=2**62, device_name="phone", user_name="Ann", vaults=[note]
        )
        return {names.own_record(victim.fingerprint, device.id): content}

    # --- vaults -----------------------------------------------------------------------------------

    def vault_of(self, owner: Identity) -> tuple[NewVault, dict[str, bytes]]:
        """Return a vault of this owner's, with a head and a planted file, as objects of a store."""
        made = create_vault(owner, "Ann")
        keys = Keys(owner, made.membership, made.keyring, made.vault_id)
        return made, {
            made.genesis_key: made.genesis,
            made.members_key: made.members,
            **self.published(keys),
        }

    def chain_of(
        self, vault_id: bytes, owner: PublicIdentity, wrap_to: bytes
    ) -> tuple[Keys, dict[str, bytes]]:
        """Return keys of her own for a vault that exists, with the first membership record that says so.

        The epoch key is wrapped to a public key that everybody knows; the record is signed by her.
        """
        secret, key = VaultSecret.generate(), EpochKey.generate()
        member = MemberKeys(replace(owner, hpke=wrap_to), Role.OWNER, "Ann")
        draft = keyring._Draft(vault_id, 1, (), (member,), None, secret, key, (), ())
        signer = Identity(owner, self.identity.hpke, self.identity.signing)
        record = keyring._finish(draft, signer)
        _, digest = record.name
        payload = SignedRecord.decode(record.content).payload
        accepted = AcceptedRecord(digest, Members.decode(payload), digest)
        membership = Membership(
            vault_id, owner, MappingProxyType({digest: accepted}), record.name, {owner.card_hash: owner}
        )
        ring = Keyring(
            secret,
            MappingProxyType({digest: key}),
            digest,
            record.name,
            MappingProxyType({owner.fingerprint: "Ann"}),
        )
        return Keys(signer, membership, ring, vault_id), {record.key: record.content}

    def shared_vault(self, guest: PublicIdentity) -> tuple[bytes, dict[str, bytes]]:
        """Return a vault of her own of which the guest is a member, who never asked; with her card."""
        mine = self.world.keys
        made = next_record(
            mine.membership,
            self.identity,
            mine.keyring,
            members=[
                MemberKeys(self.identity.public, Role.OWNER, "M"),
                MemberKeys(guest, Role.WRITER, "Ann"),
            ],
            new_epoch=False,
        )
        return mine.vault_id, {**objects(self.world.store), made.key: made.content}

    def published(self, keys: Keys) -> dict[str, bytes]:
        """Return head, index and packs of a device that she has certified, which holds a planted file."""
        dev = self.device(keys)
        (dev.root / "planted").write_bytes(PLANTED)
        dev.push()
        return objects(dev.store)

    def device(self, keys: Keys) -> Dev:
        """Return a device with these keys, at a store of its own."""
        from e2esync.adapters.stores.memory import MemoryStore

        return self.world.device(f"device {len(self.world.devices)}", keys=keys, store=MemoryStore())


def _root_of(person: PublicIdentity) -> bytes:
    return Card.decode(SignedRecord.decode(person.record).payload).root


def noted(world: World, dev: Dev) -> str:
    """Store an own record of a device, as setup and join do; return its key."""
    keys, person = world.keys, world.keys.identity.public
    note = VaultNote(keys.vault_id, person.fingerprint, "Sync", "memory:", keys.keyring.tip, ())
    content = seal_own_record(
        dev.device, person, revision=1, device_name=dev.name, user_name="Ann", vaults=[note]
    )
    key = names.own_record(person.fingerprint, dev.device.id)
    world.store.put(key, content)
    return key


def opened(key: HpkeKey, store: HostileStore) -> Iterator[str]:
    """Yield the keys of all objects that were ever written of which this key opens a wrap."""
    for version in store.versions:
        for purpose, context, wrapped in _wraps(version):
            try:
                key.unwrap(purpose, wrapped, context=context)
            except BadObject:
                continue
            yield version.key


def wraps_in(version: Version) -> list[bytes]:
    """Return every wrap of an object."""
    return [wrapped for _, _, wrapped in _wraps(version)]


def _wraps(version: Version) -> Iterator[tuple[Purpose, bytes, bytes]]:
    """Yield every wrap of an object, with what it is bound to."""
    name, body = names.parse(version.key), version.body
    if name is None or body is None:
        return
    match name.kind:
        case names.Kind.CARD_KEYS:
            keys = CardKeys.decode(SignedRecord.decode(body).payload)
            about = keys.fingerprint + keys.number.to_bytes(8, "big") + keys.card
            yield from ((Purpose.CARD_KEYS_WRAP, about, wrapped) for _, wrapped in keys.wraps)
        case names.Kind.OWN_RECORD:
            about = name.owner + (name.id or b"")
            wraps = OwnRecordObject.decode(body).wraps
            yield from ((Purpose.OWN_RECORD_WRAP, about, wrapped) for _, wrapped in wraps)
        case names.Kind.MEMBERS:
            said = Members.decode(SignedRecord.decode(body).payload)
            about = said.vault + said.number.to_bytes(8, "big") + b"".join(said.previous)
            for member in said.members:
                yield Purpose.EPOCH_WRAP, about + member.fingerprint + member.card, member.wrap
        case _:
            return
