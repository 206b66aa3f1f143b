"""A vault of this device for Python programs: push, pull, list, prune, and read files straight from the store.

    with e2esync.open_vault("~/Sync") as vault:
        vault.pull()
        paths = [entry.path for entry in vault.list()]
        with vault.open("notes/today.txt") as stream:
            text = stream.read()

A face beside the command line: it decides nothing, and neither prints nor asks. Vaults are made,
joined and forgotten by the commands. What goes wrong is an error of `e2esync.errors`, or an OSError
of this machine; each carries `what`, `why` and `fix`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TypeAlias
from weakref import WeakSet

from e2esync.adapters.state import FolderState
from e2esync.adapters.stores.counting import Traffic
from e2esync.engine import listing
from e2esync.engine import prune as pruning
from e2esync.engine import pull as pulling
from e2esync.engine import push as pushing
from e2esync.engine import sync as syncing
from e2esync.engine.download import Downloader
from e2esync.engine.listing import Entry
from e2esync.engine.notes import FolderNote
from e2esync.engine.prune import LEAST_GRACE, MOST_GRACE, PruneReport
from e2esync.engine.renew import renew
from e2esync.engine.seen import note_sync
from e2esync.engine.vault import Summary, SyncedFolder
from e2esync.errors import BadObject, NoVault, StateBehind, UsageError
from e2esync.merge.retention import DAY
from e2esync.tree.values import FileContent
from e2esync.wiring.build import synced_folder
from e2esync.wiring.home import at, find_home
from e2esync.wiring.localdevice import HomeDevice
from e2esync.wiring.passphrase import passphrase_source
from e2esync.wiring.pruning import chosen_rules
from e2esync.wiring.way import alone

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Entry", "PruneReport", "Summary", "Vault", "open_vault"]

BUFFER = 64 << 10  # bytes between a caller's small reads and the chunks

AnyPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""A path; text stands for the bytes that `os.fsencode` makes of it."""


def open_vault(
    folder: str | os.PathLike[str],
    *,
    home: str | os.PathLike[str] | None = None,
    ask_passphrase: Callable[[], str] | None = None,
) -> Vault:
    """Open the vault of a synced folder of this device, locked for this process until it is closed.

    `folder` is the folder itself, as it was given to `e2esync setup` or `join`; `~` is the user's
    directory. `home` is the directory of this device's keys and state; without it, it is found as
    the command line does: `E2ESYNC_HOME`, else the platform's directories. `ask_passphrase` is
    called at most once, where the keys of this device lie under a passphrase and neither
    `E2ESYNC_PASSPHRASE_FILE` nor `E2ESYNC_PASSPHRASE_COMMAND` is set. The store is not asked for
    anything yet.

    A daemon that keeps the folder lets go of it first, and takes it again when the vault is closed.

    Raises:
        NoVault: The folder is not a synced folder of this device.
        Busy: Another process, or another `Vault` in this one, has the folder.
        Locked, NoAccess: The keys of this device cannot be opened, or are gone.
        SafetyStop: The folder is missing.
        BadObject, NewerFormat, UsageError: The local files are damaged, or of a newer version.
    """
    place = find_home(os.environ) if home is None else at(Path(home))
    local = HomeDevice(place, ask=passphrase_source(os.environ, ask_passphrase))
    note = _note_of(local, Path(folder))
    parts = ExitStack()
    parts.enter_context(alone(place, note, told=lambda _: None))
    return Vault(note, local, parts.enter_context(synced_folder(local, note, traffic=Traffic())), parts.close)


def _note_of(local: HomeDevice, folder: Path) -> FolderNote:
    wanted = Path(os.path.realpath(folder.expanduser()))
    for note in local.folders():
        if note.path == wanted:
            return note
    known = ", ".join(str(note.path) for note in local.folders())
    raise NoVault(
        f"{folder} is not a synced folder of this device",
        why=f"synced are: {known}" if known else f"{local.home.config} names none",
        fix="e2esync setup, or e2esync join STORE",
    )


class Vault:
    """An open vault of this device: the folder, its local state and its store. Made by `open_vault`.

    It belongs to the thread that opened it. Closing it, best by `with`, gives the folder back to
    other processes; streams that were opened from it end with it. Used after that, it raises
    ValueError, as a closed file does.
    """

    def __init__(
        self, note: FolderNote, local: HomeDevice, parts: SyncedFolder, release: Callable[[], None]
    ) -> None:
        self._note, self._local = note, local
        self.folder = note.path  # absolute
        self.id = note.vault  # 32 bytes; names the vault in the store (format §2)
        self._parts: SyncedFolder | None = parts
        self._release = release
        self._streams: WeakSet[_ContentStream] = WeakSet()
        self._rounds = 0  # pushes, pulls, syncs and prunes that were begun

    def push(self, *, accept_risks: Collection[str] = ()) -> Summary:
        """Store what changed in the folder and publish it, as `e2esync push`; never touch the folder.

        A file that cannot be read does not stop the others: look at `failed` and `skipped` of what
        is returned. After an error the same call goes on; what was stored is not sent twice.

        Raises:
            IntegrityError: Something in the store fails verification.
            StoreUnavailable, StoreRefused, CredentialsRefused: The store.
            SafetyStop: The folder is not the one that is synced here, or a guard stopped: `accept_risks` names
                what a person has accepted, as --accept-risk does.
        """
        return self._sync(pushing.push, accept_risks)

    def pull(self, *, accept_risks: Collection[str] = ()) -> Summary:
        """Bring the folder to the newest state of the vault, as `e2esync pull`; never publish (format §8, §10).

        What was changed here and not published is left alone and listed in `skipped`.

        Raises:
            IntegrityError: Something in the store fails verification; the folder was not touched. If it was what one
                device published last, the others' changes are here; if it was the content of a file, that is in
                `failed`, and all others are here. Then the error has the summary as `done`.
            StoreUnavailable, StoreRefused, CredentialsRefused: The store.
            DiskFull: There is no room here.
            SafetyStop: The folder is not the one that is synced here, or a guard stopped: `accept_risks` names
                what a person has accepted, as --accept-risk does.
        """
        return self._sync(pulling.pull, accept_risks)

    def sync(self, *, accept_risks: Collection[str] = ()) -> Summary:
        """Publish what changed in the folder and bring it to the newest state, as `e2esync sync` (format §6.7, §8, §10).

        Raises:
            IntegrityError: Something in the store fails verification; the folder was not touched. If it was what one
                device published last, the others' changes are here; if it was the content of a file, that is in
                `failed`, and all others are here. Then the error has the summary as `done`.
            StoreUnavailable, StoreRefused, CredentialsRefused: The store.
            DiskFull: There is no room here.
            SafetyStop: The folder is not the one that is synced here, or a guard stopped: `accept_risks` names
                what a person has accepted, as --accept-risk does.
        """
        return self._sync(syncing.sync, accept_risks)

    def prune(
        self,
        *,
        keep_days: int | None = None,
        keep_versions: int | None = None,
        keep_all: bool = False,
        grace_days: int = 30,
        dry_run: bool = False,
    ) -> PruneReport:
        """Let go of old versions, as `e2esync prune`: mark what no kept version needs, delete it in a later call (format §9).

        `keep_days` keeps everything of the last days, `keep_versions` so many older versions of each
        file. They are remembered for the folder; without them, those remembered hold. `keep_all`
        forgets them and takes the mark back. `grace_days`, 1 to 45, pass between mark and deletion,
        and a push or sync of every device. `dry_run` only says what would be done, and remembers nothing.

        Raises:
            UsageError: No rule is given or remembered, or a number is out of range.
            IntegrityError: Something in the store fails verification, or is missing; nothing was deleted.
            StateBehind: The local state was restored, copied or lost; a push or sync goes on from there.
            StoreUnavailable, StoreRefused, CredentialsRefused: The store; the next call goes on.
        """
        parts = self._open_parts()
        rules = chosen_rules(self._note, keep_days, keep_versions, keep_all=keep_all)
        if not LEAST_GRACE <= grace_days * DAY <= MOST_GRACE:
            raise UsageError("the grace is from 1 to 45 days")
        if not dry_run:
            self._note = self._local.set_rules(self._note, rules)
        self._rounds += 1
        return pruning.prune(parts, rules, grace=grace_days * DAY, dry_run=dry_run)

    def list(self) -> Iterator[Entry]:
        """Yield everything that the vault shows as of the last push or pull, without asking the store (format §6).

        The order is that of the sealed tree: neither sorted, nor directories before what is in
        them. Memory stays the same however many there are. A push or pull before the end makes the
        iterator raise RuntimeError, as a dict that changes does.
        """
        return self._list(self._open_parts().state)

    def open(self, path: AnyPath) -> io.BufferedReader:
        """Open one file of the vault, as of the last push or pull, for reading from the store (format §7).

        `path` is relative to the folder, as `Entry.path`. The folder is not looked at, so this also
        reads what was deleted or changed there since. The stream gives bytes, in order, once; it
        reads ahead, and holds about 40 MiB at most, whatever the file's size.

        Each chunk is verified before a byte of it is handed out. The hash over the whole content
        can only be checked at the end: that is done before the last chunk is handed out, so whoever
        has read `Entry.size` bytes, or to the end, has read what was signed. Until then, what was
        read is made of genuine pieces of the file; do not act on it before. After an error the
        stream is closed, and never looks as if it were at its end.

        Raises:
            UsageError: There is no file at this path.
            BadObject, MissingObject: While reading: the store has not what was signed.
            StoreUnavailable, StoreRefused, CredentialsRefused: While reading: the store.
        """
        parts, wanted = self._open_parts(), os.fsencode(path)
        found = listing.find(parts.state, wanted)
        content = found[1].content if found is not None else None
        if found is None or not isinstance(content, FileContent):
            name = wanted.decode(errors="backslashreplace")
            raise UsageError(
                f"{name} is not a file of the vault",
                why="a directory or symlink stands there"
                if found is not None
                else "nothing stands there; paths are relative to the folder",
                fix="e2esync pull",
            )
        stream = _ContentStream(self._chunks(parts, found[0], content))
        self._streams.add(stream)
        return io.BufferedReader(stream, BUFFER)

    def close(self) -> None:
        """Close the streams, the local state and the store, and release the folder; again is harmless."""
        if self._parts is None:
            return
        self._parts = None
        for stream in tuple(self._streams):
            stream.close()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_parts(self) -> SyncedFolder:
        if self._parts is None:
            raise ValueError("the vault is closed")
        return self._parts

    def _sync(self, work: Callable[[SyncedFolder], Summary], accept_risks: Collection[str]) -> Summary:
        parts = self._open_parts()
        self._rounds += 1
        try:
            summary = work(replace(parts, accepted=frozenset(accept_risks)))
        except StateBehind:  # restored, copied or lost
            parts = self._parts = renew(parts, self._note, self._local)
            summary = work(replace(parts, accepted=frozenset(accept_risks)))
        note_sync(parts)
        return summary

    def _list(self, state: FolderState) -> Iterator[Entry]:
        rounds = self._rounds
        for entry in listing.entries(state):
            yield entry
            if self._parts is None or self._rounds != rounds:
                raise RuntimeError("the vault was pushed, pulled, pruned or closed while it was listed")

    def _chunks(self, parts: SyncedFolder, node: bytes, content: FileContent) -> Generator[bytes]:
        """Yield verified chunks, each once the next is there, and the last once the whole is verified.

        They never come to more than the signed size: it stands for the end with callers who count.
        As a method, it keeps the vault open while only the stream is held.
        """
        held, left = None, content.size
        for chunk in Downloader(parts, _no_file).chunks(node, content):
            left -= len(chunk)
            if left < 0:
                raise BadObject("a file's content is not the one that was signed")
            if held is not None:
                yield held
            held = chunk
        if held is not None:
            yield held


def _no_file(_size: int, _sparse: bool) -> NoReturn:  # noqa: FBT001 - as the engine calls it
    raise AssertionError("a stream writes no file")


class _ContentStream(io.RawIOBase):
    """Bytes out of verified chunks."""

    def __init__(self, chunks: Generator[bytes]) -> None:
        super().__init__()
        self._chunks: Generator[bytes] | None = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        into = memoryview(buffer).cast("B")
        while not self._rest:  # an empty chunk is not the end
            chunk = self._next()
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes | None:
        """Return the next chunk, None at the end. A generator that failed looks ended, so the stream closes."""
        if self._chunks is None:
            raise ValueError("the stream is closed")
        try:
            return next(self._chunks, None)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._chunks is not None:
            self._chunks.close()  # ends the reading ahead
        self._chunks, self._rest = None, memoryview(b"")
        super().close()
