"""What one person gives another, as text (format §12)."""

from __future__ import annotations

import base64
import textwrap

from e2esync.crypto.labels import Purpose
from e2esync.errors import BadObject, NewerFormat
from e2esync.format.card import CardFile
from e2esync.format.signed import SignedRecord
from e2esync.vault.identity import Identity, PublicIdentity
from e2esync.vault.records import open_record, sign_record

_FIRST_LINE = "e2esync card 1"
_ANY_VERSION = "e2esync card "
_LINE_LENGTH = 76


def export_card(identity: Identity, name: str) -> str:
    """Return the card file of an identity under a name, signed by the identity."""
    payload = CardFile(identity.public.record, name).encode()
    record, _ = sign_record(identity.signing, Purpose.CARD_FILE, payload)
    lines = textwrap.wrap(base64.b64encode(record).decode(), _LINE_LENGTH)
    return "\n".join([_FIRST_LINE, *lines]) + "\n"


def import_card(text: str) -> tuple[PublicIdentity, str]:
    """Return the person of a card file, and the name that this person goes by.

    That it holds together does not say who sent it: compare the safety number.

    Raises:
        BadObject: It is no card file, or damaged.
        NewerFormat: It is one of a newer format.
    """
    first, *lines = text.strip().splitlines() or [""]
    if first.strip() != _FIRST_LINE:
        if first.startswith(_ANY_VERSION):
            raise NewerFormat("this card was written by a newer e2esync")
        raise BadObject("this is not a card", why="a card file begins with the line 'e2esync card 1'")
    record = _decode_base64("".join(line.strip() for line in lines))
    claimed = CardFile.decode(SignedRecord.decode(record).payload)
    person = PublicIdentity.of_card(claimed.card)
    open_record(record, Purpose.CARD_FILE, signer=person.signing)
    return person, claimed.name


def _decode_base64(encoded: str) -> bytes:
    try:
        record = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise BadObject("a card file is damaged") from None
    if base64.b64encode(record).decode() != encoded:
        raise BadObject("a card file is damaged")
    return record
