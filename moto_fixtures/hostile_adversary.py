"""The adversary: knows all public keys, has keys of its own, and builds with them whatever the format allows.

All that it makes is well-formed and signed, by itself: it is made by e2esync's own functions. Nothing
but the question *whose* signature counts stands between it and a victim's disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import object_hash, record_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EnvelopeKey, EpochKey, Sealer, VaultSecret, derive
from e2esync.errors import E2ESyncError
from e2esync.format import names
from e2esync.format.card import CardKeys
from e2esync.format.cbor import encode
from e2esync.format.head import EpochFramed
from e2esync.format.history import NO_HISTORY
from e2esync.format.index import Group, Row
from e2esync.format.members import Member, Members, MembersSecrets, Role
from e2esync.format.ownrecord import OwnRecordObject, VaultNote
from e2esync.format.signed import SignedRecord
from e2esync.format.wraps import Wraps, wrap_of
from e2esync.tree import pages
from e2esync.tree.codec import encode_entries
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.lists import Reference
from e2esync.tree.pagecodec import page_value
from e2esync.tree.pages import Item, Page, Root
from e2esync.tree.values import Attributes, Dot, Entry, FileContent
from e2esync.vault import heads
from e2esync.vault.cipher import BlobKind, VaultCipher
from e2esync.vault.device import create_device
from e2esync.vault.identity import Identity, PublicIdentity, create_identity
from e2esync.vault.indexes import seal_index
from e2esync.vault.keyring import Keyring, MemberKeys, NewVault, create_vault, next_record, open_keyring
from e2esync.vault.membership import Membership
from e2esync.vault.ownrecord import seal_own_record
from e2esync.vault.packs import ClosedPack, PackBuilder
from e2esync.vault.records import sign_record
from moto_fixtures.hostile import HostileStore

NOW = 1_700_000_000  # seconds since 1970


@dataclass(frozen=True)
class Planted:
    """A complete vault, as objects by their keys."""

    vault_id: bytes
    objects: Mapping[str, bytes]
    membership: Membership
    keyring: Keyring

    def under(self, vault_id: bytes) -> dict[str, bytes]:
        """Return the objects of this vault as if they were another's."""
        own, other = f"vaults/{self.vault_id.hex()}/", f"vaults/{vault_id.hex()}/"
        return {
            other + key.removeprefix(own): body for key, body in self.objects.items() if key.startswith(own)
        }


@dataclass
class Adversary:
    """Somebody with a complete identity, in control of a store."""

    store: HostileStore
    identity: Identity = field(init=False)
    others: list[Identity] = field(default_factory=list)  # of former members, whose devices it holds

    def __post_init__(self) -> None:
        self.entropy = recovery.generate()
        self.identity, self.people = create_identity(self.entropy)
        self.device = create_device(self.identity)

    # --- what it knows ------------------------------------------------------------------------------

    def cards(self) -> list[PublicIdentity]:
        """Return every card that was ever stored, its own apart."""
        return [
            PublicIdentity.of_card(body)
            for name, body in self._seen(names.Kind.CARD)
            if name.owner != self.identity.public.fingerprint
        ]

    def opens(self) -> list[str]:
        """Return what its keys open of all that was ever stored and is not its own."""
        found = [*self._opened_members(), *self._opened_wraps()]
        return sorted(set(found))

    # --- what it makes ------------------------------------------------------------------------------

    def plant(self, files: Mapping[bytes, bytes], members: Iterable[PublicIdentity] = ()) -> Planted:
        """Return a vault of its own with these files, wrapped also to the keys of these people."""
        vault = create_vault(self.identity, "Mallory")
        objects = {**self.people, vault.members_key: vault.members, vault.genesis_key: vault.genesis}
        membership, keyring = self._invite(vault, list(members), objects)
        builder = _Builder(vault.vault_id, keyring, self.device.id)
        root = builder.tree([builder.file(name, content) for name, content in files.items()])
        snapshot = heads.make_snapshot(
            self.device, vault.vault_id, sequence=1, previous=None, root=root, context={},
            previous_context={}, tip=keyring.tip, epoch=keyring.current, time=NOW,
        )  # fmt: skip
        builder.add_snapshot(snapshot)
        index = builder.store(objects)
        objects[names.head(vault.vault_id, self.device.id)] = heads.make_head(
            self.device, keyring, vault.vault_id, snapshot=snapshot, context={}, history=NO_HISTORY,
            revision=1, live_indexes=(index,), names=("mallory", "Mallory"),
        )  # fmt: skip
        return Planted(vault.vault_id, objects, membership, keyring)

    def members_record(self, vault_id: bytes, people: Sequence[PublicIdentity]) -> tuple[str, bytes]:
        """Return the next membership record of somebody's vault: all but its signature is as it should be."""
        number, previous = self._tip(vault_id)
        key, secret = EpochKey.generate(), VaultSecret.generate()
        context = vault_id + (number + 1).to_bytes(8, "big") + previous
        everybody = sorted({*people, self.identity.public}, key=lambda one: one.fingerprint)
        secrets = MembersSecrets(secret.reveal(), ((previous, bytes(32)),), ())
        payload = Members(
            vault=vault_id,
            number=number + 1,
            previous=(previous,),
            members=tuple(_member(one, one in people[:1], key, context) for one in everybody),
            epoch=None,
            epoch_check=derive(key, Purpose.CHECK),
            secret_check=derive(secret, Purpose.CHECK),
            sealed=Sealer(key, Purpose.MEMBERS_SEAL).seal(secrets.encode(), context=context),
            cuts=(),
        ).encode()
        signed = sign_record(self.identity.signing, Purpose.MEMBERS, payload)
        return names.members(vault_id, number + 1, signed.hash), signed.record

    def own_record(self, victim: PublicIdentity, notes: Iterable[VaultNote] = ()) -> tuple[str, bytes]:
        """Return an own record that stands among a victim's and opens with the victim's keys."""
        content = seal_own_record(
            self.device, victim, revision=1 << 60, device_name="laptop", user_name="Ann", vaults=notes
        )
        return names.own_record(victim.fingerprint, self.device.id), content

    # --- details ------------------------------------------------------------------------------------

    def _seen(self, *kinds: names.Kind) -> Iterator[tuple[names.Name, bytes]]:
        for version in self.store.versions:
            name = names.parse(version.key)
            if name is not None and name.kind in kinds and version.body is not None:
                yield name, version.body

    def _tip(self, vault_id: bytes) -> tuple[int, bytes]:
        found = [name for name, _ in self._seen(names.Kind.MEMBERS) if name.owner == vault_id]
        newest = max(found, key=lambda name: name.number or 0)
        return newest.number or 0, newest.id or b""

    def _invite(
        self, vault: NewVault, members: list[PublicIdentity], objects: dict[str, bytes]
    ) -> tuple[Membership, Keyring]:
        if not members:
            return vault.membership, vault.keyring
        people = [MemberKeys(self.identity.public, Role.OWNER, "Mallory")]
        people += [MemberKeys(one, Role.WRITER, "Ann") for one in members]
        record = next_record(vault.membership, self.identity, vault.keyring, members=people, new_epoch=False)
        objects[record.key] = record.content
        records = {key: body for key, body in objects.items() if "/members/" in key}
        cards = [self.identity.public, *members]
        membership = Membership.load(vault.vault_id, vault.genesis, records, cards)
        return membership, open_keyring(membership, self.identity)

    def _opened_members(self) -> Iterator[str]:
        """Try every wrap of every membership record with every key that it has; then read on."""
        for name, body in self._seen(names.Kind.MEMBERS):
            payload = SignedRecord.decode(body).payload
            record = Members.decode(payload)
            opener = record.epoch or record_hash(Purpose.MEMBERS, payload)
            context = record.vault + record.number.to_bytes(8, "big") + b"".join(record.previous)
            for member in record.members:
                for identity in (self.identity, *self.others):
                    about = context + member.fingerprint + member.card
                    try:
                        key = identity.hpke.unwrap(Purpose.EPOCH_WRAP, member.wrap, context=about)
                    except E2ESyncError:
                        continue
                    yield f"epoch {opener.hex()[:8]} of {name.owner.hex()[:8]}"
                    yield from self._opened_heads(record.vault, EpochKey(key))

    def _opened_heads(self, vault_id: bytes, key: EpochKey) -> Iterator[str]:
        for name, body in self._seen(names.Kind.HEAD):
            framed = EpochFramed.decode(body)
            context = vault_id + framed.record + (name.id or b"")
            try:
                Sealer(key, Purpose.HEAD_SEAL).unseal(framed.sealed, context=context)
            except E2ESyncError:
                continue
            yield f"head {object_hash(body).hex()[:8]}"

    def _opened_wraps(self) -> Iterator[str]:
        for name, body in self._seen(names.Kind.OWN_RECORD, names.Kind.CARD_KEYS):
            if name.owner == self.identity.public.fingerprint:
                continue
            if name.kind is names.Kind.OWN_RECORD:
                wraps: Wraps = OwnRecordObject.decode(body).wraps
                purpose, about = Purpose.OWN_RECORD_WRAP, name.owner + (name.id or b"")
            else:
                keys = CardKeys.decode(SignedRecord.decode(body).payload)
                wraps, purpose = keys.wraps, Purpose.CARD_KEYS_WRAP
                about = keys.fingerprint + keys.number.to_bytes(8, "big") + keys.card
            for identity in (self.identity, *self.others):
                wrapped = wrap_of(wraps, object_hash(identity.public.hpke))
                if wrapped is not None and identity.public.fingerprint != name.owner:
                    EnvelopeKey(identity.hpke.unwrap(purpose, wrapped, context=about)[:32])
                    yield f"{name.kind.name} of {name.owner.hex()[:8]}"


def _member(one: PublicIdentity, is_owner: bool, key: EpochKey, context: bytes) -> Member:  # noqa: FBT001
    about = context + one.fingerprint + one.card_hash
    wrapped = wrap(one.hpke, Purpose.EPOCH_WRAP, key.reveal(), context=about)
    role = Role.OWNER if is_owner else Role.WRITER
    return Member(one.fingerprint, one.number, one.card_hash, role, wrapped)


class _Builder:
    """Packs and index of one push."""

    def __init__(self, vault_id: bytes, keyring: Keyring, device: bytes) -> None:
        self._vault_id, self._keyring, self._device = vault_id, keyring, device
        self._cipher = VaultCipher(vault_id, keyring)
        self._pack, self._dots = PackBuilder(), 0

    def file(self, name: bytes, content: bytes) -> Item:
        """Return the node of a file in the root; its content is packed."""
        key, cipher = self._cipher.new_file_key()
        chunk_id = cipher.chunk_id(content)
        self._add(chunk_id, cipher.seal(content), is_chunk=True)
        reference = Reference(0, chunk_id, len(content))
        digest = self._cipher.content_hash(content)
        value = FileContent(
            self._dot(), len(content), digest, NOW * 10**9, (key,), (reference,), "mallory", NOW
        )
        entry = Entry(self._device, 1, (), (), (value,), (Attributes(self._dot(), 0o644),))
        return node_key(ROOT, name, Kind.FILE), encode(encode_entries([entry]))

    def tree(self, nodes: Iterable[Item]) -> Root | None:
        """Pack the pages of a tree; return its root."""
        items = sorted(nodes)
        for level in range(pages.MAX_LEVEL + 1):
            made = [list(page) for page in pages.cut(items, level, self._cipher.draw)]
            items = [(page[-1][0], self._page(Page(level, page))) for page in made]
            if len(items) <= 1:
                return Root(items[0][1], level) if items else None
        raise AssertionError("a tree of more levels than the format allows")

    def add_snapshot(self, snapshot: heads.SignedSnapshot) -> None:
        """Pack a snapshot."""
        sealed = self._cipher.seal_page(BlobKind.SNAPSHOT, snapshot.record)
        self._add(self._cipher.snapshot_id(snapshot.hash), sealed, is_chunk=False)

    def store(self, objects: dict[str, bytes]) -> bytes:
        """Add pack and index to the objects; return the id of the index."""
        pack = self._pack.close(full=False)
        objects[names.pack(self._vault_id, pack.id)] = pack.body
        content = seal_index(
            _groups(pack),
            vault_id=self._vault_id,
            record=self._keyring.tip[1],
            key=self._keyring.current_key,
        )
        objects[names.index(self._vault_id, object_hash(content))] = content
        return object_hash(content)

    def _page(self, page: Page) -> bytes:
        body = encode(page_value(page))
        page_id = self._cipher.page_id(BlobKind.TREE_PAGE, body)
        self._add(page_id, self._cipher.seal_page(BlobKind.TREE_PAGE, body), is_chunk=False)
        return page_id

    def _dot(self) -> Dot:
        self._dots += 1
        return Dot(1, self._device, self._dots)

    def _add(self, blob_id: bytes, sealed: bytes, *, is_chunk: bool) -> None:
        self._pack.add(blob_id, sealed, is_chunk=is_chunk, epoch=self._cipher.epoch)


def _groups(pack: ClosedPack) -> list[Group]:
    return [
        Group(
            pack.id,
            is_chunk,
            epoch,
            tuple(Row(blob.id[:16], blob.offset, blob.length) for blob in blobs),
        )
        for (is_chunk, epoch), blobs in groupby(pack.blobs, key=lambda blob: (blob.is_chunk, blob.epoch))
    ]
