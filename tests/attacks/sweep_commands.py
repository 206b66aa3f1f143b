"""Each command that reads, at one site: its result as a value, or its error with everything as it was.

`push` is among them: it reads its own head, and the prune marks.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path

from e2esync.engine.restore_offline import decrypt_offline
from e2esync.engine.verify import verify
from e2esync.errors import E2ESyncError, IntegrityError
from examples import read_without_e2esync
from tests.attacks.arena_oracles import (
    AttackSucceeded,
    all_of,
    noch,
    noch_but,
    nost,
    refused_content,
    trust_of,
    unchanged,
)
from tests.attacks.sweep_world import Site
from tests.engine.people import device_in, join_up
from tests.engine.world import Dev, tree

Result = object


class ReaderRefused(E2ESyncError):
    """The second reader ended with another code than 0."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.exit_code = code  # type: ignore[misc]


def pull_with_memory(site: Site) -> Result:
    """Pull by a device that has accepted, joined and written before; afterwards an honest pull works."""
    return _pull_with_memory(site, site.desk())


def pull_up_to_date(site: Site) -> Result:
    """Pull by a device that has pulled everything just before the lie was told."""
    return _pull_with_memory(site, site.desk_up_to_date())


def _pull_with_memory(site: Site, dev: Dev) -> Result:
    try:
        before = trust_of(dev)
        try:
            with _as_it_was(dev, site.world.expected):
                _complete(dev)
        except E2ESyncError:
            _recover(site, dev, before)
            raise
        return dev.tree()
    finally:
        dev.close()


def _complete(dev: Dev) -> None:
    pulled = dev.pull()
    if pulled.failed or pulled.skipped:
        raise AttackSucceeded(f"a pull leaves out {pulled.failed or pulled.skipped}")


def _recover(site: Site, dev: Dev, before: Mapping[str, object]) -> None:
    after = trust_of(dev)
    site.store.honest()
    dev.restart()
    try:
        _complete(dev)
    except E2ESyncError as error:
        raise AttackSucceeded(f"an honest pull fails after the attack: {error!r}") from error
    if dev.tree() != site.world.expected:
        raise AttackSucceeded("an honest pull after the attack makes another tree")
    nost(before, after, trust_of(dev))


def push(site: Site) -> Result:
    """Push by the device with memory of a file whose content is there already; read back, by another, honestly."""
    dev = site.desk_up_to_date()
    try:
        file = dev.root / "pushed"
        file.write_bytes((dev.root / "large").read_bytes())
        os.utime(file, ns=(0, 1))
        heads = site.store.history(site.world.desk_head)
        with _as_it_was(dev, site.world.expected):
            try:
                dev.push()
            except E2ESyncError:
                if site.store.history(site.world.desk_head) != heads:
                    raise AttackSucceeded("a refused push has published") from None
                raise
        site.store.honest()
        if pull_fresh(site) != dev.tree():
            raise AttackSucceeded("what was pushed is not what others read")
        return dev.tree()
    finally:
        dev.close()


def pull_fresh(site: Site) -> Result:
    """Pull by a device that knows nothing but the words."""
    arena, known = site.world.arena, len(site.world.arena.world.devices)
    arena.store, arena.world.home = site.store, site.home
    try:
        dev = arena.newcomer()
        _complete(dev)
        return dev.tree()
    except E2ESyncError as error:
        for dev in arena.world.devices[known:]:
            if refused_content(error):
                noch_but(dev, error, {}, site.world.expected)
            elif dev.tree() or _partial(dev.root):
                raise AttackSucceeded(f"a refused pull has made {sorted(dev.tree())[:5]}") from None
        raise
    finally:
        for dev in arena.world.devices[known:]:
            arena.drop(dev)


def _partial(root: Path) -> list[Path]:
    temporary = root / ".e2esync" / "tmp"
    return list(temporary.iterdir()) if temporary.is_dir() else []


def join(site: Site) -> Result:
    """Join from the words; refused, it leaves no keys and no folder."""
    home, folder = site.home / "home", site.home / "Folder"
    try:
        note, found = join_up(site.store.view("join"), home, folder, site.world.arena.world.entropy)  # type: ignore[arg-type]
    except E2ESyncError:
        if folder.exists() or device_in(home).has_keys or device_in(home).folders():
            raise AttackSucceeded("a refused join has left something") from None
        raise
    return note.vault, note.name, sorted((head.device, head.hash) for head in found.heads)


def _verify(site: Site, *, deep: bool) -> Result:
    dev = site.desk()
    try:
        before = trust_of(dev)
        with noch(dev):
            try:
                report = verify(dev.vault, dev.keys.identity, deep=deep)
            finally:
                nost(before, trust_of(dev), before)
        # own records may be hidden, and records of others stand beside: their number says nothing
        return {key: value for key, value in asdict(report).items() if key != "records"}
    finally:
        dev.close()


def verify_shallow(site: Site) -> Result:
    """`verify` by a device with memory: of trust and files nothing changes, whatever comes out."""
    return _verify(site, deep=False)


def verify_deep(site: Site) -> Result:
    """`verify --deep`, likewise."""
    return _verify(site, deep=True)


def decrypt(site: Site) -> Result:
    """`decrypt --offline` of a copied store."""
    dest = site.home / "dest"
    with _nothing_in(dest, site.world.expected):
        clock = site.world.arena.world.clock.clock
        done = decrypt_offline(site.directory(), dest, site.world.arena.world.entropy, clock=clock)
    for vault in done:
        if vault["failed"] or vault["skipped"]:
            raise AttackSucceeded(f"decrypting leaves out {vault['failed'] or vault['skipped']}")
    return {vault["name"]: tree(vault["directory"]) for vault in done}


def second_reader(site: Site) -> Result:
    """The reader that was written from the format alone."""
    dest, said = site.home / "dest", io.StringIO()
    with _nothing_in(dest, {}):
        arguments = [str(site.directory()), str(dest), "--recovery-file", str(site.world.words)]
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            code = read_without_e2esync.main(arguments)
        if code:
            raise ReaderRefused(code, said.getvalue())
    return {path.name: tree(path) for path in dest.iterdir()}


@contextmanager
def _as_it_was(dev: Dev, honest: dict[bytes, tuple]) -> Iterator[None]:
    """NOCH, where the command is refused; where contents of files are, for these."""
    before = all_of(dev)
    try:
        yield
    except E2ESyncError as error:
        if refused_content(error):
            noch_but(dev, error, before, honest)
        else:
            unchanged(dev, before)
        raise


@contextmanager
def _nothing_in(dest: Path, honest: dict[bytes, tuple]) -> Iterator[None]:
    """NOCH for a destination that is not there before: refused, nothing is in it, or nothing of the files that are."""
    try:
        yield
    except E2ESyncError as error:
        done = error.done if isinstance(error, IntegrityError) else None
        for vault in done or ():
            failed = {item["path"].encode() for item in vault["failed"]}
            left = {path: thing for path, thing in honest.items() if path not in failed}
            if not failed or tree(vault["directory"]) != left:
                raise AttackSucceeded("a refused command has made what nobody wrote") from None
        if done is None and dest.exists() and any(dest.rglob("*")):
            raise AttackSucceeded(f"a refused command has made {list(dest.rglob('*'))[:5]}") from None
        raise


COMMANDS: dict[str, Callable[[Site], Result]] = {
    "pull with memory": pull_with_memory,
    "pull up to date": pull_up_to_date,
    "pull fresh": pull_fresh,
    "push": push,
    "join": join,
    "verify": verify_shallow,
    "verify --deep": verify_deep,
    "decrypt --offline": decrypt,
    "second reader": second_reader,
}
FROM_FILES = {"decrypt --offline", "second reader"}
VERIFY = {"verify", "verify --deep"}
PULL_WITH_MEMORY = {"pull with memory", "pull up to date"}
HAVE_MEMORY = PULL_WITH_MEMORY | VERIFY | {"push"}
