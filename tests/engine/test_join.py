"""Joining from the words: whose vaults count, what is asked, and every moment at which it may be cut off."""

from __future__ import annotations

from contextlib import suppress

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.crypto import recovery
from e2esync.engine.forget import forget
from e2esync.engine.objects import read, read_all
from e2esync.errors import BadObject, IntegrityError, NoVault, UsageError
from e2esync.format import names
from e2esync.format.names import Kind
from tests.engine.people import Answers, Killed, device_in, entropy_of, join_up, killed_at, kinds, set_up


@pytest.fixture
def store(tmp_path):
    made = MemoryStore()
    set_up(made, tmp_path / "laptop", tmp_path / "Sync", tmp_path / "words")
    return made


@pytest.fixture
def entropy(tmp_path, store):
    return entropy_of(tmp_path / "words")


def keys_of(store, kind):
    return [
        info.key for info in store.list("") if (n := names.parse(info.key)) is not None and n.kind is kind
    ]


def test_from_the_words_alone_a_device_joins_the_vault_under_its_name(tmp_path, store, entropy):
    note, found = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert (note.name, found.candidate.store) == ("Sync", "s3://bucket/prefix")
    assert (tmp_path / "Copy" / ".e2esync" / "folder-id").read_bytes() == note.vault
    assert kinds(store).count(Kind.OWN_RECORD) == 2


def test_the_second_device_has_keys_of_its_own_and_the_same_identity(tmp_path, store, entropy):
    note, _ = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    laptop, desktop = device_in(tmp_path / "laptop"), device_in(tmp_path / "desktop")
    assert laptop.folders()[0].device != note.device
    one, other = laptop.kept_identity(), desktop.kept_identity()
    assert one is not None
    assert other is not None
    assert (one.identity.reveal(), one.objects) == (other.identity.reveal(), other.objects)


def test_the_name_of_the_user_comes_from_the_other_device(tmp_path, store, entropy):
    home = device_in(tmp_path / "desktop")
    home.set_user_name("")
    join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert device_in(tmp_path / "desktop").user_name == "Alice"


def test_an_empty_store_is_no_vault_and_stays_empty(tmp_path):
    empty = MemoryStore()
    with pytest.raises(NoVault):
        join_up(empty, tmp_path / "desktop", tmp_path / "Copy", recovery.generate())
    assert list(empty.list("")) == []
    assert not (tmp_path / "Copy").exists()


def test_a_store_of_somebody_else_is_no_vault_and_stays_as_it_is(tmp_path, store):
    before = {info.key: info.etag for info in store.list("")}
    with pytest.raises(NoVault):
        join_up(store, tmp_path / "stranger", tmp_path / "Copy", recovery.generate())
    assert {info.key: info.etag for info in store.list("")} == before


def test_a_vault_without_its_genesis_is_no_vault(tmp_path, store, entropy):
    store.delete(keys_of(store, Kind.GENESIS))
    with pytest.raises(NoVault):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)


def test_a_genesis_that_somebody_else_put_there_is_ignored(tmp_path, store, entropy):
    other = MemoryStore()
    set_up(other, tmp_path / "mallory", tmp_path / "M", tmp_path / "words-m")
    for key in keys_of(other, Kind.GENESIS) + keys_of(other, Kind.MEMBERS):
        store.put(key, other.get(key))
    note, _ = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert note.vault == device_in(tmp_path / "laptop").folders()[0].vault


def test_a_vault_of_which_every_own_record_is_hidden_is_found_by_its_genesis(tmp_path, store, entropy):
    store.delete(keys_of(store, Kind.OWN_RECORD))
    note, found = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert found.candidate.name == ""
    assert note.name == "Copy"


def test_a_damaged_own_record_is_an_integrity_error_and_leaves_nothing_here(tmp_path, store, entropy):
    (key,) = keys_of(store, Kind.OWN_RECORD)
    store.put(key, bytes(100))
    with pytest.raises(IntegrityError):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert not device_in(tmp_path / "desktop").has_keys


def test_a_damaged_card_is_an_integrity_error_and_leaves_nothing_here(tmp_path, store, entropy):
    (key,) = keys_of(store, Kind.CARD)
    content = store.get(key)
    store.put(key, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert not device_in(tmp_path / "desktop").has_keys


def test_a_damaged_membership_record_is_an_integrity_error(tmp_path, store, entropy):
    (key,) = keys_of(store, Kind.MEMBERS)
    content = store.get(key)
    store.put(key, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)


def test_of_several_vaults_the_person_chooses(tmp_path, store, entropy):
    second = set_up(store, tmp_path / "laptop", tmp_path / "Photos", print)
    answers = Answers(choice=0)
    note, _ = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy, answers=answers)
    assert answers.asked == ["which vault", "Photos"]
    assert note.vault == second.vault


@pytest.mark.parametrize("by", ["name", "id"])
def test_of_several_vaults_one_is_named_or_known_by_the_beginning_of_its_id(tmp_path, store, entropy, by):
    second = set_up(store, tmp_path / "laptop", tmp_path / "Photos", print)
    wanted = "Photos" if by == "name" else second.vault.hex()[:8]
    answers = Answers()
    note, _ = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy, vault=wanted, answers=answers)
    assert note.vault == second.vault
    assert "which vault" not in answers.asked


def test_a_vault_that_is_not_there_is_not_replaced_by_another(tmp_path, store, entropy):
    with pytest.raises(UsageError, match="no vault 'Work'"):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy, vault="Work")


def test_two_vaults_of_one_name_need_their_id(tmp_path, store, entropy):
    set_up(store, tmp_path / "laptop", tmp_path / "x" / "Sync", print)
    with pytest.raises(UsageError, match="several"):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy, vault="Sync")


def test_a_folder_that_is_not_empty_is_asked_about_before_anything_is_made(tmp_path, store, entropy):
    (tmp_path / "Copy").mkdir()
    (tmp_path / "Copy" / "mine.txt").write_text("mine")
    before = kinds(store)
    with pytest.raises(Killed):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy, answers=Answers(says_yes=False))
    assert kinds(store) == before
    assert not device_in(tmp_path / "desktop").has_keys
    assert [path.name for path in (tmp_path / "Copy").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 14))
def test_a_join_that_is_killed_at_any_step_finishes_when_it_is_run_again(
    tmp_path, store, entropy, step, after
):
    device_in(tmp_path / "desktop")
    with killed_at(step, after=after), suppress(Killed):
        join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    note, _ = join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy)
    assert device_in(tmp_path / "desktop").folders() == (note,)
    assert kinds(store).count(Kind.OWN_RECORD) == 2
    assert len(device_in(tmp_path / "desktop").devices()) == 1


def test_a_device_that_has_the_identity_needs_no_words(tmp_path, store, entropy):
    other = set_up(store, tmp_path / "laptop", tmp_path / "Photos", print)
    join_up(store, tmp_path / "desktop", tmp_path / "Copy", entropy, vault="Sync")
    note, _ = join_up(store, tmp_path / "desktop", tmp_path / "P", None, vault="Photos")
    assert note.vault == other.vault


def test_words_of_somebody_else_do_not_change_whose_device_it_is(tmp_path, store):
    with pytest.raises(UsageError, match="another identity"):
        join_up(store, tmp_path / "laptop", tmp_path / "Copy", recovery.generate())


def test_a_vault_has_one_folder_on_a_device(tmp_path, store, entropy):
    with pytest.raises(UsageError, match="on this device already"):
        join_up(store, tmp_path / "laptop", tmp_path / "Copy", entropy)


@pytest.mark.case(117)
def test_forgetting_leaves_files_and_store_and_a_later_join_is_possible(tmp_path, store, entropy):
    local = device_in(tmp_path / "laptop")
    (tmp_path / "Sync" / "kept.txt").write_text("kept")
    before = {info.key: info.etag for info in store.list("")}
    forget(local.folders()[0], local)
    assert {info.key: info.etag for info in store.list("")} == before
    assert (tmp_path / "Sync" / "kept.txt").read_text() == "kept"
    assert device_in(tmp_path / "laptop").folders() == ()
    join_up(store, tmp_path / "laptop", tmp_path / "Sync", None)


def test_after_a_head_was_written_a_new_join_writes_under_new_device_keys(tmp_path, store):
    local = device_in(tmp_path / "laptop")
    (note,) = local.folders()
    store.put(names.head(note.vault, note.device), b"whatever stands there: its sequence is not known here")
    forget(note, local)
    from e2esync.engine.join import ensure_device

    kept = local.kept_identity()
    assert kept is not None
    fresh = ensure_device(store, local, kept.identity, note.vault)
    assert fresh.id != note.device
    assert [device.id for device in device_in(tmp_path / "laptop").devices()] == [note.device, fresh.id]


def test_an_object_that_is_larger_than_its_kind_is_not_read_to_its_end(store):
    (key,) = keys_of(store, Kind.CARD)
    store.put(key, bytes(Kind.CARD.most_bytes + 1))
    with pytest.raises(BadObject, match="larger"):
        read(store, key)


def test_an_object_that_is_listed_and_gone_is_left_out(store):
    class Vanishing(MemoryStore):
        def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
            self.delete([key])
            return super().get(key, start=start, length=length)

    vanishing = Vanishing()
    for info in store.list(""):
        vanishing.put(info.key, store.get(info.key))
    assert read_all(vanishing, "people/", [Kind.CARD]) == {}
