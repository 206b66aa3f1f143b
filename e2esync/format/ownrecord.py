"""What a device keeps for its own identity, and the envelope around it (format §3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from e2esync.errors import BadObject, NewerFormat
from e2esync.format import cbor, shape
from e2esync.format.certificate import SignedCertificate
from e2esync.format.padding import padme
from e2esync.format.points import Context, RecordName, decode_points, decode_record_name
from e2esync.format.wraps import Wraps, decode_wraps

KEY_SIZE = 32  # bytes of the key that the envelope wraps
_LENGTH_SIZE = 4
_SEAL_OVERHEAD = 28


@dataclass(frozen=True, slots=True)
class VaultNote:
    """What a device remembers of one vault."""

    vault: bytes
    owner: bytes  # fingerprint
    name: str
    store: str  # address
    members: RecordName
    heads: Context  # newest accepted, of every device; in any order

    def parts(self) -> list[object]:
        """Return the array as it stands in the record."""
        return [self.vault, self.owner, self.name, self.store, self.members, self.heads]


def _decode_note(value: object) -> VaultNote:
    vault, owner, name, store, members, heads = shape.array(value, 6)
    return VaultNote(
        vault=shape.digest(vault),
        owner=shape.digest(owner),
        name=shape.text(name),
        store=shape.text(store),
        members=decode_record_name(members),
        heads=decode_points(heads),
    )


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """What a device remembers for its identity."""

    fingerprint: bytes
    device: bytes
    revision: int  # grows with each writing
    device_name: str
    user_name: str
    vaults: tuple[VaultNote, ...]

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.fingerprint,
                3: self.device,
                4: self.revision,
                5: self.device_name,
                6: self.user_name,
                7: [note.parts() for note in self.vaults],
                8: [],
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format; so are people in it.
        """
        field = shape.fields(payload, 8)
        if shape.array(field[8]):
            raise NewerFormat("an own record remembers people, which is a newer format")
        return cls(
            fingerprint=shape.digest(field[2]),
            device=shape.device(field[3]),
            revision=shape.integer(field[4]),
            device_name=shape.text(field[5]),
            user_name=shape.text(field[6]),
            vaults=shape.each(field[7], _decode_note),
        )


@dataclass(frozen=True, slots=True)
class OwnRecordBody:
    """The signed own record, before it is padded and sealed."""

    certificate: SignedCertificate
    payload: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Return the body."""
        return cbor.encode([self.certificate.parts(), self.payload, self.signature])

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return the parts, nothing verified.

        Raises:
            BadObject: It is no such body.
        """
        certificate, payload, signature = shape.array(cbor.decode_exact(body), 3)
        return cls(
            SignedCertificate.of_parts(certificate),
            shape.octets(payload),
            shape.octets(signature, shape.SIGNATURE_SIZE),
        )


@dataclass(frozen=True, slots=True)
class OwnRecordObject:
    """The object as it is stored."""

    wraps: Wraps
    sealed: bytes

    def encode(self) -> bytes:
        """Return the object."""
        return cbor.encode([self.wraps, self.sealed])

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Return the two parts.

        Raises:
            BadObject: It is no own record.
        """
        wraps, sealed = shape.array(cbor.decode_exact(content), 2)
        return cls(decode_wraps(wraps, KEY_SIZE), shape.octets(sealed))


def encode_wraps(wraps: Wraps) -> bytes:
    """Return the wraps as they stand in the aad of the sealed part."""
    return cbor.encode(wraps)


def pad_body(body: bytes, wraps: Wraps) -> bytes:
    """Return a padded body, so that the whole object has the padded length (format §1.3).

    The head of a CBOR byte string grows with its length: near a change of it, zeros are chosen so
    that the object is exactly as long as it has to be.
    """
    target = padme(_object_size(wraps, _LENGTH_SIZE + len(body)))
    padded = target - _object_size(wraps, 0)
    while _object_size(wraps, padded) > target:
        padded -= 1
    return len(body).to_bytes(_LENGTH_SIZE, "big") + body + bytes(padded - _LENGTH_SIZE - len(body))


def unpad_body(padded: bytes, wraps: Wraps) -> bytes:
    """Return the body.

    Raises:
        BadObject: Length or zeros are not as `pad_body` makes them.
    """
    end = _LENGTH_SIZE + int.from_bytes(padded[:_LENGTH_SIZE], "big")
    size = _object_size(wraps, len(padded))
    if len(padded) < end or size != padme(_object_size(wraps, end)) or any(padded[end:]):
        raise BadObject("an own record is not padded as it should be")
    return padded[_LENGTH_SIZE:end]


def _object_size(wraps: Wraps, padded: int) -> int:
    """Return how long the object is whose padded body has this length."""
    sealed = padded + _SEAL_OVERHEAD
    head = 1 if sealed < 24 else next(1 + width for width in (1, 2, 4, 8) if sealed < 1 << 8 * width)
    return 1 + len(encode_wraps(wraps)) + head + sealed
