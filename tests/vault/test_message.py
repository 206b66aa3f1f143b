"""Sealed messages and card files: from one person to others, outside any vault."""

import base64
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import e2esync
from e2esync.crypto.asymmetric import object_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EnvelopeKey, Sealer, derive
from e2esync.errors import BadObject, NewerFormat, UsageError
from e2esync.format.card import CardFile
from e2esync.format.padding import padme
from e2esync.format.sealedmessage import MessageHeader, SealedMessage, pad_message, segment_context
from e2esync.format.signed import SignedRecord
from e2esync.vault.cardfile import export_card, import_card
from e2esync.vault.message import seal, unseal
from tests.vault.people import ANN, BOB, EVE, flipped, resigned

MIB = 2**20
SEALED = seal(b"hello", [BOB.public], sender=ANN)


@pytest.mark.parametrize("size", [0, 1, 1000, MIB - 9, MIB - 8, MIB - 7, 2 * MIB, 3 * MIB + 5])
def test_what_was_sealed_comes_back_with_its_sender(size):
    opened = unseal(seal(b"x" * size, [BOB.public], sender=ANN), BOB)
    assert opened.data == b"x" * size
    assert opened.sender == ANN.public


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5000))
def test_anything_can_be_sealed(data):
    assert unseal(seal(data, [BOB.public], sender=ANN), BOB).data == data


def test_every_recipient_opens_it_and_nobody_else():
    sealed = seal(b"hello", [BOB.public, ANN.public, BOB.public], sender=ANN)
    assert unseal(sealed, BOB).data == unseal(sealed, ANN).data == b"hello"
    with pytest.raises(BadObject) as error:
        unseal(sealed, EVE)
    assert "not for you" in error.value.what


def test_the_sender_is_no_recipient_by_itself():
    with pytest.raises(BadObject):
        unseal(SEALED, ANN)


def test_a_message_for_nobody_is_refused():
    with pytest.raises(UsageError):
        seal(b"hello", [], sender=ANN)


def test_the_same_message_twice_looks_different():
    assert seal(b"hello", [BOB.public], sender=ANN)[-40:] != seal(b"hello", [BOB.public], sender=ANN)[-40:]


def test_the_length_tells_little():
    lengths = {len(seal(b"x" * size, [BOB.public], sender=ANN)) for size in range(4000, 4030)}
    assert len(lengths) <= 2


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_flipped_byte_is_refused(data):
    bad = flipped(SEALED, data.draw(st.integers(0, len(SEALED) - 1)), data.draw(st.integers(1, 255)))
    with pytest.raises((BadObject, NewerFormat)):
        unseal(bad, BOB)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(SEALED) - 1))
def test_a_cut_message_is_refused(size):
    with pytest.raises(BadObject):
        unseal(SEALED[:size], BOB)


def forged(*, body=None, key=None, sender=ANN, signer=None, purpose=Purpose.MESSAGE, context=None, **changes):
    """Return a message put together by hand, with one thing other than it should be."""
    key = key or EnvelopeKey.generate()
    body = sealed_body(key) if body is None else body
    about = sender.public.fingerprint + object_hash(body) if context is None else context
    wrapped = wrap(BOB.public.hpke, Purpose.MESSAGE_WRAP, key.reveal(), context=about)
    fields = {
        "card": sender.public.record,
        "wraps": ((object_hash(BOB.public.hpke), wrapped),),
        "check": derive(key, Purpose.MESSAGE_CHECK),
        "body_hash": object_hash(body),
    } | changes
    record = resigned(b"", (signer or sender).signing, purpose, MessageHeader(**fields).encode())
    return SealedMessage(record, body).encode()


def sealed_body(key, padded=None, *, position=0, last=True):
    padded = pad_message(b"hello") if padded is None else padded
    return Sealer(key, Purpose.MESSAGE_SEAL).seal(padded, context=segment_context(position, last=last))


K = EnvelopeKey.generate()
TWO = pad_message(b"x" * (MIB + 100_000))
SEGMENTS = [sealed_body(K, TWO[:MIB], last=False), sealed_body(K, TWO[MIB:], position=1)]
BAD = {
    "another signer": forged(signer=EVE),
    "another purpose": forged(purpose=Purpose.CARD_FILE),
    "another card": forged(card=EVE.public.record),
    "another check value": forged(check=bytes(32)),
    "another body hash": forged(body_hash=bytes(32)),
    "a wrap from another sender": forged(context=EVE.public.fingerprint + bytes(32)),
    "no last segment": forged(key=K, body=sealed_body(K, last=False)),
    "another position": forged(key=K, body=sealed_body(K, position=1)),
    "another key": forged(key=K, body=sealed_body(EnvelopeKey.generate())),
    "wrong padding": forged(key=K, body=sealed_body(K, pad_message(b"x" * 3001) + b"\0")),
    "padding that is not zero": forged(key=K, body=sealed_body(K, pad_message(b"x" * 3001)[:-1] + b"\1")),
    "no body": forged(key=K, body=b""),
    "segments swapped": forged(key=K, body=b"".join(reversed(SEGMENTS))),
    "the first segment alone": forged(key=K, body=SEGMENTS[0]),
    "a segment twice": forged(key=K, body=SEGMENTS[0] + SEGMENTS[0] + SEGMENTS[1]),
}


@pytest.mark.parametrize("good", [forged(), forged(key=K, body=b"".join(SEGMENTS))], ids=["one", "two"])
def test_the_forgery_without_a_fault_opens(good):
    assert unseal(good, BOB).sender == ANN.public


@pytest.mark.parametrize("sealed", BAD.values(), ids=BAD)
def test_a_message_with_one_fault_is_refused(sealed):
    with pytest.raises(BadObject):
        unseal(sealed, BOB)


def test_a_message_of_a_later_version_says_so():
    with pytest.raises(NewerFormat):
        unseal(b"e2esync sealed 2\n" + SEALED[17:], BOB)


def test_the_layout_is_that_of_the_format():
    message = SealedMessage.decode(SEALED)
    assert SEALED.startswith(b"e2esync sealed 1\n" + len(message.header).to_bytes(4, "big"))
    assert len(message.body) == padme(8 + 5) + 28


# --- card files

CARD = export_card(ANN, "Ann Ö.")


def test_a_card_file_gives_the_person_and_the_name():
    assert import_card(CARD) == (ANN.public, "Ann Ö.")


@pytest.mark.parametrize(
    "text",
    [CARD.replace("\n", "\r\n"), "\n\n" + CARD + "\n", CARD.replace("\n", "  \n"), CARD.rstrip("\n")],
    ids=["line ends", "empty lines", "trailing blanks", "no last line end"],
)
def test_what_mail_does_to_a_card_file_does_not_matter(text):
    assert import_card(text) == (ANN.public, "Ann Ö.")


def test_a_card_file_has_short_lines():
    first, *lines, last = CARD.splitlines()
    assert first == "e2esync card 1"
    assert {len(line) for line in lines} == {76}
    assert 0 < len(last) <= 76


def card_file(record):
    return "e2esync card 1\n" + base64.b64encode(record).decode()


GOOD_FILE = CardFile(ANN.public.record, "Ann").encode()
BAD_CARDS = {
    "empty": "",
    "something else": "hello",
    "no content": "e2esync card 1\n",
    "no base64": "e2esync card 1\n%%%%",
    "cut": CARD[:-60],
    "a line less": "\n".join(CARD.splitlines()[:-2]),
    "signed by another": card_file(resigned(b"", EVE.signing, Purpose.CARD_FILE, GOOD_FILE)),
    "signed for another purpose": card_file(resigned(b"", ANN.signing, Purpose.CARD, GOOD_FILE)),
    "another card": card_file(
        resigned(b"", ANN.signing, Purpose.CARD_FILE, CardFile(EVE.public.record, "Ann").encode())
    ),
    "a bad card": card_file(
        resigned(b"", ANN.signing, Purpose.CARD_FILE, CardFile(ANN.public.record + b"\0", "Ann").encode())
    ),
}


def test_the_card_file_without_a_fault_is_read():
    assert import_card(card_file(resigned(b"", ANN.signing, Purpose.CARD_FILE, GOOD_FILE))) == (
        ANN.public,
        "Ann",
    )


@pytest.mark.parametrize("text", BAD_CARDS.values(), ids=BAD_CARDS)
def test_a_bad_card_file_is_refused(text):
    with pytest.raises(BadObject):
        import_card(text)


def test_a_card_file_of_a_later_version_says_so():
    with pytest.raises(NewerFormat):
        import_card(CARD.replace("card 1", "card 2"))


def test_base64_has_one_form():
    record = SignedRecord.decode(base64.b64decode(CARD.split("\n", 1)[1])).encode()
    encoded = base64.b64encode(record + b"").decode()
    assert import_card("e2esync card 1\n" + encoded)
    if encoded.endswith("="):
        bits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        stem = encoded.rstrip("=")
        other = stem[:-1] + bits[bits.index(stem[-1]) + 1] + encoded[len(stem) :]
        with pytest.raises(BadObject):
            import_card("e2esync card 1\n" + other)


# --- the library's surface


def test_the_package_offers_what_it_names():
    for name in e2esync.__all__:
        assert getattr(e2esync, name) is not None
    assert set(e2esync.__all__) == set(dir(e2esync))
    assert e2esync.unseal(e2esync.seal(b"hi", [BOB.public], sender=ANN), BOB).data == b"hi"
    with pytest.raises(AttributeError):
        e2esync.nothing  # noqa: B018


def test_importing_the_package_loads_no_cryptography():
    heavy = "{'cryptography', 'blake3', 'cbor2', 'boto3', 'typing', 'e2esync.vault', 'e2esync.errors'}"
    code = (
        f"import sys; before = set(sys.modules); import e2esync; print({heavy} & (set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_what_was_unsealed_does_not_show_itself():
    assert "hello" not in repr(unseal(SEALED, BOB))
