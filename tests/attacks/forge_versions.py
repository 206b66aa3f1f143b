"""Every record of the format, changed in its fields and signed again by the very key that signed it.

So a change is refused for what it says, not because a signature is missing: what an honest client of
another version would write, or a member who wants others to fall back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import SigningKey, object_hash
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EnvelopeKey, Sealer
from e2esync.format import cbor, names
from e2esync.format.certificate import SignedCertificate
from e2esync.format.head import EpochFramed
from e2esync.format.names import Kind
from e2esync.format.ownrecord import OwnRecordBody, OwnRecordObject, encode_wraps, pad_body, unpad_body
from e2esync.format.padding import pad, unpad
from e2esync.format.signed import SignedRecord
from e2esync.vault.framed import Place
from e2esync.vault.indexes import LEAST
from e2esync.vault.records import Signed, sign_record
from tests.attacks.arena import Arena
from tests.attacks.forge_keys import gone, kind_of
from tests.engine.world import Dev

Change = Callable[[Any], Any]  # of a decoded payload
Objects = dict[str, bytes | None]
_OVERHEAD = 60  # bytes of frame, nonce and tag


def version(number: int) -> Change:
    """Say another version."""
    return lambda said: {**said, 1: number} if isinstance(said, dict) else [number, *said[1:]]


def with_field(key: int) -> Change:
    """Say one thing more."""
    return lambda said: {**said, key: b"critical"}


def changed(record: bytes, key: SigningKey, purpose: Purpose, change: Change) -> Signed:
    """Return a record with another payload, signed again."""
    payload = SignedRecord.decode(record).payload
    return sign_record(key, purpose, cbor.encode(change(cbor.decode_exact(payload))))


class Editor:
    """Changes what a device of a world has stored; each method returns what the store has to show for it."""

    def __init__(self, arena: Arena, dev: Dev) -> None:
        self.arena, self.dev, self.keys = arena, dev, dev.keys
        self.root = recovery.root_key(arena.world.entropy)

    def of(self, kind: Kind) -> str:
        return next(key for key in self.arena.store.shown() if kind_of(key) is kind)

    def _named(self, kind: Kind, signed: Signed, name: str) -> Objects:
        return {**gone(self.arena.store, kind), name: signed.record}

    def card(self, change: Change) -> Objects:
        signed = changed(self.arena.store.body(self.of(Kind.CARD)), self.root, Purpose.CARD, change)
        return self._named(
            Kind.CARD, signed, names.card(self.keys.identity.public.fingerprint, 1, signed.hash)
        )

    def card_keys(self, change: Change) -> Objects:
        signed = changed(self.arena.store.body(self.of(Kind.CARD_KEYS)), self.root, Purpose.CARD_KEYS, change)
        return self._named(
            Kind.CARD_KEYS, signed, names.card_keys(self.keys.identity.public.fingerprint, 1, signed.hash)
        )

    def members(self, change: Change) -> Objects:
        key = self.keys.identity.signing
        signed = changed(self.arena.store.body(self.of(Kind.MEMBERS)), key, Purpose.MEMBERS, change)
        return self._named(Kind.MEMBERS, signed, names.members(self.keys.vault_id, 1, signed.hash))

    def member_secrets(self, change: Change) -> Objects:
        """What a membership record seals for its members (format §4.2, field 8)."""
        sealer = Sealer(self.keys.keyring.current_key, Purpose.MEMBERS_SEAL)
        context = self.keys.vault_id + (1).to_bytes(8, "big")

        def reseal(said: dict[int, Any]) -> dict[int, Any]:
            secrets = cbor.decode_exact(sealer.unseal(said[8], context=context))
            return {**said, 8: sealer.seal(cbor.encode(change(secrets)), context=context)}

        return self.members(reseal)

    # --- what devices sign ------------------------------------------------------------------------

    def _certificate(self, change: Change) -> SignedCertificate:
        payload = SignedCertificate.decode(self.dev.device.certificate).payload
        payload = cbor.encode(change(cbor.decode_exact(payload)))
        return SignedCertificate(
            payload,
            self.keys.identity.signing.sign(Purpose.DEVICE_CERTIFICATE, payload),
            self.dev.device.signing.sign(Purpose.DEVICE_ACCEPTANCE, payload),
        )

    def own_record(self, change: Change, *, certificate: SignedCertificate | None = None) -> Objects:
        key, public = self.of(Kind.OWN_RECORD), self.keys.identity.public
        stored = OwnRecordObject.decode(self.arena.store.body(key))
        about = public.fingerprint + self.dev.device.id
        wrapped = dict(stored.wraps)[object_hash(public.hpke)]
        raw = self.keys.identity.hpke.unwrap(Purpose.OWN_RECORD_WRAP, wrapped, context=about)
        old = Sealer(EnvelopeKey(raw), Purpose.OWN_RECORD_SEAL)
        context = about + encode_wraps(stored.wraps)
        body = OwnRecordBody.decode(unpad_body(old.unseal(stored.sealed, context=context), stored.wraps))
        payload = cbor.encode(change(cbor.decode_exact(body.payload)))
        signature = self.dev.device.signing.sign(Purpose.OWN_RECORD, payload)
        new = OwnRecordBody(certificate or body.certificate, payload, signature).encode()
        sealed = old.seal(pad_body(new, stored.wraps), context=context)
        return {key: OwnRecordObject(stored.wraps, sealed).encode()}

    def certificate_of_an_own_record(self, change: Change) -> Objects:
        return self.own_record(dict, certificate=self._certificate(change))

    def head(self, change: Change) -> Objects:
        place = Place(Purpose.HEAD_SEAL, self.keys.vault_id, self.dev.device.id)
        key = self.arena.head_of(self.dev)
        _, record = place.unseal(self.arena.store.body(key), self.keys.membership, self.keys.keyring)
        signed = changed(record, self.dev.device.signing, Purpose.HEAD, change)
        return {key: place.seal(signed.record, self.keys.keyring)}

    def certificate_of_a_head(self, change: Change) -> Objects:
        return self.head(lambda said: {**said, 3: self._certificate(change).encode()})

    def snapshot(self, change: Change) -> Objects:
        device = self.dev.device.signing
        return self.head(lambda said: {**said, 5: changed(said[5], device, Purpose.SNAPSHOT, change).record})

    def index(self, change: Change) -> Objects:
        """The first index of the device, which its head lists under the new name."""
        keys, found = self.keys, {}
        sealer = Sealer(keys.keyring.current_key, Purpose.INDEX_SEAL)

        def relist(said: dict[int, Any]) -> dict[int, Any]:
            first, *others = said[8]
            framed = EpochFramed.decode(self.arena.store.body(names.index(keys.vault_id, first)))
            context = keys.vault_id + framed.record
            padded = sealer.unseal(framed.sealed, context=context)
            body = unpad(padded, overhead=_OVERHEAD, least=LEAST)
            padded = pad(cbor.encode(change(cbor.decode_exact(body))), overhead=_OVERHEAD, least=LEAST)
            content = EpochFramed(framed.record, sealer.seal(padded, context=context)).encode()
            found[names.index(keys.vault_id, object_hash(content))] = content
            return {**said, 8: [object_hash(content), *others]}

        return {**self.head(relist), **found}


KINDS: Mapping[str, Callable[[Editor, Change], Objects]] = {
    "card": Editor.card,
    "card keys": Editor.card_keys,
    "membership record": Editor.members,
    "own record": Editor.own_record,
    "certificate of an own record": Editor.certificate_of_an_own_record,
    "head": Editor.head,
    "certificate of a head": Editor.certificate_of_a_head,
    "snapshot": Editor.snapshot,
    "index": Editor.index,
}
"""Every versioned record that a device reads when it joins and pulls."""
