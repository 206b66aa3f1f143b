"""What is told where the system is not Linux: by events of the test, and by watchdog's own observers on a real disk."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from functools import partial

import pytest
from watchdog import events
from watchdog.observers.api import BaseObserver, EventEmitter
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.polling import PollingObserver

from e2esync.adapters.watching import trouble
from e2esync.adapters.watching.portable import PortableWatch, inside, of_this_system
from tests.watching.conftest import Ears
from tests.watching.test_histories import Mirror, Somebody, look

STEPS = 80


class Quiet(EventEmitter):
    """Brings what the test gives it, until it is told to end."""

    def queue_events(self, timeout):
        self.stopped_event.wait()


class Staged(BaseObserver):
    """An observer whose events are those of the test."""

    def __init__(self, kind=Quiet):
        super().__init__(kind)

    def bring(self, *brought):
        (emitter,) = self.emitters
        for event in brought:
            emitter.queue_event(event)


class Stage:
    """A folder that is watched by an observer of the test."""

    def __init__(self, root, ears):
        self.root, self.ears, self.observer = root, ears, Staged()
        self.watch = PortableWatch.start(root, ears, make=lambda: self.observer)
        self._last = 0

    def path(self, path=""):
        return os.path.join(os.path.realpath(self.root), path)

    def heard(self, *brought):
        """Return what is heard of these events: they come in order, so one of the test is the last."""
        self._last += 1
        last = f"last {self._last}"
        self.observer.bring(*brought, events.FileCreatedEvent(self.path(last)))
        self.ears.wait_for(last.encode())
        heard = {path for path in self.ears.paths if not path.startswith(b"last ")}
        self.ears.paths.clear()
        return heard


@pytest.fixture
def stage(root):
    made = Stage(root, Ears())
    yield made
    made.watch.stop()


class Begun:
    """A folder on the real disk, watched by one of watchdog's observers."""

    def __init__(self, root, ears, make):
        self.root, self.ears = root, ears
        self.watch = PortableWatch.start(root, ears, make=make)

    def wait(self, *paths):
        self.ears.wait_for(*paths)


@pytest.fixture(params=[InotifyObserver, partial(PollingObserver, timeout=0.01)], ids=["inotify", "polling"])
def make(request):
    """An observer of watchdog's that runs here, in the place of those that do not."""
    return request.param


@pytest.fixture
def begin(root):
    """Start to watch, when all that should be there is there."""
    begun = []

    def begin(ears=None, *, make):
        begun.append(Begun(root, ears or Ears(), make))
        return begun[-1]

    yield begin
    for each in begun:
        each.watch.stop()


# --- where a path is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "root", "separator", "place"),
    [
        ("/home/me/Sync/a/b", "/home/me/Sync", "/", b"a/b"),
        ("/home/me/Sync/a/", "/home/me/Sync", "/", b"a"),
        ("/home/me/Sync", "/home/me/Sync", "/", b""),
        ("/home/me", "/home/me/Sync", "/", None),
        ("/home/me/Sync 2/a", "/home/me/Sync", "/", None),
        ("/a", "/", "/", b"a"),
        ("/home/me/Sync/back\\slash", "/home/me/Sync", "/", b"back\\slash"),
        (b"/home/me/Sync/\xff\xfe", "/home/me/Sync", "/", b"\xff\xfe"),
        ("/home/me/Sync/\udcff", "/home/me/Sync", "/", b"\xff"),
        ("/home/\udcff/Sync/a", "/home/\udcff/Sync", "/", b"a"),
        ("C:\\Users\\me\\Sync\\a\\b.txt", "C:\\Users\\me\\Sync", "\\", b"a/b.txt"),
        ("c:\\users\\ME\\sync\\A", "C:\\Users\\me\\Sync", "\\", b"A"),
        ("\\\\server\\share\\Sync\\a", "\\\\server\\share\\Sync", "\\", b"a"),
        ("D:\\Users\\me\\Sync\\a", "C:\\Users\\me\\Sync", "\\", None),
        ("/Users/jose\u0301/Sync/a", "/Users/jos\u00e9/Sync", "/", b"a"),  # FSEvents decomposes, or does not
        (
            "/Users/JOS\u00c9/Sync/e\u0301",
            "/Users/jose\u0301/Sync",
            "/",
            "e\u0301".encode(),
        ),  # the place stays
    ],
)
def test_the_place_of_a_path_is_told_as_the_folder_has_it(path, root, separator, place):
    assert inside(path, root, separator) == place


# --- what is told of an event -------------------------------------------------------------------------

PARKED = ".e2esync-moving-" + "0" * 32


@pytest.mark.parametrize(
    ("make_event", "places", "heard"),
    [
        (events.FileCreatedEvent, ["a"], {b"a"}),
        (events.FileModifiedEvent, ["a"], {b"a"}),
        (events.FileAttribEvent, ["a"], {b"a"}),
        (events.FileClosedEvent, ["a"], {b"a"}),
        (events.FileDeletedEvent, ["d/a"], {b"d/a"}),
        (events.DirCreatedEvent, ["d"], {b"d"}),
        (events.DirAttribEvent, ["d"], {b"d"}),
        (events.DirDeletedEvent, ["d"], {b"d"}),
        (events.FileMovedEvent, ["a", "d/b"], {b"a", b"d/b"}),
        (events.DirMovedEvent, ["d", "e"], {b"d", b"e"}),
        (events.DirMovedEvent, ["", "e"], {b"e"}),  # as Windows tells the second half of a rename alone
        (events.FileMovedEvent, ["a", "../outside"], {b"a"}),
        (events.FileMovedEvent, ["../outside", "a"], {b"a"}),
        (events.FileCreatedEvent, ["\udcff/\udcfe"], {b"\xff/\xfe"}),
        (events.FileMovedEvent, [PARKED, "a"], {b"a"}),
        (events.FileMovedEvent, ["a", PARKED], {b"a"}),
        (events.FileCreatedEvent, ["d/" + PARKED], {b"d/" + PARKED.encode()}),  # somebody's, there
        (events.FileCreatedEvent, ["d/.e2esync"], {b"d/.e2esync"}),
        (events.FileCreatedEvent, [".e2esync/tmp/1"], set()),
        (events.FileCreatedEvent, [".E2ESync/tmp/1"], set()),
        (events.DirCreatedEvent, [".e2esync"], set()),
        (events.FileOpenedEvent, ["a"], set()),
        (events.FileClosedNoWriteEvent, ["a"], set()),
        (events.DirModifiedEvent, ["d"], set()),
        (events.DirModifiedEvent, [".."], set()),  # watchdog says this of what holds a root that came
        (partial(events.FileCreatedEvent, is_synthetic=True), ["d/a"], set()),
    ],
)
def test_an_event_is_told_by_the_places_in_the_folder_that_it_names(stage, make_event, places, heard):
    paths = [place and os.path.normpath(stage.path(place)) for place in places]
    assert stage.heard(make_event(*paths)) == heard
    assert (stage.watch.is_live, stage.watch.trouble, stage.ears.reasons) == (True, None, [])


def test_paths_may_come_as_bytes(stage):
    assert stage.heard(events.FileCreatedEvent(os.fsencode(stage.path("\udcff")))) == {b"\xff"}


def test_a_root_behind_a_link_is_found_in_events_by_its_real_path(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    stage = Stage(tmp_path / "link", Ears())
    assert stage.heard(events.FileCreatedEvent(os.path.join(os.path.realpath(root), "a"))) == {b"a"}
    stage.watch.stop()


@pytest.mark.parametrize("event", [events.DirDeletedEvent, events.DirMovedEvent])
def test_an_end_of_the_root_is_told(stage, event):
    paths = [stage.path("")] + ["/somewhere/else"] * (event is events.DirMovedEvent)
    stage.observer.bring(event(*paths))
    stage.ears.wait_for_loss()
    assert (stage.watch.is_live, stage.watch.trouble) == (False, trouble.GONE)


def test_events_of_no_place_in_the_folder_say_once_that_nothing_can_be_made_of_them(stage):
    stage.observer.bring(events.FileCreatedEvent("/secret/a"), events.FileCreatedEvent("/secret/b"))
    assert stage.heard(events.FileCreatedEvent(stage.path("a"))) == {b"a"}  # what is known goes on to be told
    assert (stage.watch.is_live, stage.watch.trouble) == (False, trouble.STRANGE)
    assert stage.ears.reasons == [trouble.STRANGE]
    assert "secret" not in trouble.STRANGE


# --- threads, errors, the end -------------------------------------------------------------------------


def test_an_error_of_who_hears_is_told_and_logged_without_names(root, caplog):
    class Broken(Ears):
        def touched(self, path):
            raise ValueError(path)

    stage = Stage(root, Broken())
    stage.observer.bring(events.FileCreatedEvent(stage.path("secret")))
    stage.ears.wait_for_loss()
    assert not stage.watch.is_live
    assert stage.ears.reasons == [trouble.BROKEN]
    assert "ValueError in test_portable.py" in caplog.text
    assert "secret" not in caplog.text
    stage.watch.stop()


@pytest.mark.parametrize("which", ["observer", "emitter"])
@pytest.mark.parametrize("is_there", [True, False])
def test_the_end_of_a_thread_is_told(stage, root, which, is_there):
    if not is_there:
        root.rmdir()
    (emitter,) = stage.observer.emitters
    (stage.observer if which == "observer" else emitter).stop()
    stage.ears.wait_for_loss()
    why = trouble.ENDED if is_there else trouble.GONE
    assert (stage.watch.is_live, stage.watch.trouble) == (False, why)
    stage.watch.stop()
    assert stage.ears.reasons == [why]


@pytest.mark.parametrize("step", ["make", "schedule", "start", "emitter"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "why", "/secret"), "(EMFILE)"),
        (PermissionError(errno.EACCES, "why", "/secret"), "(EACCES)"),
        (FileNotFoundError(errno.ENOENT, "why", "/secret"), trouble.GONE),
        (RuntimeError("Cannot start fsevents stream for /secret"), "(RuntimeError)"),
        (OSError("/secret"), "(OSError)"),
    ],
)
def test_where_watching_cannot_begin_a_sentence_says_so_and_nothing_is_left(root, error, said, step):
    class Refused(Quiet):
        def on_thread_start(self):
            raise error

    class Failing(Staged):
        def __init__(self):
            super().__init__(Refused if step == "emitter" else Quiet)
            self.fail("make")

        def schedule(self, *arguments, **options):
            self.fail("schedule")
            return super().schedule(*arguments, **options)

        def start(self):
            self.fail("start")
            super().start()

        def fail(self, here):
            if here == step:
                raise error

    threads, ears = threading.active_count(), Ears()
    watch = PortableWatch.start(root, ears, make=Failing)
    assert not watch.is_live
    assert said in str(watch.trouble)
    assert "secret" not in str(watch.trouble)
    assert threading.active_count() == threads
    assert ears.reasons == []
    watch.stop()


def test_a_root_that_is_not_there_is_said_before_anything_is_begun(root):
    root.rmdir()
    watch = PortableWatch.start(root, Ears(), make=lambda: pytest.fail("begun"))
    assert (watch.is_live, watch.trouble) == (False, trouble.GONE)


def test_where_only_kqueue_or_polling_is_there_nobody_watches(root):
    """On this system there is inotify, which is not for this module either."""
    assert of_this_system() is None
    watch = PortableWatch.start(root, Ears())
    assert (watch.is_live, watch.trouble) == (False, trouble.UNTOLD)
    watch.stop()


@pytest.mark.parametrize("name", ["FSEventsObserver", "WindowsApiObserver"])
def test_the_means_of_macos_and_windows_are_taken(root, monkeypatch, name):
    kind = type(name, (Staged,), {"__init__": lambda self, timeout: Staged.__init__(self)})
    monkeypatch.setattr("watchdog.observers.Observer", kind)
    watch = PortableWatch.start(root, Ears())
    assert (watch.is_live, watch.trouble) == (True, None)
    watch.stop()
    assert not watch.is_live


def test_an_observer_that_cannot_be_ended_well_tells_nothing_more(root, caplog):
    class Failing(Staged):
        def on_thread_stop(self):
            raise KeyError("secret")

    ears = Ears()
    observer = Failing()
    watch = PortableWatch.start(root, ears, make=lambda: observer)
    watch.stop()
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text
    watch.dispatch(events.FileCreatedEvent(os.path.join(os.path.realpath(root), "a")))  # what was on its way
    BaseObserver.on_thread_stop(observer)  # its emitter; then, what waits for the next event
    observer.event_queue.put(observer.stop_event)
    for thread in (observer, *watch._guards):
        thread.join(60)
        assert not thread.is_alive()
    assert (ears.paths, ears.reasons, watch.is_live) == (set(), [], False)


def test_after_the_end_nothing_is_told_and_nothing_is_left(root, begin, make):
    (root / "d" / "s").mkdir(parents=True)
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(5):
        folder = begin(make=make)
        (root / "d" / "s" / "f").touch()
        folder.watch.stop()
        heard = set(folder.ears.paths)
        (root / "d" / "s" / "g").touch()
        folder.watch.stop()  # twice is once
        assert (folder.ears.paths, folder.ears.reasons, folder.watch.is_live) == (heard, [], False)
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (before, threads)


@pytest.mark.parametrize("hears", ["touched", "lost"])
def test_whoever_hears_may_end_it(root, hears):
    class Ending(Ears):
        def touched(self, path):
            if hears == "touched":
                staged.watch.stop()
            super().touched(path)

        def lost(self, reason):
            staged.watch.stop()
            super().lost(reason)

    staged = Stage(root, Ending())
    if hears == "lost":
        next(iter(staged.observer.emitters)).stop()
        staged.ears.wait_for_loss()
    else:
        staged.observer.bring(*(events.FileCreatedEvent(staged.path(name)) for name in "ab"))
        staged.ears.wait_for(b"a")
    for thread in (staged.observer, *staged.watch._guards):
        thread.join(60)
        assert not thread.is_alive()
    assert staged.ears.paths <= {b"a"}


# --- watchdog's own observers on the real disk --------------------------------------------------------


def test_what_happens_is_told(root, begin, make):
    (root / "old").mkdir()
    (root / "moved").mkdir()
    (root / "gone").touch()
    os.mkdir(os.path.join(os.fsencode(root), b"d\xff"))
    folder = begin(make=make)
    (root / "new" / "below").mkdir(parents=True)
    (root / "old" / "f").write_text("x")
    (root / "moved").rename(root / "there")
    (root / "gone").unlink()
    with open(os.path.join(os.fsencode(root), b"d\xff", b"f\xfe"), "wb"):
        pass
    folder.wait(b"new", b"old/f", b"moved", b"there", b"gone", b"d\xff/f\xfe")
    assert folder.ears.reasons == []


def test_a_root_that_is_removed_is_told(root, begin, make):
    (root / "d" / "s").mkdir(parents=True)
    folder = begin(make=make)
    shutil.rmtree(root)
    folder.ears.wait_for_loss()
    folder.watch.stop()
    assert (folder.watch.trouble, folder.ears.reasons) == (trouble.GONE, [trouble.GONE])


class Calm(Somebody):
    """Does nothing of what an observer that goes by inodes loses count of: exchanges, and links to what is there."""

    def __init__(self, root, outside, seed):
        super().__init__(root, outside, seed)
        self._steps = [step for step in self._steps if step not in (self.exchange, self.replace_by_link)]


@pytest.mark.parametrize("seed", range(4))
def test_whoever_scans_what_is_told_knows_the_folder_after_each_step(root, begin, seed):
    """By polling: watchdog's tree of inotify ends with a KeyError on the way, which is why Linux has its own."""
    outside = root.parent / "outside"
    outside.mkdir()
    ears = Mirror(root)
    begin(ears, make=partial(PollingObserver, timeout=0.01))
    somebody = Calm(root, outside, seed)
    for _ in range(STEPS):
        somebody.step()
        there = look(os.fsencode(root))
        ears.wait(lambda ears, there=there: ears.known == there)
    assert len(there) > 20


# --- other systems ------------------------------------------------------------------------------------

ELSEWHERE = """
import sys, warnings
from pathlib import Path
from e2esync.wiring import background
from tests.watching.conftest import Ears, trouble

sys.platform = "darwin"
sys.modules["watchdog.observers.inotify_c"] = None  # to import it fails, as it does where there is no inotify
warnings.simplefilter("ignore")  # watchdog finds neither FSEvents nor kqueue here, and says so
watch = background.watch(Path(sys.argv[1]), Ears(), "darwin")
print(watch.is_live, watch.trouble == trouble.UNTOLD)
"""


def test_what_only_linux_has_is_not_needed_elsewhere(root):
    command = [sys.executable, "-c", ELSEWHERE, os.fspath(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr
