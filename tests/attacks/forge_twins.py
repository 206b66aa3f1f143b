"""One thing that is two: ciphertexts that open under two keys, and a key that is another for each member.

A hostile member makes them, who knows the keys that others will use; all else is as the format has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

from e2esync.crypto.asymmetric import wrap
from e2esync.crypto.labels import Purpose, label
from e2esync.crypto.secrets import DataKey, EpochKey, KeyWrapper, SecretKey, derive
from e2esync.format.members import Members, Role
from e2esync.format.signed import SignedRecord
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.lists import Reference
from e2esync.tree.values import FileContent, WrappedKey
from e2esync.vault import keyring
from e2esync.vault.cipher import BlobKind, FileCipher, VaultCipher
from e2esync.vault.compression import Compressor
from e2esync.vault.identity import Identity
from e2esync.vault.keyring import Keyring, MemberKeys
from e2esync.vault.membership import Membership
from e2esync.vault.records import sign_record
from tests.attacks.arena import Arena
from tests.attacks.forge_gcm import NONCE_SIZE, decrypt, opens_under_both
from tests.attacks.forge_tree import NOW_NS, SAVED, Forger, item
from tests.engine.world import Keys

TAG_SIZE = 16  # bytes
SIZE = 64  # bytes of each plaintext, with the byte that says how it is compressed
RAW = b"\0"


def _twins(keys: tuple[SecretKey, SecretKey], purpose: Purpose, context: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what opens under both keys, and the two bodies that it opens to."""
    raw = derive(keys[0], purpose), derive(keys[1], purpose)
    sealed = opens_under_both(raw, label(purpose) + context, SIZE, starts=RAW)
    one, other = (decrypt(key, sealed[:NONCE_SIZE], sealed[NONCE_SIZE:-TAG_SIZE])[1:] for key in raw)
    assert one != other
    return sealed, one, other


def one_chunk_two_files(arena: Arena) -> None:
    """Publish two files that name one chunk and one content, each with a key of its own."""
    vault = arena.world.keys
    forger = Forger(vault, arena.store)
    keys = DataKey.generate(), DataKey.generate()
    sealed, content, _ = _twins(keys, Purpose.CHUNK_SEAL, vault.vault_id)
    chunk_id = FileCipher(keys[0], vault.vault_id, Compressor()).chunk_id(content)
    forger._add(forger._chunks, chunk_id, sealed, is_chunk=True)
    epoch, wrapper = vault.keyring.current, KeyWrapper(vault.keyring.current_key)
    nodes = []
    for name, key in zip((b"for one reader", b"for the other"), keys, strict=True):
        file = FileContent(
            forger.dot(),
            len(content),
            forger.cipher.content_hash(content),
            NOW_NS,
            (WrappedKey(epoch, epoch, wrapper.wrap(key)),),
            (Reference(0, chunk_id, len(content)),),
            "mallory",
            SAVED,
        )
        nodes.append(item(node_key(ROOT, name, Kind.FILE), [forger.entry(file, 0o644)]))
    forger.publish(nodes)


def two_pages(vault: Keys) -> tuple[VaultCipher, BlobKind, bytes, tuple[bytes, bytes], bytes]:
    """Return a reader of two epochs, and a page that opens in both, by the name that it has in the first."""
    epochs = bytes([1]) * 32, bytes([2]) * 32
    keys = EpochKey.generate(), EpochKey.generate()
    ring = SimpleNamespace(
        vault_secret=vault.keyring.vault_secret,
        epochs=dict(zip(epochs, keys, strict=True)),
        current=epochs[1],
    )
    cipher, kind = VaultCipher(vault.vault_id, ring), BlobKind.TREE_PAGE
    sealed, body, _ = _twins(keys, Purpose.PAGE_SEAL, vault.vault_id + bytes([kind]))
    return cipher, kind, cipher.page_id(kind, body), epochs, sealed


def two_members(vault: Keys) -> tuple[Callable[[], Keyring], Callable[[], Keyring]]:
    """Return how Ann and Bob open a record in which each has another key of one epoch."""
    bob, ann = Identity.generate(), vault.identity
    members = [MemberKeys(ann.public, Role.OWNER, "Ann"), MemberKeys(bob.public, Role.WRITER, "Bob")]
    draft = keyring._Draft(
        vault.vault_id, 1, (), tuple(members), None, vault.keyring.vault_secret, EpochKey.generate(), (), ()
    )
    said = Members.decode(SignedRecord.decode(keyring._finish(draft, ann).content).payload)
    context = draft.context + bob.public.fingerprint + bob.public.card_hash
    other = wrap(bob.public.hpke, Purpose.EPOCH_WRAP, EpochKey.generate().reveal(), context=context)
    said = replace(
        said,
        members=tuple(
            replace(member, wrap=other) if member.fingerprint == bob.public.fingerprint else member
            for member in said.members
        ),
    )
    record, digest = sign_record(ann.signing, Purpose.MEMBERS, said.encode())
    key = f"vaults/{vault.vault_id.hex()}/members/1-{digest.hex()}"
    cards = MappingProxyType({card.card_hash: card for card in (ann.public, bob.public)})
    membership = _membership(vault, key, record, cards)
    return lambda: keyring.open_keyring(membership, ann), lambda: keyring.open_keyring(membership, bob)


def _membership(vault: Keys, key: str, record: bytes, cards: MappingProxyType) -> Membership:
    from e2esync.vault.membership import AcceptedRecord, _accept

    accepted: AcceptedRecord = _accept(vault.vault_id, vault.identity.public, {}, record)
    assert key.endswith(accepted.hash.hex())
    return Membership(
        vault.vault_id,
        vault.identity.public,
        MappingProxyType({accepted.hash: accepted}),
        accepted.name,
        cards,
    )
