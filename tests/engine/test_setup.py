"""Setting up: what is there afterwards, what refuses, and every moment at which it may be cut off."""

from __future__ import annotations

import stat
from contextlib import suppress

import pytest

from e2esync.adapters.stores.memory import MemoryStore
from e2esync.engine.apart import check_apart
from e2esync.engine.notes import FolderNote, StoreAddress
from e2esync.engine.setup import fingerprint_of
from e2esync.errors import StoreUnavailable, UsageError, VaultExists
from e2esync.format import names
from e2esync.format.names import Kind
from tests.engine.people import Killed, device_in, entropy_of, join_up, killed_at, kinds, set_up

WHOLE = [Kind.CARD, Kind.CARD_KEYS, Kind.GENESIS, Kind.MEMBERS, Kind.OWN_RECORD]
STEPS = 24  # more than there are: what lies beyond runs through, and has to


def test_a_setup_leaves_five_objects_a_marked_folder_and_words_for_nobody_else(tmp_path):
    store = MemoryStore()
    note = set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    assert kinds(store) == WHOLE
    assert (tmp_path / "Sync" / ".e2esync" / "folder-id").read_bytes() == note.vault
    assert stat.S_IMODE((tmp_path / "words").stat().st_mode) == 0o600
    assert len((tmp_path / "words").read_text().split()) == 24


def test_nothing_that_a_setup_leaves_on_the_device_holds_the_words_or_their_entropy(tmp_path):
    set_up(MemoryStore(), tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    entropy = entropy_of(tmp_path / "words").reveal()
    words = (tmp_path / "words").read_text().split()
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert entropy not in content
            assert b" ".join(word.encode() for word in words[:3]) not in content


def test_every_file_of_the_home_is_closed_to_others(tmp_path):
    set_up(MemoryStore(), tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    open_files = [p for p in (tmp_path / "home").rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert open_files == []


def test_the_genesis_is_stored_last(tmp_path):
    class Recording(MemoryStore):
        def __init__(self):
            super().__init__()
            self.order = []

        def put(self, key: str, body: bytes) -> str:
            name = names.parse(key)
            assert name is not None
            self.order.append(name.kind)
            return super().put(key, body)

    store = Recording()
    set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    assert store.order == [Kind.CARD, Kind.CARD_KEYS, Kind.MEMBERS, Kind.OWN_RECORD, Kind.GENESIS]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_setup_that_is_killed_at_any_step_finishes_when_it_is_run_again(tmp_path, step, after):
    store, words = MemoryStore(), tmp_path / "words"
    device_in(tmp_path / "home")
    with killed_at(step, after=after), suppress(Killed):
        set_up(store, tmp_path / "home", tmp_path / "Sync", words)
    if not device_in(tmp_path / "home").folders():
        set_up(store, tmp_path / "home", tmp_path / "Sync", words)
    assert kinds(store) == WHOLE
    (note,) = device_in(tmp_path / "home").folders()
    assert (tmp_path / "Sync" / ".e2esync" / "folder-id").read_bytes() == note.vault
    joined, _ = join_up(store, tmp_path / "other", tmp_path / "Copy", entropy_of(words))
    assert joined.vault == note.vault


def test_the_steps_that_are_killed_are_all_there_are(tmp_path):
    device_in(tmp_path / "home")
    with killed_at(10_000, after=False) as done:
        set_up(MemoryStore(), tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    assert done.count("put") == 5
    assert done.count("_write") == 2
    assert len(done) < STEPS


@pytest.mark.parametrize("call", range(1, 8))
def test_a_setup_at_a_store_that_fails_once_finishes_when_it_is_run_again(tmp_path, call):
    class Flaky(MemoryStore):
        calls = 0

        def _count(self) -> None:
            self.calls += 1
            if self.calls == call:
                raise StoreUnavailable("the store does not answer")

        def put(self, key: str, body: bytes) -> str:
            self._count()
            return super().put(key, body)

        def list(self, prefix: str):
            self._count()
            return super().list(prefix)

    store = Flaky()
    with pytest.raises(StoreUnavailable):
        set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    assert kinds(store) == WHOLE


def test_an_empty_file_left_by_a_power_cut_is_written_again(tmp_path):
    store, words = MemoryStore(), tmp_path / "words"
    device_in(tmp_path / "home")
    with killed_at(2, after=False) as done, pytest.raises(Killed):
        set_up(store, tmp_path / "home", tmp_path / "Sync", words)
    assert done[-1] == "create"
    words.touch()
    set_up(store, tmp_path / "home", tmp_path / "Sync", words)
    assert len(words.read_text().split()) == 24


def test_a_recovery_file_that_exists_is_never_written_over(tmp_path):
    (tmp_path / "words").write_text("my diary")
    with pytest.raises(UsageError, match="exists already"):
        set_up(MemoryStore(), tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    assert (tmp_path / "words").read_text() == "my diary"


def test_a_recovery_file_is_refused_where_an_identity_exists(tmp_path):
    store = MemoryStore()
    set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    with pytest.raises(UsageError, match="identity already"):
        set_up(store, tmp_path / "home", tmp_path / "More", tmp_path / "new-words")
    assert not (tmp_path / "new-words").exists()


def test_words_that_were_not_confirmed_leave_no_identity(tmp_path):
    def refuse(_words):
        raise UsageError("not typed back")

    with pytest.raises(UsageError):
        set_up(MemoryStore(), tmp_path / "home", tmp_path / "Sync", refuse)
    assert device_in(tmp_path / "home").kept_identity() is None


def test_words_shown_on_a_terminal_are_those_of_the_identity(tmp_path):
    shown: list = []
    set_up(MemoryStore(), tmp_path / "home", tmp_path / "Sync", shown.append)
    (tmp_path / "typed").write_text(" ".join(shown[0]))
    kept = device_in(tmp_path / "home").kept_identity()
    assert kept is not None
    assert fingerprint_of(entropy_of(tmp_path / "typed")) == kept.identity.public.fingerprint


def test_a_further_vault_of_the_same_identity_goes_into_the_same_store(tmp_path):
    store = MemoryStore()
    first = set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    second = set_up(store, tmp_path / "home", tmp_path / "Photos", print)
    assert first.vault != second.vault
    assert kinds(store).count(Kind.CARD) == 1
    assert kinds(store).count(Kind.OWN_RECORD) == 1


def test_a_store_with_a_vault_of_somebody_else_is_refused(tmp_path):
    store = MemoryStore()
    set_up(store, tmp_path / "alice", tmp_path / "A", tmp_path / "words-a")
    before = kinds(store)
    with pytest.raises(VaultExists, match="did you mean `join`"):
        set_up(store, tmp_path / "bob", tmp_path / "B", tmp_path / "words-b")
    assert kinds(store) == before
    assert not (tmp_path / "words-b").exists()


@pytest.mark.parametrize("kind", [Kind.CARD, Kind.GENESIS, Kind.MEMBERS])
def test_a_store_with_any_object_of_somebody_else_is_refused(tmp_path, kind):
    full, store = MemoryStore(), MemoryStore()
    set_up(full, tmp_path / "alice", tmp_path / "A", tmp_path / "words-a")
    for info in full.list(""):
        name = names.parse(info.key)
        if name is not None and name.kind is kind:
            store.put(info.key, full.get(info.key))
    with pytest.raises(VaultExists):
        set_up(store, tmp_path / "bob", tmp_path / "B", tmp_path / "words-b")


def test_what_is_not_ours_in_a_store_does_not_matter(tmp_path):
    store = MemoryStore()
    store.put("holiday/beach.jpg", b"\xff\xd8")
    set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")


def test_a_device_that_joined_may_set_up_a_further_vault_there(tmp_path):
    store = MemoryStore()
    set_up(store, tmp_path / "home", tmp_path / "Sync", tmp_path / "words")
    join_up(store, tmp_path / "other", tmp_path / "Copy", entropy_of(tmp_path / "words"))
    again = set_up(store, tmp_path / "other", tmp_path / "More", print)  # its identity is here now
    assert kinds(store).count(Kind.GENESIS) == 2
    assert again.device in {device.id for device in device_in(tmp_path / "other").devices()}


NOTE = FolderNote(bytes(32), "Sync", None, StoreAddress("s3://b"), bytes(16))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("folder", "store", "others", "ours"),
    [
        ("a/b", "a", [], []),
        ("a", "a/b", [], []),
        ("a", "a", [], []),
        ("a", None, ["a"], []),
        ("a/b", None, ["a"], []),
        ("a", None, ["a/b"], []),
        ("a", None, [], ["a/home"]),
        ("a", None, [], ["a"]),
    ],
)
@pytest.mark.case(89)
def test_a_folder_in_the_way_of_something_is_refused(tmp_path, folder, store, others, ours):
    from dataclasses import replace

    with pytest.raises(UsageError):
        check_apart(
            tmp_path / folder,
            tmp_path / store if store else None,
            folders=[replace(NOTE, path=tmp_path / other) for other in others],
            ours=[tmp_path / path for path in ours],
        )


def test_neighbours_are_in_nobodys_way(tmp_path):
    check_apart(tmp_path / "ab", tmp_path / "a", folders=[], ours=[tmp_path / "abc", tmp_path])
