"""One folder that is kept: what is told of goes to the store, what fails is said and tried again."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from concurrent.futures import Future

import pytest

from e2esync.daemon.ports import Order
from e2esync.daemon.standing import State, sentence
from e2esync.daemon.turn import Turn
from e2esync.engine.vault import silent
from e2esync.errors import Busy, E2ESyncError, Locked, SafetyStop, StoreUnavailable
from tests.daemon.ground import DEADLINE


def order(watched, command="sync", *, dry_run=False, accepted=()):
    done: Future = Future()
    watched.keeper.order(Order(command, dry_run, frozenset(accepted), silent, done))
    return done.result(DEADLINE)


def is_up_to_date(standing):
    return standing.state is State.UP_TO_DATE and standing.survey.last_sync is not None


def test_what_is_told_of_is_published(world, watched):
    laptop, desk = watched(), world.device("desk")
    laptop.wait(is_up_to_date)
    (laptop.ground.dev.root / "a").write_bytes(b"a")
    laptop.keeper.touched(b"a")
    laptop.wait(lambda standing: standing.survey.files == 1)
    desk.pull()
    assert (desk.root / "a").read_bytes() == b"a"


def test_what_others_publish_comes(world, watched):
    laptop, desk = watched(poll=0.01), world.device("desk")
    (desk.root / "a").write_bytes(b"a")
    desk.push()
    laptop.wait(lambda standing: standing.survey.files == 1)
    assert (laptop.ground.dev.root / "a").read_bytes() == b"a"


@pytest.mark.case(78)
def test_what_is_as_it_was_asks_the_store_for_nothing(watched):
    def one_file(dev):
        (dev.root / "a").write_bytes(b"a")
        dev.clock.advance(1)  # else it is read again: it changed within the tick in which it was seen
        dev.push()

    laptop = watched(prepare=one_file)
    laptop.wait_rounds(1)
    before = laptop.ground.traffic()
    laptop.keeper.touched(b"a")
    laptop.keeper.touched(b"not/there")
    laptop.wait_rounds(2)
    assert laptop.ground.traffic() == before


@pytest.mark.case(73)
def test_events_that_were_lost_make_it_look_at_everything(watched):
    laptop = watched()
    laptop.wait_rounds(1)
    (laptop.ground.dev.root / "a").write_bytes(b"nobody told of it")
    laptop.keeper.lost("too many")
    laptop.wait(lambda standing: standing.survey.files == 1)


@pytest.mark.case(74, 75)
def test_where_nobody_tells_everything_is_looked_at_by_the_clock(watched, monkeypatch):
    monkeypatch.setattr("e2esync.daemon.schedule.BY_CLOCK", 0.01)
    monkeypatch.setattr("e2esync.daemon.schedule.BUDGET", 0)
    laptop = watched()
    laptop.wait_rounds(1)
    laptop.ground.watches[-1].is_live = False
    laptop.ground.watches[-1].trouble = "no events come"
    laptop.keeper.lost("no events come")
    laptop.wait(lambda standing: standing.watch is None and len(laptop.ground.watches) > 1)
    assert laptop.ground.watches[0].is_stopped


def test_what_was_watched_while_the_folder_was_another_is_watched_anew(watched, tmp_path):
    def takes_away(dev):
        (dev.root / ".e2esync").rename(tmp_path / "marker")

    laptop = watched(prepare=takes_away, poll=0.01)
    laptop.wait(lambda standing: standing.state is State.NEEDS_YOU)
    (tmp_path / "marker").rename(laptop.ground.dev.root / ".e2esync")
    laptop.wait(is_up_to_date)
    assert all(watch.is_stopped for watch in laptop.ground.watches[:-1])
    assert len(laptop.ground.watches) > 1
    assert not laptop.ground.watches[-1].is_stopped


def test_a_keeper_that_is_paused_lets_go_of_its_folder(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.pause()
    end = time.monotonic() + DEADLINE
    while laptop.ground.is_open:
        assert time.monotonic() < end
    laptop.keeper.resume()
    laptop.wait_rounds(2)
    assert laptop.ground.is_open


def test_story_15_locked_keys_leave_a_keeper_that_waits_says_so_and_goes_on(watched):
    locked = Locked("the keyring is locked", why="nobody has logged in")
    laptop = watched(errors=[locked, locked], poll=0.01)
    laptop.wait(is_up_to_date)
    said = [each for each in laptop.seen if each.state is State.LOCKED]
    assert said
    assert "the keyring is locked" in sentence(said)


def test_without_the_store_it_is_offline_and_goes_on_when_that_is_back(watched):
    laptop = watched(poll=0.01)
    laptop.wait(is_up_to_date)
    store = laptop.ground.counting._store
    laptop.ground.counting._store = Away()
    standing = laptop.wait(lambda one: one.state is State.OFFLINE)
    assert standing.needs == ()
    since = standing.trouble.since
    laptop.keeper.touched(b"anything")
    assert laptop.keeper.standing.trouble.since == since
    laptop.ground.counting._store = store
    laptop.wait(is_up_to_date)


class Away:
    """A store that does not answer."""

    def __getattr__(self, name: str):
        raise StoreUnavailable("nobody answers")


def test_a_missing_folder_needs_you_and_nothing_goes(world, watched):
    def one_file(dev):
        (dev.root / "a").write_bytes(b"a")
        dev.push()

    laptop = watched(prepare=one_file, poll=0.01)
    laptop.wait(is_up_to_date)
    root = laptop.ground.dev.root
    root.rename(root.with_name("away"))
    laptop.ground.errors += [SafetyStop("the folder is missing")] * 3
    laptop.keeper.lost("the root is gone")
    laptop.wait(lambda one: one.state is State.NEEDS_YOU)
    root.with_name("away").rename(root)
    laptop.wait(is_up_to_date)
    desk = world.device("desk")
    desk.pull()
    assert (desk.root / "a").read_bytes() == b"a"


def test_most_files_gone_needs_you_until_somebody_says_that_it_is_meant(world, watched):
    def many(dev):
        for number in range(40):
            (dev.root / str(number)).write_bytes(b"%d" % number)
        dev.push()

    laptop = watched(prepare=many)
    laptop.wait(is_up_to_date)
    laptop.keeper.pause()
    for number in range(35):
        (laptop.ground.dev.root / str(number)).unlink()
        laptop.keeper.touched(b"%d" % number)
    laptop.keeper.resume()
    standing = laptop.wait(lambda one: one.state is State.NEEDS_YOU)
    assert "--accept-risk mass-delete" in standing.needs[0].fix
    desk = world.device("desk")
    desk.pull()
    assert len(list(desk.root.glob("[0-9]*"))) == 40
    assert order(laptop, accepted=["mass-delete"]).deleted_remote == 35
    laptop.wait(is_up_to_date)


def test_whatever_goes_wrong_inside_is_said_and_the_thread_goes_on(watched, caplog):
    laptop = watched(errors=[ZeroDivisionError("secret-name.txt")], poll=0.01)
    with caplog.at_level(logging.INFO, "e2esync"):
        laptop.wait(is_up_to_date)
    assert State.ERROR in {each.state for each in laptop.seen}
    assert "secret-name" not in caplog.text


def test_another_process_at_work_is_no_trouble(watched):
    laptop = watched(errors=[Busy("another e2esync works on this folder")])
    laptop.wait(is_up_to_date)
    assert {each.trouble for each in laptop.seen} == {None}


def test_a_state_that_is_behind_goes_on_as_a_new_device(world, watched):
    def restored(dev):
        (dev.root / "a").write_bytes(b"a")
        dev.push()
        dev.close()
        for path in dev.home.glob("*.db*"):
            path.unlink()
        dev.restart()

    laptop = watched(prepare=restored)
    laptop.wait(is_up_to_date)
    assert laptop.ground.renewed == 1
    desk = world.device("desk")
    desk.pull()
    assert (desk.root / "a").read_bytes() == b"a"


@pytest.mark.case(20)
def test_a_file_that_just_became_empty_waits_for_what_is_written(world, watched):
    def one_file(dev):
        (dev.root / "a").write_bytes(b"first")
        dev.clock.advance(1)
        dev.push()

    laptop, desk = watched(prepare=one_file), world.device("desk")
    laptop.wait(is_up_to_date)
    before = laptop.ground.traffic()
    (laptop.ground.dev.root / "a").write_bytes(b"")
    laptop.keeper.touched(b"a")
    laptop.wait_rounds(2)
    assert laptop.ground.traffic() == before
    assert laptop.keeper.standing.waiting == 1
    (laptop.ground.dev.root / "a").write_bytes(b"second")
    laptop.keeper.touched(b"a")
    order(laptop)
    desk.pull()
    assert (desk.root / "a").read_bytes() == b"second"


def test_how_far_it_is_is_told_while_it_works(watched, monkeypatch):
    monkeypatch.setattr("e2esync.daemon.keeper.TELLS", 0.0)
    laptop = watched()
    laptop.wait(is_up_to_date)
    (laptop.ground.dev.root / "film").write_bytes(os.urandom(4 << 20))
    laptop.keeper.touched(b"film")
    laptop.wait(lambda one: one.survey.files == 1)
    laptop.wait(is_up_to_date)
    works = [one.work for one in laptop.seen if one.work is not None and one.work.stage == "push"]
    assert (works[-1].done, works[-1].total) == (4 << 20, 4 << 20)
    assert "Syncing: sending, 100 % of 4.0 MiB." in {sentence([one]) for one in laptop.seen}
    assert {one.state for one in laptop.seen if one.work is not None} == {State.SYNCING}


def one_file(dev) -> None:
    """What is published before: of a folder that has published nothing, everything is looked at."""
    (dev.root / "kept").write_bytes(b"kept")
    dev.push()


class Counted:
    """A store that says when it has taken a pack, and waits for an answer."""

    def __init__(self, store, taken) -> None:
        self._store, self._taken = store, taken
        self.sent = 0  # bytes

    def put(self, key: str, body: bytes) -> str:
        etag = self._store.put(key, body)
        self.sent += len(body)
        self._taken()
        return etag

    def __getattr__(self, name: str):
        return getattr(self._store, name)


@pytest.fixture
def sending(watched):
    """A keeper that sends a film, and has sent the first part of it when `cut` is called."""

    def start(cut):
        laptop = watched(prepare=one_file)
        laptop.wait(is_up_to_date)
        begun, go_on = threading.Event(), threading.Event()

        def taken() -> None:
            begun.set()
            assert go_on.wait(DEADLINE)

        store = laptop.ground.counting._store = Counted(laptop.ground.counting._store, taken)
        (laptop.ground.dev.root / "film").write_bytes(random.Random(1).randbytes(100 << 20))
        laptop.keeper.touched(b"film")
        assert begun.wait(DEADLINE)
        cut(laptop)
        go_on.set()
        return laptop, store

    return start


def test_a_pause_breaks_off_what_is_on_its_way_and_it_goes_on_where_it_was(sending):
    laptop, store = sending(lambda laptop: laptop.keeper.pause())
    laptop.wait(lambda one: one.work is None)
    assert laptop.keeper.standing.state is State.PAUSED
    assert laptop.keeper.standing.survey.files == 1
    assert 0 < store.sent < 100 << 20
    laptop.keeper.resume()
    laptop.wait(lambda one: one.survey.files == 2)
    assert store.sent < 112 << 20  # else the packs that were sent came again
    assert State.ERROR not in {one.state for one in laptop.seen}


def test_a_command_that_wants_the_folder_waits_for_a_turn_of_a_long_upload_and_no_longer(
    sending, monkeypatch
):
    monkeypatch.setattr("e2esync.daemon.turn.TURN", 0.0)
    monkeypatch.setattr("e2esync.daemon.keeper.TELLS", 0.0)
    asking = []

    def ask(laptop) -> None:
        asking.append(threading.Thread(target=laptop.keeper.make_way))
        asking[0].start()
        while not laptop.keeper._lent:
            pass

    laptop, store = sending(ask)
    asking[0].join(DEADLINE)
    assert not laptop.ground.is_open
    assert store.sent < 100 << 20
    laptop.keeper.take_back()
    laptop.wait(lambda one: one.survey.files == 2)
    assert store.sent < 112 << 20  # else the packs that were sent came again


def test_whoever_ends_it_does_not_wait_for_a_long_upload(sending):
    laptop, store = sending(lambda laptop: laptop.keeper.end_soon())
    laptop.keeper.end()
    assert 0 < store.sent < 100 << 20


def test_what_is_saved_while_a_large_file_is_sent_does_not_wait_for_it(sending, monkeypatch):
    monkeypatch.setattr("e2esync.daemon.turn.TURN", 0.0)
    monkeypatch.setattr("e2esync.daemon.keeper.TELLS", 0.0)

    def save(laptop) -> None:
        (laptop.ground.dev.root / "note").write_bytes(b"note")
        laptop.keeper.touched(b"note")

    laptop, store = sending(save)
    laptop.wait(lambda one: one.survey.files == 3)
    first = next(one for one in laptop.seen if one.survey.files == 2)
    assert first.survey.bytes == 8  # the note, and not the film
    assert store.sent < 112 << 20


def test_a_command_that_is_handed_over_while_a_large_file_is_sent_does_not_wait_for_it(sending, monkeypatch):
    monkeypatch.setattr("e2esync.daemon.turn.TURN", 0.0)
    monkeypatch.setattr("e2esync.daemon.keeper.TELLS", 0.0)
    told: list[tuple] = []
    done: Future = Future()

    def ask(laptop) -> None:
        laptop.keeper.order(Order("sync", False, frozenset(), lambda *each: told.append(each), done))

    _, store = sending(ask)
    assert done.result(DEADLINE).uploaded_files == 1  # and its progress is that of the command
    stage, sent, total = told[-1]
    assert stage == "push"
    assert sent == total >= 100 << 20  # what was changed within a tick of the clock is read again
    assert store.sent < 112 << 20


def test_of_what_was_saved_at_one_time_the_large_files_go_last(watched, monkeypatch):
    monkeypatch.setattr("e2esync.engine.glance.LARGE", 1 << 20)
    laptop = watched(prepare=one_file)
    laptop.wait(is_up_to_date)
    laptop.keeper.pause()
    for name, size in (("film", 2 << 20), ("note", 4), ("other film", 1 << 20)):
        (laptop.ground.dev.root / name).write_bytes(bytes(size))
        laptop.keeper.touched(name.encode())
    laptop.keeper.resume()
    laptop.wait(lambda one: one.survey.files == 4)
    assert list(dict.fromkeys(one.survey.files for one in laptop.seen if one.survey.files)) == [1, 2, 4]


def test_a_turn_is_at_least_as_long_as_it_took_to_come_back_to_where_it_was():
    turn = Turn(began=100.0, sent=7)
    assert not turn.is_over(1e6, 7)
    assert not turn.is_over(200.0, 8)
    assert not turn.is_over(299.0, 9)
    assert turn.is_over(300.0, 9)
    soon = Turn(began=100.0, sent=7)
    assert not soon.is_over(101.0, 8)
    assert not soon.is_over(130.0, 9)
    assert soon.is_over(131.0, 9)


def test_what_a_command_wants_is_done_also_where_it_is_paused_meanwhile(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    (laptop.ground.dev.root / "film").write_bytes(random.Random(1).randbytes(4 << 20))

    def progress(*_) -> None:
        laptop.keeper.pause()

    done: Future = Future()
    laptop.keeper.order(Order("sync", False, frozenset(), progress, done))
    assert done.result(DEADLINE).uploaded_files == 1


# commands


def test_a_command_is_done_at_once_and_its_summary_given_back(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    (laptop.ground.dev.root / "a").write_bytes(b"a")
    assert [action.path for action in order(laptop, dry_run=True).actions] == [b"a"]
    assert order(laptop, "push").uploaded_files == 1
    assert order(laptop, "pull").downloaded_files == 0


def test_a_command_works_also_while_it_is_paused(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.pause()
    (laptop.ground.dev.root / "a").write_bytes(b"a")
    laptop.keeper.touched(b"a")
    assert laptop.keeper.standing.state is State.PAUSED
    assert order(laptop).uploaded_files == 1
    assert laptop.keeper.standing.state is State.PAUSED
    laptop.keeper.resume()
    laptop.wait(is_up_to_date)


def test_what_a_command_meets_is_its_own_to_say(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    marker = laptop.ground.dev.root / ".e2esync" / "folder-id"
    marker.rename(marker.with_name("kept"))
    with pytest.raises(SafetyStop):
        order(laptop)
    marker.with_name("kept").rename(marker)
    assert order(laptop).failed == []


def test_the_folder_is_let_go_of_for_a_command_that_works_by_itself(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.make_way()
    assert not laptop.ground.is_open
    laptop.keeper.touched(b"a")
    assert not laptop.ground.is_open
    laptop.keeper.take_back()
    laptop.wait_rounds(2)


def test_who_asks_for_the_folder_again_and_again_gets_it_after_what_is_due(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.make_way()
    for number in range(10):
        (laptop.ground.dev.root / str(number)).write_bytes(b"%d" % number)
        laptop.keeper.touched(b"%d" % number)
        laptop.keeper.take_back()
        laptop.keeper.make_way()
        assert not laptop.ground.is_open
        assert laptop.keeper.standing.survey.files == number + 1
    laptop.keeper.take_back()


def test_who_asks_for_the_folder_while_it_is_being_opened_gets_it_closed(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.make_way()
    entered, release = threading.Event(), threading.Event()

    def opening() -> None:
        entered.set()
        release.wait(DEADLINE)

    laptop.ground.opening = opening
    laptop.keeper.touched(b"a")
    laptop.keeper.take_back()
    assert entered.wait(DEADLINE)
    asking = threading.Thread(target=laptop.keeper.make_way)
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()
    release.set()
    asking.join(DEADLINE)
    assert not laptop.ground.is_open
    laptop.keeper.take_back()


def test_a_look_that_asks_nobody_says_nothing_of_the_store(watched):
    laptop = watched()
    laptop.wait_rounds(1)
    before = laptop.keeper.standing.survey.last_sync
    laptop.ground.dev.clock.advance(100)
    laptop.keeper.touched(b"not/there")
    laptop.wait_rounds(2)
    assert laptop.keeper.standing.survey.last_sync == before


def test_who_orders_while_it_ends_is_told(watched):
    laptop = watched()
    laptop.wait(is_up_to_date)
    laptop.keeper.end()
    with pytest.raises(Busy):
        order(laptop)
    assert laptop.ground.watches[-1].is_stopped
    assert threading.active_count() >= 1


def test_a_keeper_that_has_ended_lets_nobody_wait(watched):
    laptop = watched()
    laptop.keeper.end()
    laptop.keeper.make_way()
    with pytest.raises(E2ESyncError):
        order(laptop)


def test_what_could_not_be_read_is_no_trouble_any_more_once_its_directory_is_elsewhere(watched, tmp_path):
    laptop = watched()
    laptop.wait(is_up_to_date)
    box = laptop.ground.dev.root / "box"
    box.mkdir()
    os.mkfifo(box / "pipe")
    laptop.keeper.touched(b"box")
    laptop.wait(lambda standing: standing.state is State.NEEDS_YOU)
    box.rename(tmp_path / "elsewhere")
    laptop.keeper.touched(b"box")
    laptop.wait(is_up_to_date)
