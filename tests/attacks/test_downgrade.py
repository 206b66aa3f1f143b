"""Rows D1 to D3: other versions, other configurations, and fields that this version does not know."""

from __future__ import annotations

import base64
import re
import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from e2esync.adapters import keystore
from e2esync.adapters.keystore import FILE_NAME, create_keystore, open_keystore
from e2esync.crypto import labels, passphrase
from e2esync.crypto.asymmetric import HpkeKey, SigningKey, verify, wrap
from e2esync.crypto.labels import Purpose
from e2esync.crypto.secrets import EpochKey, Identifier, Sealer
from e2esync.engine.fetch import TRUSTED
from e2esync.engine.notes import Dedup, FolderNote, KeptMembership, Plan, PromisedWords, StoreAddress
from e2esync.engine.verify import verify as verify_vault
from e2esync.errors import BadObject, NewerFormat, UsageError
from e2esync.format import cbor, names
from e2esync.format.ownrecord import VaultNote
from e2esync.format.retired import Retired
from e2esync.format.sealedmessage import MAGIC, SealedMessage
from e2esync.vault import cardfile, message
from e2esync.vault.identity import Identity
from e2esync.vault.membership import open_genesis
from e2esync.vault.records import sign_record
from e2esync.vault.trust import NOTHING, Trusted
from e2esync.wiring import config, records
from tests.attacks import forge_lenient  # noqa: F401 - adds defences that can be switched off
from tests.attacks.arena import Arena, AttackSucceeded, det, noch, row
from tests.attacks.arena_defences import Patch
from tests.attacks.forge_keys import Mallory, kind_of, noted, show
from tests.attacks.forge_versions import KINDS, Editor, changed, version, with_field

VERSIONS = [0, 2, 255]
EXIT_CODE = 8


def editor(arena: Arena) -> Editor:
    laptop, _desk = arena.pair()
    noted(arena.world, laptop)
    arena.edit(laptop)
    laptop.push()
    return Editor(arena, laptop)


def newer(arena: Arena) -> None:
    error = arena.newcomer_refuses(NewerFormat)
    assert error.exit_code == EXIT_CODE
    arena.store.honest()


# --- D1: another version ------------------------------------------------------------------------------


@row("D1", shows=["G11"], weaknesses=["versions"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_another_version_is_refused_as_such_whoever_signed_it(arena, kind):
    edit = editor(arena)
    for number in VERSIONS:
        show(arena.store, KINDS[kind](edit, version(number)))
        newer(arena)


@pytest.mark.row("D1")
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_is_signed_again_unchanged_is_taken(arena, kind):
    edit = editor(arena)
    if kind in {"card", "card keys", "membership record"}:
        same = KINDS[kind](edit, dict)
        assert all(arena.store.body(key) == body for key, body in same.items() if body is not None)
        return  # Ed25519 signs the same in the same way: nothing has changed
    show(arena.store, KINDS[kind](edit, lambda said: said))
    arena.pulls(arena.newcomer())


@row("D1", shows=["G11"], weaknesses=["versions"])
def test_a_genesis_of_another_version_is_refused_as_such(arena):
    ann = arena.world.keys.identity
    genesis = arena.store.body(names.genesis(arena.world.keys.vault_id))
    for number in VERSIONS:
        made = changed(genesis, ann.signing, Purpose.GENESIS, version(number))
        det(partial(open_genesis, made.hash, made.record, {ann.public.card_hash: ann.public}), NewerFormat)


@row("D1", shows=["G11"], weaknesses=["version in labels"])
def test_what_was_sealed_signed_wrapped_or_named_for_another_version_does_not_count():
    product, key, signing, hpke = labels.label, EpochKey.generate(), SigningKey.generate(), HpkeKey.generate()
    older = Patch("e2esync.crypto.labels", "label", lambda _: lambda of: product(of).replace(b"/1", b"/0"))
    with older.applied():
        sealed = Sealer(key, Purpose.HEAD_SEAL).seal(b"head", context=b"")
        signature = signing.sign(Purpose.HEAD, b"head")
        wrapped = wrap(hpke.public, Purpose.EPOCH_WRAP, bytes(32), context=b"")
        named = Identifier(key, Purpose.PAGE_ID).of(b"page")
    det(lambda: Sealer(key, Purpose.HEAD_SEAL).unseal(sealed, context=b""))
    det(lambda: verify(signing.public, Purpose.HEAD, b"head", signature))
    det(lambda: hpke.unwrap(Purpose.EPOCH_WRAP, wrapped, context=b""))
    if Identifier(key, Purpose.PAGE_ID).of(b"page") == named:
        raise AttackSucceeded("a page of another version has the name that it has in ours")


# --- D1: outside of vaults, and on this device ----------------------------------------------------------

ANN = Identity.generate()
"""A person of no world."""
NOTE = FolderNote(bytes(32), "Sync", Path("/sync"), StoreAddress("s3://bucket/"), bytes(16), Dedup.VAULT)


def opens_message(number: int, _home: Path) -> None:
    sealed = SealedMessage.decode(message.seal(b"text", [ANN.public], sender=ANN))
    header, _ = changed(sealed.header, ANN.signing, Purpose.MESSAGE, version(number))
    message.unseal(SealedMessage(header, sealed.body).encode(), ANN)


def opens_message_of_another_kind(number: int, _home: Path) -> None:
    sealed = message.seal(b"text", [ANN.public], sender=ANN)
    message.unseal(b"e2esync sealed %d\n" % number + sealed.removeprefix(MAGIC), ANN)


def reads_card_file(number: int, _home: Path) -> None:
    text = cardfile.export_card(ANN, "Ann")
    record = base64.b64decode("".join(text.splitlines()[1:]))
    again, _ = changed(record, ANN.signing, Purpose.CARD_FILE, version(number))
    cardfile.import_card("e2esync card 1\n" + "\n".join(textwrap.wrap(base64.b64encode(again).decode(), 76)))


def reads_card_file_of_another_kind(number: int, _home: Path) -> None:
    cardfile.import_card(cardfile.export_card(ANN, "Ann").replace("card 1", f"card {number}", 1))


def loads_keys(number: int, home: Path) -> None:
    create_keystore(home, keystore.Kind.FILE).save({"identity": ANN.reveal()})
    content = (home / FILE_NAME).read_bytes().replace(b"keys 1 ", b"keys %d " % number, 1)
    (home / FILE_NAME).write_bytes(content)
    open_keystore(home).load()


def loads_secrets(number: int, home: Path) -> None:
    create_keystore(home, keystore.Kind.FILE).save({"identity": ANN.reveal()})
    line, _, body = (home / FILE_NAME).read_bytes().partition(b"\n")
    said = version(number)(cbor.decode_exact(body))
    (home / FILE_NAME).write_bytes(line + b"\n" + cbor.encode(said))
    open_keystore(home).load()


def opens_passphrase(number: int, _home: Path) -> None:
    sealed = bytes([number]) + bytes(13) + bytes(16 + 12 + 16)
    passphrase.unseal("correct horse", sealed, context=b"")


def reads_trust(number: int, _home: Path) -> None:
    Trusted.decode(cbor.encode(version(number)(cbor.decode_exact(NOTHING.encode()))))


def reads_membership(number: int, home: Path) -> None:
    kept = records.encode_membership(KeptMembership(b"genesis", {"key": b"record"}, (b"card",)))
    records.decode_membership(cbor.encode([number, *cbor.decode_exact(kept)[1:]]), home)


def reads_plan(number: int, home: Path) -> None:
    plan = records.encode_plan(Plan(NOTE, KeptMembership(b"genesis", {"key": b"record"}, (b"card",)), ()))
    records.decode_plan(cbor.encode([number, *cbor.decode_exact(plan)[1:]]), home)


def reads_promise(number: int, home: Path) -> None:
    promise = records.encode_promise(PromisedWords(home, bytes(32)))
    records.decode_promise(cbor.encode([number, *cbor.decode_exact(promise)[1:]]), home)


def reads_configuration(number: int, home: Path) -> None:
    file = home / "config.toml"
    config.save(file, config.Config("laptop", "Ann", (NOTE,)))
    file.write_text(re.sub(r"version = \d+", f"version = {number}", file.read_text(), count=1))
    config.load(file)


STAMPS = [
    opens_message_of_another_kind,
    reads_card_file_of_another_kind,
    loads_keys,
    opens_passphrase,
    reads_configuration,
]
"""What names its version before anything else; these are no maps of the format."""

MAPS = [
    opens_message,
    reads_card_file,
    loads_secrets,
    reads_trust,
    reads_membership,
    reads_plan,
    reads_promise,
]


@row("D1", shows=["G11"], weaknesses=["versions"])
@pytest.mark.parametrize("read", MAPS, ids=lambda read: read.__name__)
def test_what_lies_on_this_device_or_comes_by_hand_is_refused_in_another_version(tmp_path, read):
    read(1, tmp_path)
    for number in VERSIONS:
        error = det(partial(read, number, tmp_path), NewerFormat)
        assert error.exit_code == EXIT_CODE


@row("D1", shows=["G11"], weaknesses=["stamps"])
@pytest.mark.parametrize("read", STAMPS, ids=lambda read: read.__name__)
def test_a_file_whose_first_bytes_name_another_version_is_refused(tmp_path, read):
    for number in VERSIONS:
        kinds = (NewerFormat, UsageError) if number == 0 else (NewerFormat,)  # a configuration of 0 never was
        det(partial(read, number, tmp_path), *kinds)


@row("D1", shows=["G11"], weaknesses=["versions"])
def test_trust_that_a_newer_version_has_kept_stops_this_one_and_changes_nothing(arena):
    laptop, desk = arena.pair()
    arena.edit(laptop)
    laptop.push()
    kept = desk.vault.state.get(TRUSTED)
    said = version(2)(cbor.decode_exact(kept))
    desk.vault.state.set(TRUSTED, cbor.encode(said))
    with noch(desk):
        det(desk.pull, NewerFormat)
    assert desk.vault.state.get(TRUSTED) == cbor.encode(said)


# --- D2: configuration from the store ---------------------------------------------------------------------


@row("D2", shows=["G2"], weaknesses=["signatures"])
@pytest.mark.parametrize("field", ["vault", "owner", "name", "store", "members", "heads"])
def test_what_the_store_says_of_vaults_counts_only_as_a_device_has_signed_it(arena, tmp_path, field):
    """An own record is all the configuration that a store holds: name, address, and what was seen last."""
    arena.pair()
    ann, mallory = arena.world.keys.identity.public, Mallory(tmp_path / "mallory")
    said = {"vault": arena.world.keys.vault_id, "owner": ann.fingerprint, "name": "Sync", "store": "memory:"}
    true = VaultNote(**said, members=arena.world.keys.keyring.tip, heads=())
    other: dict[str, Any] = {
        "name": "x",
        "store": "s3://mallory/",
        "members": (9, bytes(32)),
        "heads": ((bytes(16), 9, bytes(32)),),
    }
    try:
        show(arena.store, mallory.own_record(ann, replace(true, **{field: other.get(field, bytes(32))})))
        arena.newcomer_refuses(BadObject)  # not an alarm: what she says has not been believed
    finally:
        mallory.close()


@row("D2", shows=["G2"], weaknesses=["ignored configuration"])
def test_a_device_reads_nothing_but_objects_that_are_signed_or_sealed(arena):
    laptop, _desk = arena.pair()
    noted(arena.world, laptop)
    arena.pulls(arena.newcomer())
    read = [request.key for request in arena.store.requests if request.verb == "GET"]
    assert read
    for key in read:
        if kind_of(key) is None:
            raise AttackSucceeded(f"{key} is read, and nobody signs it")


# --- D3: fields that we do not know ---------------------------------------------------------------------------


@row("D3", shows=["G11"], weaknesses=["versions"])
@pytest.mark.parametrize(
    "kind", [*(kind for kind in KINDS if kind != "index"), "secrets of a membership record"]
)
def test_a_record_with_a_field_that_this_version_does_not_know_is_refused_as_newer(arena, kind):
    edit = editor(arena)
    make = KINDS.get(kind, Editor.member_secrets)
    for key in (0, 99):
        show(arena.store, make(edit, with_field(key)))
        newer(arena)


@row("D3", shows=["G2"], weaknesses=["complete records"])
@pytest.mark.parametrize("kind", ["own record", "head"])
def test_a_record_without_one_of_its_fields_is_refused(arena, kind):
    edit = editor(arena)
    show(arena.store, KINDS[kind](edit, lambda said: {key: said[key] for key in sorted(said)[:-1]}))
    arena.newcomer_refuses()


@row("D3", shows=["G11"], weaknesses=["retired devices"])
def test_a_record_of_a_removed_device_stops_a_version_that_has_no_rule_for_it(arena):
    laptop, desk = arena.pair()
    ann = arena.world.keys.identity
    payload = Retired(ann.public.fingerprint, 1, desk.device.id, ()).encode()
    record, _ = sign_record(ann.signing, Purpose.RETIRED, payload)
    arena.store.put(names.retired(ann.public.fingerprint, desk.device.id), record)
    with noch(laptop):
        det(lambda: verify_vault(laptop.vault, ann, deep=False), NewerFormat)
