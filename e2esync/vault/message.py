"""One message or file for some people, outside any vault (format §11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from e2esync.crypto.asymmetric import object_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import SEAL_OVERHEAD, EnvelopeKey, Sealer, derive
from e2esync.errors import BadObject, UsageError
from e2esync.format.sealedmessage import (
    SEGMENT_SIZE,
    MessageHeader,
    SealedMessage,
    pad_message,
    segment_context,
    unpad_message,
)
from e2esync.format.signed import SignedRecord
from e2esync.format.wraps import Wraps, wrap_of
from e2esync.vault.identity import Identity, PublicIdentity
from e2esync.vault.records import open_record, sign_record

_SEALED_SEGMENT = SEGMENT_SIZE + SEAL_OVERHEAD


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What was sealed, and who sealed it. Whether that is whom you mean, `sender` has to tell you."""

    data: bytes = field(repr=False)
    sender: PublicIdentity


def seal(data: bytes, recipients: Sequence[PublicIdentity], *, sender: Identity) -> bytes:
    """Return `data` for these people and nobody else, signed by the sender (format §11).

    The sender can open it only as one of the recipients. It is at most 12 % longer than `data`, and
    1.3 kB for each recipient and 8 kB beyond that.

    Raises:
        UsageError: There is no recipient.
    """
    if not recipients:
        raise UsageError("a message needs somebody to be sealed for")
    key = EnvelopeKey.generate()
    body = _seal_body(data, key)
    body_hash = object_hash(body)
    header = MessageHeader(
        card=sender.public.record,
        wraps=_wrap(key, recipients, sender.public.fingerprint + body_hash),
        check=derive(key, Purpose.MESSAGE_CHECK),
        body_hash=body_hash,
    )
    record, _ = sign_record(sender.signing, Purpose.MESSAGE, header.encode())
    return SealedMessage(record, body).encode()


def unseal(sealed: bytes, identity: Identity) -> Unsealed:
    """Return what was sealed for this identity, and by whom (format §11).

    Raises:
        BadObject: It is damaged, or not for this identity.
        NewerFormat: It was sealed by a newer version.
    """
    message = SealedMessage.decode(bytes(sealed))
    header = MessageHeader.decode(SignedRecord.decode(message.header).payload)
    sender = PublicIdentity.of_card(header.card)
    open_record(
        message.header, Purpose.MESSAGE, signer=sender.signing
    )  # before this nothing of it is believed
    if object_hash(message.body) != header.body_hash:
        raise BadObject("a sealed message is damaged")
    wrapped = wrap_of(header.wraps, object_hash(identity.public.hpke))
    if wrapped is None:
        raise BadObject(
            "this message is not for you",
            why="it was sealed for other people, or for keys that you no longer use",
            fix="ask the sender to seal it for your card",
        )
    context = sender.fingerprint + header.body_hash
    key = EnvelopeKey(identity.hpke.unwrap(Purpose.MESSAGE_WRAP, wrapped, context=context))
    if derive(key, Purpose.MESSAGE_CHECK) != header.check:
        raise BadObject("a sealed message holds a key that its sender did not commit to")
    return Unsealed(_open_body(message.body, key), sender)


def _wrap(key: EnvelopeKey, recipients: Sequence[PublicIdentity], context: bytes) -> Wraps:
    publics = {object_hash(person.hpke): person.hpke for person in recipients}
    return tuple(
        (name, wrap(publics[name], Purpose.MESSAGE_WRAP, key.reveal(), context=context))
        for name in sorted(publics)
    )


def _seal_body(data: bytes, key: EnvelopeKey) -> bytes:
    padded, sealer = memoryview(pad_message(data)), Sealer(key, Purpose.MESSAGE_SEAL)
    last = (len(padded) - 1) // SEGMENT_SIZE
    return b"".join(
        sealer.seal(
            padded[position * SEGMENT_SIZE : (position + 1) * SEGMENT_SIZE],
            context=segment_context(position, last=position == last),
        )
        for position in range(last + 1)
    )


def _open_body(body: bytes, key: EnvelopeKey) -> bytes:
    sealed, sealer = memoryview(body), Sealer(key, Purpose.MESSAGE_SEAL)
    last = (len(sealed) - 1) // _SEALED_SEGMENT
    return unpad_message(
        b"".join(
            sealer.unseal(
                sealed[position * _SEALED_SEGMENT : (position + 1) * _SEALED_SEGMENT],
                context=segment_context(position, last=position == last),
            )
            for position in range(last + 1)
        )
    )
