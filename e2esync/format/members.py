"""Who may do what in a vault, and which key they hold (format §4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from e2esync.errors import NewerFormat
from e2esync.format import cbor, shape
from e2esync.format.points import Context, decode_points

KEY_SIZE = 32  # bytes
MOST_TIPS = 2  # records that one record may follow


class Role(IntEnum):
    """What a member may do."""

    OWNER = 0
    WRITER = 1
    READER = 2


@dataclass(frozen=True, slots=True)
class Member:
    """One member, with the epoch key wrapped to the member's card."""

    fingerprint: bytes
    card_number: int
    card: bytes  # hash
    role: Role
    wrap: bytes


def _decode_member(value: object) -> Member:
    fingerprint, card_number, card, role, wrap = shape.array(value, 5)
    if shape.integer(role) not in tuple(Role):
        raise NewerFormat("a member has a role of a newer format")
    return Member(
        fingerprint=shape.digest(fingerprint),
        card_number=shape.number(card_number),
        card=shape.digest(card),
        role=Role(role),
        wrap=shape.octets(wrap, KEY_SIZE + shape.WRAP_OVERHEAD),
    )


@dataclass(frozen=True, slots=True)
class Members:
    """A membership record."""

    vault: bytes
    number: int
    previous: tuple[bytes, ...]  # hashes: none for number 1, else one or two
    members: tuple[Member, ...]  # sorted by fingerprint
    epoch: bytes | None  # hash of the record that opened it; `None`: this record does
    epoch_check: bytes
    secret_check: bytes
    sealed: bytes
    cuts: Context  # in any order

    def encode(self) -> bytes:
        """Return the payload."""
        return cbor.encode(
            {
                1: cbor.VERSION,
                2: self.vault,
                3: self.number,
                4: self.previous,
                5: [[m.fingerprint, m.card_number, m.card, int(m.role), m.wrap] for m in self.members],
                6: self.epoch,
                7: [self.epoch_check, self.secret_check],
                8: self.sealed,
                9: self.cuts,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Return what a payload says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.fields(payload, 9)
        checks = shape.array(field[7], 2)
        record = cls(
            vault=shape.digest(field[2]),
            number=shape.number(field[3]),
            previous=shape.each(field[4], shape.digest),
            members=shape.each(field[5], _decode_member),
            epoch=shape.optional(field[6], shape.digest),
            epoch_check=shape.digest(checks[0]),
            secret_check=shape.digest(checks[1]),
            sealed=shape.octets(field[8]),
            cuts=decode_points(field[9]),
        )
        shape.ascending([member.fingerprint for member in record.members])
        follows = len(record.previous)
        shape.must(hold=follows == 0 if record.number == 1 else 1 <= follows <= MOST_TIPS)
        shape.must(hold=len(set(record.previous)) == follows)
        return record


@dataclass(frozen=True, slots=True)
class MembersSecrets:
    """What a membership record seals for its members (field 8)."""

    vault_secret: bytes
    older: tuple[tuple[bytes, bytes], ...]  # epoch and key, of the epochs directly before
    names: tuple[tuple[bytes, str], ...]  # fingerprint and name

    def encode(self) -> bytes:
        """Return the plaintext."""
        return cbor.encode({1: self.vault_secret, 2: self.older, 3: self.names})

    @classmethod
    def decode(cls, plaintext: bytes) -> Self:
        """Return what a plaintext says.

        Raises:
            BadObject: It is not as the format has it.
            NewerFormat: It is of a newer format.
        """
        field = shape.bare_fields(plaintext, 3)
        secrets = cls(
            vault_secret=shape.octets(field[1], KEY_SIZE),
            older=shape.each(field[2], _decode_older),
            names=shape.each(field[3], _decode_name),
        )
        shape.must(hold=len({epoch for epoch, _ in secrets.older}) == len(secrets.older))
        shape.must(hold=len({fingerprint for fingerprint, _ in secrets.names}) == len(secrets.names))
        return secrets


def _decode_older(value: object) -> tuple[bytes, bytes]:
    epoch, key = shape.array(value, 2)
    return shape.digest(epoch), shape.octets(key, KEY_SIZE)


def _decode_name(value: object) -> tuple[bytes, str]:
    fingerprint, name = shape.array(value, 2)
    return shape.digest(fingerprint), shape.text(name)
