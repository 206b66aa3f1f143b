"""What stands under `people/` for one identity, each object verified (format §3)."""

from __future__ import annotations

from e2esync.crypto.labels import Purpose
from e2esync.engine.objects import read_all
from e2esync.errors import BadObject, MissingObject, NewerFormat
from e2esync.format import names
from e2esync.format.card import Card
from e2esync.format.signed import SignedRecord
from e2esync.model.store import Store
from e2esync.vault.identity import Identity, PublicIdentity
from e2esync.vault.ownrecord import open_own_record
from e2esync.vault.records import open_record

KINDS = (names.Kind.CARD, names.Kind.CARD_KEYS, names.Kind.OWN_RECORD, names.Kind.RETIRED)


def check_people(store: Store, identity: Identity) -> int:
    """Verify every object of an identity in a store; return how many there are.

    Raises:
        BadObject: One of them fails.
        MissingObject: Its card is not there.
        NewerFormat: One of them is of a newer format.
    """
    public = identity.public
    objects = read_all(store, names.people(public.fingerprint), KINDS)
    if public.key not in objects:
        raise MissingObject("your card is not in the store")
    if not any(_kind(key) is names.Kind.CARD_KEYS for key in objects):
        raise MissingObject("the secret halves of your keys are not in the store")
    for key, content in objects.items():
        name = names.parse(key)
        assert name is not None
        _check(name, content, identity)
    return len(objects)


def _kind(key: str) -> names.Kind | None:
    name = names.parse(key)
    return name.kind if name is not None else None


def _check(name: names.Name, content: bytes, identity: Identity) -> None:
    public = identity.public
    root = Card.decode(SignedRecord.decode(public.record).payload).root
    match name.kind:
        case names.Kind.CARD:
            open_record(content, Purpose.CARD, signer=root)  # first: what others signed, we do not look at
            card = PublicIdentity.of_card(content)
            if (card.fingerprint, card.number, card.card_hash) != (name.owner, name.number, name.id):
                raise BadObject("a card is not the one that its name says")
        case names.Kind.CARD_KEYS:
            if open_record(content, Purpose.CARD_KEYS, signer=root).hash != name.id:
                raise BadObject("the keys of a card are not those that their name says")
        case names.Kind.OWN_RECORD:
            assert name.id is not None
            open_own_record(content, name.id.hex(), identity=public, key=identity.hpke)
        case _:
            raise NewerFormat("the store holds a record of a removed device")
