"""A whole vault that another writer made from docs/format.md opens: two devices, two epochs."""

import json
from pathlib import Path

from e2esync.crypto import recovery
from e2esync.format import names
from e2esync.vault.heads import open_head
from e2esync.vault.identity import open_identity
from e2esync.vault.keyring import open_keyring
from e2esync.vault.membership import Membership
from e2esync.vault.ownrecord import open_own_record
from e2esync.vault.trust import accept, check_together, needed, recall

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "vault"
STORE = FOLDER / "store"
OBJECTS = {str(path.relative_to(STORE)): path.read_bytes() for path in STORE.rglob("*") if path.is_file()}
EXPECT = json.loads((FOLDER / "expect.json").read_text())
VAULT_ID = bytes.fromhex(EXPECT["vault"])


def of_kind(kind):
    return [name for key in sorted(OBJECTS) if (name := names.parse(key)) is not None and name.kind is kind]


def device_hex(name):
    assert name.id is not None
    return name.id.hex()


def test_every_object_has_a_name_of_ours_and_is_within_its_bound():
    for key, content in OBJECTS.items():
        name = names.parse(key)
        assert name is not None
        assert len(content) <= name.kind.most_bytes


def test_words_lead_to_the_newest_head():
    entropy = recovery.from_words((FOLDER / "words.txt").read_text())
    identity = open_identity(entropy, OBJECTS)
    records = [
        open_own_record(OBJECTS[key], device_hex(name), identity=identity.public, key=key_pair)
        for name in of_kind(names.Kind.OWN_RECORD)
        for key in [names.own_record(name.owner, name.id or b"")]
        for key_pair in (identity.hpke, recovery.recovery_key(entropy))
    ]
    known = recall(note for record in records for note in record.vaults if note.vault == VAULT_ID)

    membership = Membership.load(VAULT_ID, OBJECTS[names.genesis(VAULT_ID)], OBJECTS, [identity.public])
    keyring = open_keyring(membership, identity)
    assert membership.tip[0] == 2
    assert len(keyring.epochs) == len({record.epoch for record in membership.records.values()})

    heads = [
        open_head(
            OBJECTS[names.head(VAULT_ID, name.id or b"")],
            device_hex(name),
            vault_id=VAULT_ID,
            membership=membership,
            keyring=keyring,
        )
        for name in of_kind(names.Kind.HEAD)
    ]
    assert len(heads) == 2
    old = {lookup.head.device: lookup.head.history[0][lookup.sequence - 1] for lookup in needed(known, heads)}
    present = {head.device for head in heads}
    trusted = accept(known, heads, present=present, membership=membership, old_hashes=old)
    assert trusted.heads.keys() == present
    check_together(heads)
    head = max(heads, key=lambda head: len(head.context))
    assert head is not None
    assert head.root is not None
