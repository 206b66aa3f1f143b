"""The parsers of e2esync.vault: what is bent is signed and sealed as its writer would have done it.

So the changes reach what lies behind signature and seal, as those of a hostile member do. The keys are made anew
for each run; what is bent, and how, does not hang on them.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from e2esync.crypto import recovery
from e2esync.crypto.asymmetric import SigningKey, object_hash, record_hash, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EnvelopeKey, EpochKey, Sealer, derive
from e2esync.errors import Fork, MissingObject, NoAccess, NoVault
from e2esync.format import names
from e2esync.format.card import CardFile
from e2esync.format.certificate import Certificate, SignedCertificate
from e2esync.format.head import EpochFramed, HeadBody
from e2esync.format.index import decode_index, encode_index
from e2esync.format.members import Members
from e2esync.format.ownrecord import (
    OwnRecord,
    OwnRecordBody,
    OwnRecordObject,
    VaultNote,
    encode_wraps,
    pad_body,
)
from e2esync.format.padding import pad
from e2esync.format.prune import PruneMark
from e2esync.format.sealedmessage import MessageHeader, SealedMessage
from e2esync.format.signed import SignedRecord
from e2esync.vault.cardfile import export_card, import_card
from e2esync.vault.cipher import MAX_CHUNK, MAX_PAGE
from e2esync.vault.compression import Compressor
from e2esync.vault.device import verify_certificate
from e2esync.vault.faults import Proof, check_fault
from e2esync.vault.framed import Place
from e2esync.vault.heads import open_head, open_snapshot
from e2esync.vault.identity import Identity, PublicIdentity, open_identity
from e2esync.vault.indexes import LEAST, open_index
from e2esync.vault.keyring import open_keyring
from e2esync.vault.membership import Membership, open_genesis, owner_of
from e2esync.vault.message import _seal_body, seal, unseal
from e2esync.vault.ownrecord import open_own_record, seal_own_record
from e2esync.vault.prunemark import make_prune_mark, open_prune_mark
from e2esync.vault.trust import Trusted, TrustedHead
from tests.format.test_records import D1, D2, H1, H2
from tests.fuzz.bare import GROUPS
from tests.fuzz.target import STRICT, Errors, Target, text
from tests.vault.people import ANN, ANN_OBJECTS, BOB, DESK, ENTROPY, ID, LAPTOP, VAULT, Writer

ROOT, RECOVERY = recovery.root_key(ENTROPY), recovery.recovery_key(ENTROPY)
LACKING: Errors = (*STRICT, MissingObject)


def signed(key: SigningKey, purpose: Purpose, payload: bytes) -> bytes:
    """Return the record of a payload, whatever it is."""
    return SignedRecord(payload, key.sign(purpose, payload)).encode()


def payload_of(record: bytes) -> bytes:
    """Return what a record holds."""
    return SignedRecord.decode(record).payload


# --- people ---------------------------------------------------------------------------------------------


def card(payload: bytes) -> PublicIdentity:
    """Open a card that its root key signed."""
    return PublicIdentity.of_card(signed(ROOT, Purpose.CARD, payload))


def card_keys(payload: bytes) -> Identity:
    """Open card keys beside their card."""
    record = signed(ROOT, Purpose.CARD_KEYS, payload)
    name = names.card_keys(ANN.public.fingerprint, 1, record_hash(Purpose.CARD_KEYS, payload))
    return open_identity(ENTROPY, {ANN.public.key: ANN.public.record, name: record})


def card_file(payload: bytes) -> Any:
    """Import a card file that its owner signed."""
    lines = export_card(ANN, "Ann").splitlines()[:1]
    record = signed(ANN.signing, Purpose.CARD_FILE, payload)
    return import_card("\n".join([*lines, *_base64(record)]))


def _base64(record: bytes) -> list[str]:
    from base64 import b64encode

    return [b64encode(record).decode()]


def certificate(payload: bytes) -> Certificate:
    """Verify a certificate that both have signed."""
    by_identity = ANN.signing.sign(Purpose.DEVICE_CERTIFICATE, payload)
    by_device = LAPTOP.signing.sign(Purpose.DEVICE_ACCEPTANCE, payload)
    return verify_certificate(SignedCertificate(payload, by_identity, by_device), ANN.public)


CARD = payload_of(ANN.public.record)
KEYS = next(payload_of(content) for name, content in ANN_OBJECTS.items() if "/keys-" in name)
CERTIFICATE = SignedCertificate.decode(LAPTOP.certificate)
CARD_FILE = CardFile(ANN.public.record, "Ann").encode()

PEOPLE = [
    Target("card, signed", card, [CARD], ("vault.identity:PublicIdentity.of_card", "vault.records:open_record")),
    Target(
        "card keys, signed", card_keys, [KEYS], ("vault.identity:open_identity",),
        refuses=(*STRICT, NoVault, MissingObject, Fork),
    ),
    Target("card file", lambda data: import_card(text(data)), [
        export_card(ANN, "Ann").encode(), b"e2esync card 2\n", b"e2esync card 1\nAAAA",
    ], ("vault.cardfile:import_card",)),
    Target("card file, signed", card_file, [CARD_FILE], ("vault.cardfile:import_card",)),
    Target(
        "certificate, signed", certificate, [CERTIFICATE.payload], ("vault.device:verify_certificate",),
    ),
]  # fmt: skip

# --- a vault ----------------------------------------------------------------------------------------------

WRITER = Writer(LAPTOP)


def heads() -> list[bytes]:
    """Return what the first, the second and the 66th head say."""
    found = []
    for number in range(1, 67):
        content = WRITER.push()
        if number in {1, 2, 66}:
            _, record = Place(Purpose.HEAD_SEAL, ID, LAPTOP.id).unseal(
                content, VAULT.membership, VAULT.keyring
            )
            found.append(payload_of(record))
    return found


HEADS = heads()
SNAPSHOTS = [payload_of(HeadBody.decode(head).snapshot) for head in HEADS]


def head_object(content: bytes) -> Any:
    """Open a head as it is stored."""
    return open_head(
        content, LAPTOP.id.hex(), vault_id=ID, membership=VAULT.membership, keyring=VAULT.keyring
    )


def head(payload: bytes) -> Any:
    """Open a head that its device signed and sealed."""
    record = signed(LAPTOP.signing, Purpose.HEAD, payload)
    return head_object(Place(Purpose.HEAD_SEAL, ID, LAPTOP.id).seal(record, VAULT.keyring))


def snapshot_in_head(payload: bytes) -> Any:
    """Open a head whose snapshot is bent; the head names the hash of its context."""
    body = HeadBody.decode(HEADS[-1])
    record = signed(LAPTOP.signing, Purpose.SNAPSHOT, payload)
    bent = HeadBody(**{name: getattr(body, name) for name in HeadBody.__slots__} | {"snapshot": record})
    return head(bent.encode())


def snapshot(payload: bytes) -> Any:
    """Open a snapshot that its device signed."""
    record = signed(LAPTOP.signing, Purpose.SNAPSHOT, payload)
    return open_snapshot(record, signer=LAPTOP.signing.public, vault_id=ID, device=LAPTOP.id)


_ONE = signed(LAPTOP.signing, Purpose.SNAPSHOT, SNAPSHOTS[0])
_BODY = signed(LAPTOP.signing, Purpose.HEAD, HEADS[-1])
_OTHER = Writer(LAPTOP).pushed(Writer(DESK).pushed()).snapshot_record
PROOFS = [
    Proof((_ONE,), (), (bytes(32), bytes([1]) * 32), ((DESK.id, 1, bytes(32)),)).encode(),
    Proof((_ONE, _OTHER), (), ()).encode(),
    Proof((_OTHER,), (_BODY,), ()).encode(),
]


def fault(body: bytes) -> Any:
    """Look whether a proof shows a fault."""
    who = {"signer": LAPTOP.signing.public, "vault_id": ID, "device": LAPTOP.id}
    found = Proof.decode(body)
    check_fault(found, page_id=lambda page: page[:32], **who)
    return found


def sealed_in_head(body: bytes) -> Any:
    """Open what is sealed in the place of a head, whatever it is."""
    return head_object(Place(Purpose.HEAD_SEAL, ID, LAPTOP.id).seal(body, VAULT.keyring))


MARK = make_prune_mark(LAPTOP, VAULT.keyring, ID, packs=[H1, H2], since=5)
_, _MARK_RECORD = Place(Purpose.PRUNE_MARK_SEAL, ID, LAPTOP.id).unseal(MARK, VAULT.membership, VAULT.keyring)


def prune_mark(payload: bytes) -> PruneMark:
    """Open a prune mark that its device signed and sealed."""
    record = signed(LAPTOP.signing, Purpose.PRUNE_MARK, payload)
    return open_prune_mark(
        Place(Purpose.PRUNE_MARK_SEAL, ID, LAPTOP.id).seal(record, VAULT.keyring),
        LAPTOP.id.hex(), vault_id=ID, membership=VAULT.membership, keyring=VAULT.keyring,
    )  # fmt: skip


def genesis(payload: bytes) -> Any:
    """Open a genesis that its owner signed, under the name that it has then."""
    record = signed(ANN.signing, Purpose.GENESIS, payload)
    owner_of(record)
    vault = record_hash(Purpose.GENESIS, payload)
    return open_genesis(vault, record, {ANN.public.card_hash: ANN.public})


def members(payload: bytes) -> Any:
    """Load a vault of one membership record that its owner signed, and open its keys."""
    name = names.members(ID, 1, record_hash(Purpose.MEMBERS, payload))
    record = signed(ANN.signing, Purpose.MEMBERS, payload)
    return open_keyring(Membership.load(ID, VAULT.genesis, {name: record}, [ANN.public]), ANN)


MEMBERS = Members.decode(payload_of(VAULT.members))
EPOCH = VAULT.keyring.current_key
_SECRETS_CONTEXT = ID + (1).to_bytes(8, "big")
MEMBERS_SECRETS = Sealer(EPOCH, Purpose.MEMBERS_SEAL).unseal(MEMBERS.sealed, context=_SECRETS_CONTEXT)


def members_secrets(plaintext: bytes) -> Any:
    """Open the keys of a vault whose sealed part is bent."""
    sealed = Sealer(EPOCH, Purpose.MEMBERS_SEAL).seal(plaintext, context=_SECRETS_CONTEXT)
    bent = {name: getattr(MEMBERS, name) for name in Members.__slots__} | {"sealed": sealed}
    return members(Members(**bent).encode())


def index_object(content: bytes) -> Any:
    """Open an index as it is stored."""
    return tuple(open_index(content, object_hash(content), vault_id=ID, key_of=key_of))


def key_of(epoch: bytes) -> EpochKey:
    """Return the key of an epoch; every name is known, as the groups name some that are made up."""
    return EPOCH if len(epoch) == 32 else EpochKey(b"")


def index_body(body: bytes) -> Any:
    """Open an index with this body, sealed by a member."""
    padded = pad(body, overhead=60, least=LEAST)
    sealed = Sealer(EPOCH, Purpose.INDEX_SEAL).seal(padded, context=ID + VAULT.keyring.current)
    opened = index_object(EpochFramed(VAULT.keyring.current, sealed).encode())
    assert opened == tuple(decode_index(body))
    return opened


VAULTS = [
    Target("head, stored", head_object, [WRITER.push()], ("vault.heads:open_head",), refuses=LACKING, long=False),
    Target("head, signed", head, HEADS, ("vault.heads:open_head", "vault.framed:Place.unseal"), refuses=LACKING),
    Target("head, sealed", sealed_in_head, [signed(LAPTOP.signing, Purpose.HEAD, HEADS[0])], (), refuses=LACKING),
    Target("snapshot in a head, signed", snapshot_in_head, SNAPSHOTS[-1:], (), refuses=LACKING),
    Target("snapshot, signed", snapshot, SNAPSHOTS, ("vault.heads:open_snapshot",)),
    Target("proof", Proof.decode, PROOFS, ("vault.faults:Proof.decode",), encode=Proof.encode),
    Target("proof, believed", fault, PROOFS[1:], ()),
    Target(
        "prune mark, signed", prune_mark, [payload_of(_MARK_RECORD)], ("vault.prunemark:open_prune_mark",),
        refuses=LACKING,
    ),
    Target(
        "genesis, signed", genesis, [payload_of(VAULT.genesis)],
        ("vault.membership:open_genesis", "vault.membership:owner_of"), refuses=LACKING,
    ),
    Target(
        "members, signed", members, [payload_of(VAULT.members)],
        ("vault.membership:Membership.load", "vault.keyring:open_keyring"), refuses=(*LACKING, NoAccess, Fork),
    ),
    Target("members' secrets, sealed", members_secrets, [MEMBERS_SECRETS], (), refuses=LACKING),
    Target("index, sealed", index_body, [encode_index(GROUPS)], ("vault.indexes:open_index",)),
]  # fmt: skip

# --- own records and messages -------------------------------------------------------------------------------

NOTE = VaultNote(ID, ANN.public.fingerprint, "Sync", "s3://bucket", (1, H1), ((D1, 3, H1), (D2, 4, H2)))
OWN = seal_own_record(LAPTOP, ANN.public, revision=3, device_name="laptop", user_name="Ann", vaults=[NOTE])
OWN_PAYLOAD = OwnRecord(ANN.public.fingerprint, LAPTOP.id, 3, "laptop", "Ann", (NOTE,)).encode()
OWN_BODY = OwnRecordBody(
    CERTIFICATE, OWN_PAYLOAD, LAPTOP.signing.sign(Purpose.OWN_RECORD, OWN_PAYLOAD)
).encode()
ABOUT = ANN.public.fingerprint + LAPTOP.id
OWN_KEY = EnvelopeKey(b"\x11" * 32)
OWN_WRAPS = (
    (
        object_hash(ANN.hpke.public),
        wrap(ANN.hpke.public, Purpose.OWN_RECORD_WRAP, OWN_KEY.reveal(), context=ABOUT),
    ),
)


def own_record(content: bytes) -> OwnRecord:
    """Open an own record as it is stored."""
    return open_own_record(content, LAPTOP.id.hex(), identity=ANN.public, key=ANN.hpke)


def own_record_body(body: bytes) -> OwnRecord:
    """Open an own record of this body, sealed as anybody can who knows the public keys."""
    sealer = Sealer(OWN_KEY, Purpose.OWN_RECORD_SEAL)
    sealed = sealer.seal(pad_body(body, OWN_WRAPS), context=ABOUT + encode_wraps(OWN_WRAPS))
    return own_record(OwnRecordObject(OWN_WRAPS, sealed).encode())


def own_record_payload(payload: bytes) -> OwnRecord:
    """Open an own record of this payload, signed by the device."""
    signature = LAPTOP.signing.sign(Purpose.OWN_RECORD, payload)
    return own_record_body(OwnRecordBody(CERTIFICATE, payload, signature).encode())


MESSAGE = seal(b"dear Bob", [BOB.public], sender=ANN)
MESSAGE_KEY = EnvelopeKey(b"\x22" * 32)
MESSAGE_BODY = _seal_body(b"dear Bob", MESSAGE_KEY)
_MESSAGE_ABOUT = ANN.public.fingerprint + sha256(MESSAGE_BODY).digest()
HEADER = MessageHeader(
    ANN.public.record,
    ((
        object_hash(BOB.public.hpke),
        wrap(BOB.public.hpke, Purpose.MESSAGE_WRAP, MESSAGE_KEY.reveal(), context=_MESSAGE_ABOUT),
    ),),
    derive(MESSAGE_KEY, Purpose.MESSAGE_CHECK),
    sha256(MESSAGE_BODY).digest(),
).encode()  # fmt: skip


def message(payload: bytes) -> bytes:
    """Unseal a message whose header is signed by its sender."""
    return unseal(
        SealedMessage(signed(ANN.signing, Purpose.MESSAGE, payload), MESSAGE_BODY).encode(), BOB
    ).data


ENVELOPED = [
    Target("own record, stored", own_record, [OWN], ("vault.ownrecord:open_own_record",), long=False),
    Target("own record, sealed", own_record_body, [OWN_BODY], ("vault.ownrecord:open_own_record",)),
    Target("own record, signed", own_record_payload, [OWN_PAYLOAD], ("vault.ownrecord:open_own_record",)),
    Target("message, stored", lambda data: unseal(data, BOB).data, [MESSAGE], ("vault.message:unseal",)),
    Target("message, signed", message, [HEADER], ("vault.message:unseal",)),
]

# --- blobs, and what this device keeps ------------------------------------------------------------------------

COMPRESSOR = Compressor()
BODIES = [b"", b"x" * 100, b"abc" * 20_000, bytes(range(256)) * 4]


def blob(data: bytes) -> bytes:
    """Return the body of a page."""
    body = COMPRESSOR.decompress(data, size=None, most=MAX_PAGE)
    assert len(body) <= MAX_PAGE
    return body


def chunk(data: bytes) -> bytes:
    """Return a chunk whose reference says 1024 bytes."""
    body = COMPRESSOR.decompress(data, size=1024, most=MAX_CHUNK)
    assert len(body) == 1024
    return body


HELD = [
    Target(
        "blob", blob, [COMPRESSOR.compress(body) for body in BODIES],
        ("vault.compression:Compressor.decompress",), encode=COMPRESSOR.compress, exact=False,
    ),
    Target("chunk", chunk, [COMPRESSOR.compress(BODIES[3]), b"\x00" + BODIES[3]], (), long=False),
    Target(
        "Trusted", Trusted.decode, [
            Trusted({D1: TrustedHead(3, H1, 4, (1, H2)), D2: TrustedHead(1, H1, 0, None)}, (1, H1)).encode(),
            Trusted({}, None).encode(),
        ], ("vault.trust:Trusted.decode",), encode=Trusted.encode,
    ),
]  # fmt: skip

TARGETS = [*PEOPLE, *VAULTS, *ENVELOPED, *HELD]
