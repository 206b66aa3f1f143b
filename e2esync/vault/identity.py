"""A person: public card, secret keys, and the way from the recovery words to them (format §3.1 to §3.4).

The root key and the recovery key exist only while the words are at hand: at setup, and when a
person comes back with nothing but the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import HPKE_SEED_SIZE, HpkeKey, SigningKey, object_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import Entropy
from e2esync.errors import BadObject, Fork, MissingObject, NoVault
from e2esync.format import names
from e2esync.format.card import SECRET_SIZE, Card, CardKeys
from e2esync.format.signed import SignedRecord
from e2esync.format.wraps import wrap_of
from e2esync.vault.records import Verified, open_record, sign_record


@dataclass(frozen=True, slots=True)
class PublicIdentity:
    """A person's public keys, verified; two are equal if they are the same card of the same person."""

    record: bytes  # the card, an encoded signed record
    fingerprint: bytes
    number: int
    card_hash: bytes
    recovery: bytes  # HPKE public key
    hpke: bytes  # HPKE public key
    signing: bytes  # Ed25519 public key

    @classmethod
    def of_card(cls, record: bytes) -> Self:
        """Return the person of a card (format §3.3).

        The key that signs a card stands in it, and the fingerprint says whose it is: whoever calls
        this compares `fingerprint` with the one that is expected.

        Raises:
            BadObject: It is no card, or not signed by its own root key.
            NewerFormat: It is a card of a newer format.
        """
        card = Card.decode(SignedRecord.decode(record).payload)
        verified = open_record(record, Purpose.CARD, signer=card.root)
        return cls(
            record=record,
            fingerprint=recovery.fingerprint(card.root, card.recovery),
            number=card.number,
            card_hash=verified.hash,
            recovery=card.recovery,
            hpke=card.hpke,
            signing=card.signing,
        )

    @property
    def safety_number(self) -> str:
        """What two people compare: eight groups of five digits."""
        return recovery.safety_number(self.fingerprint)

    @property
    def key(self) -> str:
        """The key of the card in a store."""
        return names.card(self.fingerprint, self.number, self.card_hash)

    def __repr__(self) -> str:
        return f"PublicIdentity({self.safety_number})"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person's public keys with their secret halves. The root key is not here."""

    public: PublicIdentity
    hpke: HpkeKey
    signing: SigningKey

    @classmethod
    def generate(cls) -> Self:
        """Return a new person, whose recovery words nobody knows."""
        identity, _ = create_identity(recovery.generate())
        return cls(identity.public, identity.hpke, identity.signing)

    def reveal(self) -> dict[str, bytes]:
        """Return the secret parts, to be kept by the key store."""
        return {"card": self.public.record, "hpke": self.hpke.reveal(), "signing": self.signing.reveal()}


def load_identity(secret: Mapping[str, bytes]) -> Identity:
    """Return the identity that `Identity.reveal` took apart.

    Raises:
        BadObject: The parts do not belong together.
    """
    try:
        public = PublicIdentity.of_card(secret["card"])
        return _identity(public, secret["hpke"] + secret["signing"])
    except KeyError:
        raise BadObject("the kept keys of this identity are not complete") from None


def create_identity(entropy: Entropy) -> tuple[Identity, dict[str, bytes]]:
    """Return a new identity with random keys, and the objects to be stored, in the order of writing.

    Fingerprint and root key follow from the words; the identity's own keys do not, so that a
    second call makes a second card, which readers refuse. One entropy is for one call.
    """
    root, recovery_key = recovery.root_key(entropy), recovery.recovery_key(entropy)
    hpke, signing = HpkeKey.generate(), SigningKey.generate()
    card = sign_record(
        root,
        Purpose.CARD,
        Card(
            root=root.public,
            recovery=recovery_key.public,
            number=1,
            hpke=hpke.public,
            signing=signing.public,
            inherits=None,
        ).encode(),
    )
    identity = Identity(PublicIdentity.of_card(card.record), hpke, signing)
    key, keys = _seal_card_keys(root, identity)
    return identity, {identity.public.key: card.record, key: keys}


def _seal_card_keys(root: SigningKey, identity: Identity) -> tuple[str, bytes]:
    public = identity.public
    secret = identity.hpke.reveal() + identity.signing.reveal()
    wrapped = wrap(public.recovery, Purpose.CARD_KEYS_WRAP, secret, context=_card_context(public))
    keys = CardKeys(
        fingerprint=public.fingerprint,
        number=public.number,
        card=public.card_hash,
        wraps=((object_hash(public.recovery), wrapped),),
    )
    signed = sign_record(root, Purpose.CARD_KEYS, keys.encode())
    return names.card_keys(public.fingerprint, public.number, signed.hash), signed.record


def open_identity(entropy: Entropy, objects: Mapping[str, bytes]) -> Identity:
    """Return the identity of these words, from the objects of `people/<fp>/` by their keys.

    Raises:
        NoVault: There is no card of these words.
        BadObject: A card or card keys fail a check.
        MissingObject: There is a card without its card keys.
        Fork: There are two cards of one number.
        NewerFormat: There is a card or are card keys of a newer format.
    """
    root, recovery_key = recovery.root_key(entropy), recovery.recovery_key(entropy)
    fingerprint = recovery.fingerprint(root.public, recovery_key.public)
    cards = [
        _read_card(name, content, root.public)
        for name, content in _mine(objects, fingerprint)
        if name.kind is names.Kind.CARD
    ]
    if not cards:
        raise NoVault("nothing in this store belongs to these recovery words")
    highest = max(card.number for card in cards)
    public, *others = [card for card in cards if card.number == highest]
    if others:
        raise Fork(
            "the store holds two different cards of one number", why="both are signed by your root key"
        )
    identities = [  # several may stand beside each other; each has to be good (format §3.3)
        _open_card_keys(
            name, open_record(content, Purpose.CARD_KEYS, signer=root.public), public, recovery_key
        )
        for name, content in _mine(objects, fingerprint)
        if name.kind is names.Kind.CARD_KEYS
    ]
    if not identities:
        raise MissingObject("the store holds your public keys, but not the secret halves")
    return identities[0]


def _mine(objects: Mapping[str, bytes], fingerprint: bytes) -> Iterator[tuple[names.Name, bytes]]:
    for key in sorted(objects):
        name = names.parse(key)
        if name is not None and name.owner == fingerprint:
            yield name, objects[key]


def _read_card(name: names.Name, content: bytes, root: bytes) -> PublicIdentity:
    open_record(content, Purpose.CARD, signer=root)  # first of all: what others signed, we do not look at
    card = PublicIdentity.of_card(content)
    if (card.fingerprint, card.number, card.card_hash) != (name.owner, name.number, name.id):
        raise BadObject("a card is not the one that its name says")
    return card


def _open_card_keys(name: names.Name, verified: Verified, public: PublicIdentity, key: HpkeKey) -> Identity:
    keys = CardKeys.decode(verified.payload)
    if (keys.number, verified.hash) != (name.number, name.id):
        raise BadObject("card keys are not those that their name says")
    if (keys.fingerprint, keys.number, keys.card) != (public.fingerprint, public.number, public.card_hash):
        raise BadObject("card keys are those of another card")
    wrapped = wrap_of(keys.wraps, object_hash(key.public))
    if wrapped is None:
        raise BadObject("card keys are not wrapped to the recovery key")
    return _identity(public, key.unwrap(Purpose.CARD_KEYS_WRAP, wrapped, context=_card_context(public)))


def _card_context(public: PublicIdentity) -> bytes:
    return public.fingerprint + public.number.to_bytes(8, "big") + public.card_hash


def _identity(public: PublicIdentity, secret: bytes) -> Identity:
    """Return the identity with these secret halves, which have to be those of the card."""
    if len(secret) != SECRET_SIZE:
        raise BadObject("secret keys have the wrong length")
    identity = Identity(public, HpkeKey(secret[:HPKE_SEED_SIZE]), SigningKey(secret[HPKE_SEED_SIZE:]))
    if (identity.hpke.public, identity.signing.public) != (public.hpke, public.signing):
        raise BadObject("secret keys are not those of the card")
    return identity
