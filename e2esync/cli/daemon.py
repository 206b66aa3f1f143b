"""The daemon's life: begun, watched over and ended by commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.adapters.control import Control
from e2esync.cli.session import Session
from e2esync.errors import Busy, DaemonNotRunning, Locked, TemporaryError, UsageError

if TYPE_CHECKING:
    from e2esync.adapters.stores.limited import Limits
    from e2esync.web.serve import Server
    from e2esync.wiring.background import Bell, Kept, Told
    from e2esync.wiring.home import Home

LOOK = 2.0  # seconds between looks whether the configuration has changed
BEGIN, END = 30.0, 120.0  # seconds that a daemon may take to answer, and to end
_RATE = re.compile(r"(\d+(?:\.\d+)?)([kKmMgG]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
NICE = 10


@dataclass(frozen=True)
class Wanted:
    """How it is to run."""

    settle: float | None
    poll: float | None
    up: float | None  # bytes per second
    down: float | None
    transfers: int | None  # requests at once
    no_notify: bool = False

    def limits(self) -> Limits:
        """Return what all stores together may take."""
        from e2esync.adapters.stores.limited import CALLS, Limits

        return Limits(self.up, self.down, self.transfers or CALLS)

    def arguments(self) -> list[str]:
        """Return it as options."""
        named = {
            "--settle": self.settle,
            "--poll": self.poll,
            "--limit-up": self.up,
            "--limit-down": self.down,
            "--transfers": self.transfers,
        }
        texts = [text for name, value in named.items() if value is not None for text in (name, str(value))]
        return [*texts, "--no-notify"] if self.no_notify else texts


def rate(text: str | None, option: str) -> float | None:
    """Return bytes per second.

    Raises:
        UsageError: The text is no rate.
    """
    if text is None:
        return None
    found = _RATE.fullmatch(text)
    value = float(found[1]) * _UNITS[found[2].lower()] if found else 0
    if not value:
        raise UsageError(
            f"{option} {text} is no rate", why="it is bytes per second", fix=f"{option} 500k, or {option} 2M"
        )
    return value


def control(home: Home) -> Control:
    """Return the way to the daemon of a home."""
    return Control(home.socket)


def start(session: Session, wanted: Wanted) -> None:
    """Begin in the background; return once it answers."""
    there = control(session.home)
    if there.is_running():
        _unlock(session, there, knows_variables=False)
        session.out.document("started", already=True)
        session.out.data("The daemon runs already.")
        if wanted.arguments():
            session.out.note(
                "It goes on as it was started; to change that: e2esync stop, then e2esync start."
            )
        return
    session.folders(session.device(), None)
    session.home.make()
    log = session.home.state / "daemon-start.log"
    with open(log, "wb", opener=_closed) as output:
        process = subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-m", "e2esync", "start", "--foreground", "--no-input", *wanted.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
    until = time.monotonic() + BEGIN
    while time.monotonic() < until:
        if there.is_running():
            _unlock(session, there, knows_variables=True)
            session.out.document("started", already=False, pid=process.pid)
            session.out.data("The daemon runs: what you save is on your other devices a moment later.")
            session.out.data("e2esync status says how things stand, e2esync stop ends it.")
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise TemporaryError("the daemon did not start", why=_last_words(log), fix="e2esync start --foreground")


def _unlock(session: Session, there: Control, *, knows_variables: bool) -> None:
    """Hand over the passphrase, where the keys lie under one that the daemon has no other way to know."""
    from e2esync.adapters.keystore import Kind, open_keystore

    if open_keystore(session.home.keys).kind is not Kind.PASSPHRASE:
        return
    if knows_variables and session.has_passphrase:
        return
    source = session.passphrase_source()
    if source is None:
        session.out.warn(
            "the keys lie under a passphrase, so the daemon waits: `e2esync start` in a terminal asks for it,"
            " and E2ESYNC_PASSPHRASE_FILE or E2ESYNC_PASSPHRASE_COMMAND names it"
        )
        return
    if not there.ask("POST", "/unlock", {"passphrase": source()})["opened"]:
        raise Locked(
            "this passphrase does not open the keys", why="the daemon runs, and waits", fix="e2esync start"
        )


def _closed(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return "; ".join(lines[-3:]) or "it ended without a word"


def stop(session: Session) -> None:
    """End it, and wait for that."""
    there = control(session.home)
    try:
        there.ask("POST", "/stop")
    except DaemonNotRunning:
        session.out.document("stopped", already=True)
        session.out.data("No daemon runs.")
        return
    until = time.monotonic() + END
    lock = session.home.daemon_lock
    while time.monotonic() < until:
        if _is_free(lock):
            session.out.document("stopped", already=False)
            session.out.data("The daemon has ended.")
            return
        time.sleep(0.05)
    raise TemporaryError(
        "the daemon has not ended yet", why="a command is at work through it", fix="e2esync stop"
    )


def _is_free(path: Path) -> bool:
    from e2esync.adapters.files import FolderLock

    try:
        with FolderLock(path):
            return True
    except Busy:
        return False


def pause(session: Session) -> None:
    """Let it rest."""
    control(session.home).ask("POST", "/pause")
    session.out.document("paused")
    session.out.data("Paused: nothing is synced until `e2esync resume`.")


def resume(session: Session) -> None:
    """Let it go on."""
    control(session.home).ask("POST", "/resume")
    session.out.document("resumed")
    session.out.data("It goes on.")


# the process itself


def run(session: Session, wanted: Wanted) -> None:
    """Be the daemon, until a signal or `stop` ends it."""
    from e2esync.adapters import durable
    from e2esync.adapters.files import FolderLock
    from e2esync.adapters.notify import find_manager
    from e2esync.adapters.peer import listen, take_away
    from e2esync.adapters.stores.limited import Budget
    from e2esync.daemon.schedule import SETTLE, Pace
    from e2esync.web.app import make_app
    from e2esync.web.serve import Server
    from e2esync.wiring.background import Kept, KeptDevice, Told, make_bell, make_daemon
    from e2esync.wiring.logs import log_to

    session.home.make()
    lock = FolderLock(session.home.daemon_lock)
    try:
        lock.acquire()
    except Busy as error:
        raise Busy("the daemon runs already", fix="e2esync status, or e2esync stop") from error
    with lock:
        log_to(session.home.state / "daemon.log")
        _give_way_to_others()
        ending = _ended_by_signals()
        settle = SETTLE if wanted.settle is None else wanted.settle
        daemon = make_daemon(Pace(settle, wanted.poll))
        device = KeptDevice(session.home, session.passphrase_source())
        kept = Kept(daemon, device, Budget(wanted.limits()), session.home.config)
        told = Told(find_manager(os.environ), daemon)
        server = Server(make_app(daemon, stop=ending.set, unlock=device.unlock), listen(session.home.socket))
        server.start()
        kept.begin()
        durable.replace(session.home.state / "daemon.pid", f"{os.getpid()}\n".encode())
        session.out.line("ready")
        session.out.data("The daemon runs. Ctrl-C ends it.")
        told.begin()
        _watch_over((kept, told, make_bell(daemon, is_wanted=not wanted.no_notify)), server, ending)
        told.stopping()
        daemon.end()
        server.end()
        told.end()
        take_away(session.home.socket)


def _give_way_to_others() -> None:
    """Run behind what a person works with; reading and hashing a tree takes all of a processor."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICE)


def _ended_by_signals() -> threading.Event:
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return ending


def _watch_over(looking: tuple[Kept, Told, Bell], server: Server, ending: threading.Event) -> None:
    while not ending.wait(LOOK):
        for each in looking:
            each.look()
        if not server.is_alive:
            raise TemporaryError("the daemon does not answer at its socket any more", fix="e2esync start")
