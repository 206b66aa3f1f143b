"""What a person is told by `status` when something is in the way of a real daemon, and how it goes on by itself after.

A `Scene` has two devices with a daemon each. A `Case` brings something over the laptop's; the desk's is well all
the time. While it lasts something is saved on both; once it is over, that has to be on both, with the same processes.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2esync.adapters.control import Control
from moto_fixtures.faulty_proxy import FaultProxy
from moto_fixtures.faulty_rules import CutBefore, Fault, Refusal, Rule
from moto_fixtures.servers import S3Server
from tests.daemon.fire import PACE, until
from tests.long.rig import PROGRAM, Device, Place

DEADLINE = 90.0  # seconds in which what has to come comes, on any machine
ROOT = Path(__file__).parents[2]
MIB = 1 << 20
PASSPHRASE = "E2ESYNC_PASSPHRASE_FILE"  # the name of a variable
RING = "FAKE_KEYRING"  # likewise: of tests.daemon.fakering, which is for processes of their own, and not imported here


@dataclass(frozen=True)
class Shown:
    """What `status` says while it lasts, and how long it takes until all is well again."""

    lines: tuple[str, ...]  # as a person reads them
    code: int
    told: Mapping[str, Any]  # as a program reads it
    recovery: float = 0.0  # seconds

    @property
    def sentence(self) -> str:
        """What it says first."""
        return self.lines[0]

    @property
    def needs(self) -> list[str]:
        """The codes of what a person has to see to."""
        return [need["code"] for need in self.told["needs_you"]]


@dataclass
class Scene:
    """A laptop that something comes over, and a desk that sees what arrives."""

    laptop: Device
    desk: Device
    scratch: Path
    proxy: FaultProxy | None = None
    pids: list[int] = field(default_factory=list)
    saved: int = 0

    def set_up(self, *words: str) -> None:
        """Make the vault, with a file in it, and let both keep it; `words` go to `setup`."""
        recovery, folder = self.scratch / "words", str(self.laptop.folder)
        self.laptop.run("setup", self.laptop.place.url, folder, "--recovery-file", str(recovery), *words)
        (self.laptop.folder / ".e2esyncignore").write_text("*.filler\n")
        self.laptop.run("push")
        self.desk.join(recovery)

    def start(self) -> None:
        """Start both daemons."""
        self.pids = [told["pid"] for told in self._both(lambda device: device.run("start", *PACE))]

    def stop(self) -> None:
        """End both, however they are."""
        self._both(lambda device: device.run("stop", check=False))

    def _both(self, do: Callable[[Device], dict[str, Any]]) -> list[dict[str, Any]]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(do, (self.laptop, self.desk)))

    def read(self) -> Shown:
        """Ask the laptop, as a person and as a program does."""
        told = self.laptop.run("status", check=False)
        done = subprocess.run(
            [PROGRAM, "status"], env=self.laptop.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == told["rc"], (done, told)
        return Shown(tuple(done.stdout.splitlines()), done.returncode, told)

    def wait_for(self, state: str) -> None:
        """Wait until the laptop is in this state."""
        try:
            until(lambda: asked(self.laptop)["state"] == state, "", DEADLINE)
        except TimeoutError:
            raise TimeoutError(f"never {state}: {asked(self.laptop)}") from None

    def save(self, device: Device) -> Path:
        """Save a file; return its path in both folders."""
        self.saved += 1
        path = Path(f"saved-{self.saved}.txt")
        (device.folder / path).write_text(f"saved {self.saved}")
        return path

    def both_have(self, paths: Sequence[Path]) -> bool:
        """Return whether these files are everywhere, and the same."""
        found = [[_bytes(device.folder / path) for path in paths] for device in (self.laptop, self.desk)]
        return found[0] == found[1] and None not in found[0]

    def wait_until_both_have(self, paths: Sequence[Path]) -> None:
        """Wait for that."""
        until(lambda: self.both_have(paths), f"not on both: {paths}", DEADLINE)


def asked(device: Device) -> dict[str, Any]:
    """Return what the daemon of a device says, by its socket."""
    return Control(device.home / "state" / "run" / "socket").ask("GET", "/status")


@dataclass(frozen=True)
class Case:
    """Something that comes over the laptop, and what it is to be told as."""

    name: str
    cause: Callable[[Scene], AbstractContextManager[object]]
    state: str
    need: str | None  # the code of what a person has to see to
    is_folder_there: bool = True  # while it lasts
    deletes: bool = False
    is_in_the_way: bool = True  # of all that is saved meanwhile

    @property
    def code(self) -> int:
        """The exit code of `status`."""
        return 0 if self.need is None else 4


def show(scene: Scene, case: Case) -> Shown:
    """Let it come over the laptop, see what that says, and wait until all is well again."""
    scene.wait_for("up-to-date")
    before = _names(scene.desk)
    with case.cause(scene):
        paths = [scene.save(scene.desk)]
        paths += [scene.save(scene.laptop)] if case.is_folder_there else []
        scene.wait_for(case.state)
        shown = scene.read()
        assert not (case.is_in_the_way and scene.both_have(paths))
        began = time.monotonic()  # what lifts it counts: commands that a person types take their time
    scene.wait_until_both_have(paths)
    scene.wait_for("up-to-date")
    recovery = time.monotonic() - began
    scene.wait_until_both_have([scene.save(scene.laptop), scene.save(scene.desk)])
    assert case.deletes or before <= _names(scene.desk)
    assert [_pid(device) for device in (scene.laptop, scene.desk)] == scene.pids  # both live since they began
    return Shown(shown.lines, shown.code, shown.told, recovery)


def _pid(device: Device) -> int:
    return int((device.home / "state" / "daemon.pid").read_text())


def _names(device: Device) -> set[str]:
    return {str(path.relative_to(device.folder)) for path in device.folder.rglob("*")}


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


# --- on the way to the store ----------------------------------------------------------------------------

ALL = "PUT GET HEAD LIST DELETE"
CHANGES = "PUT DELETE"
KEY, CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "AWS_SHARED_CREDENTIALS_FILE"  # variables


def _line(fault: Fault, verbs: str = ALL) -> Callable[[Scene], AbstractContextManager[None]]:
    @contextmanager
    def cause(scene: Scene) -> Iterator[None]:
        assert scene.proxy is not None
        scene.proxy.set_rules(Rule(fault, verbs))
        try:
            yield
        finally:
            scene.proxy.set_rules()

    return cause


def _refused(name: str, status: int, code: str, verbs: str, need: str) -> Case:
    return Case(name, _line(Refusal(status, code), verbs), "needs-you", need)


@contextmanager
def _wrong_secret(scene: Scene) -> Iterator[None]:
    """Log in with a secret that is not that of the key, and then correct the file."""
    path = Path(scene.laptop.place.env[CREDENTIALS])
    before = path.read_text()
    assert scene.proxy is not None
    _write_key(path, scene.proxy.access_key, "wrong")
    try:
        _log_in(scene)
        yield
    finally:
        path.write_text(before)


ON_THE_WAY = (
    Case("network cut", _line(CutBefore()), "offline", None),
    _refused("bucket read-only", 403, "AccessDenied", CHANGES, "credentials-refused"),
    Case("secret mistyped", _wrong_secret, "needs-you", "credentials-refused"),
    _refused("clock an hour off", 403, "RequestTimeTooSkewed", ALL, "clock-skew"),
    _refused("quota of the store", 403, "QuotaExceeded", CHANGES, "store-full"),
)
MORE_ON_THE_WAY = (
    _refused("access key withdrawn", 403, "InvalidAccessKeyId", ALL, "credentials-refused"),
    Case("store in trouble", _line(Refusal(503, "ServiceUnavailable")), "offline", None),
    _refused("nothing allowed", 403, "AccessDenied", ALL, "credentials-refused"),
    _refused("credentials expired", 400, "ExpiredToken", ALL, "credentials-refused"),
    _refused("disk of the store full", 507, "InsufficientStorage", CHANGES, "store-full"),
    _refused("bucket gone", 404, "NoSuchBucket", ALL, "no-bucket"),
)


# --- in the folder, and the directory that is the store ---------------------------------------------------


def _away(path_of: Callable[[Scene], Path]) -> Callable[[Scene], AbstractContextManager[None]]:
    @contextmanager
    def cause(scene: Scene) -> Iterator[None]:
        path = path_of(scene)
        elsewhere = path.rename(path.with_name("elsewhere"))
        try:
            yield
        finally:
            elsewhere.rename(path)

    return cause


@contextmanager
def _many_removed(scene: Scene) -> Iterator[None]:
    """Remove most of what is there, and then say that this is what is wanted, here and where they go."""
    paths = [Path("many", str(number)) for number in range(60)]
    (scene.laptop.folder / "many").mkdir()
    for path in paths:
        (scene.laptop.folder / path).write_text(path.name)
    scene.wait_until_both_have(paths)
    scene.laptop.run("pause")  # so that all go at once, however slow this is
    for path in paths[:50]:
        (scene.laptop.folder / path).unlink()
    scene.laptop.run("resume")
    yield
    assert all((scene.desk.folder / path).exists() for path in paths)
    assert scene.laptop.run("sync", "--accept-risk", "mass-delete")["deleted_remote"] == 50
    until(lambda: asked(scene.desk)["needs_you"], "the desk does not ask", DEADLINE)
    assert scene.desk.run("sync", "--accept-risk", "mass-delete")["deleted_local"] == 50


@contextmanager
def _saved_on_both(scene: Scene) -> Iterator[None]:
    """Save two contents of one file, and then choose one."""
    both = Path("both.txt")
    here, there = scene.laptop.folder / both, scene.desk.folder / both
    here.write_text("before")
    scene.wait_until_both_have([both])
    scene.wait_for("up-to-date")
    scene.laptop.run("pause")
    here.write_text("by the laptop")
    there.write_text("by the desk")
    scene.desk.run("sync")
    scene.laptop.run("resume")
    yield
    scene.laptop.run("conflicts", "resolve", str(here), "--keep", "this")


IN_THE_FOLDER = (
    Case(
        "folder moved away",
        _away(lambda scene: scene.laptop.folder),
        "needs-you",
        "safety-stop",
        is_folder_there=False,
    ),
    Case("most files removed", _many_removed, "needs-you", "safety-stop", deletes=True),
    Case("conflict", _saved_on_both, "needs-you", "conflict", is_in_the_way=False),
)
STORE_AWAY = Case(
    "directory of the store away", _away(lambda scene: Path(scene.laptop.place.url)), "needs-you", "no-bucket"
)


# --- on the laptop's disks: the folder on one, the home on another ------------------------------------------

KEPT_FREE = 64 * MIB  # by e2esync, when something comes


def can_mount(scratch: Path) -> bool:
    """Return whether this user may mount a disk that is a file."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return False
    try:
        with _image(scratch / "trial", 8):
            return True
    except AssertionError:
        return False


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def _must(*words: object) -> None:
    done = _run(*words)
    assert not done.returncode, f"{words}: {done.stderr}"


@contextmanager
def _small_disk(at: Path, mib: int) -> Iterator[None]:
    """Mount a disk with so much room."""
    at.mkdir()
    _must("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", at)
    try:
        yield
    finally:
        _must("umount", "-l", at)


@contextmanager
def _image(at: Path, mib: int) -> Iterator[None]:
    """Mount a disk that can be taken away and keeps what is on it."""
    at.mkdir()
    with _file_of(at).open("wb") as file:
        file.truncate(mib * MIB)
    _must("mkfs.ext4", "-q", "-F", "-m", 0, _file_of(at))
    _plug_in(at)
    (at / "lost+found").rmdir()
    try:
        yield
    finally:
        _must("umount", "-l", at)


def _file_of(at: Path) -> Path:
    return at.with_name(f"{at.name}.img")


def _plug_in(at: Path) -> None:
    _must("mount", "-o", "loop", _file_of(at), at)


@contextmanager
def _torn_out(scene: Scene) -> Iterator[None]:
    folder = scene.laptop.folder
    _must("umount", "-l", folder)
    try:
        yield
        assert not any(folder.iterdir())
    finally:
        _plug_in(folder)


@contextmanager
def _unmounted(scene: Scene) -> Iterator[None]:
    """Take the disk away as people should: a daemon that rests holds nothing of it."""
    folder = scene.laptop.folder
    scene.laptop.run("pause")
    until(lambda: not _run("umount", folder).returncode, "the folder is held", DEADLINE)
    scene.laptop.run("resume")
    try:
        yield
        assert not any(folder.iterdir())
    finally:
        _plug_in(folder)


@contextmanager
def _too_much_comes(scene: Scene) -> Iterator[None]:
    """Save at the desk what the laptop has no room for, and then make room."""
    folder, large = scene.laptop.folder, Path("large.bin")
    filler = folder / "room.filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - KEPT_FREE - MIB))
    (scene.desk.folder / large).write_bytes(os.urandom(4 * MIB))
    yield
    filler.unlink()
    scene.wait_until_both_have([large])


@contextmanager
def _state_has_no_room(scene: Scene) -> Iterator[None]:
    fillers = [scene.laptop.home / f"filler-{number}" for number in range(3)]
    _fill(fillers[0])
    for number in range(400):
        (scene.laptop.folder / f"more-{number}").write_text(f"{number}")
    yield
    for filler in fillers[1:]:  # also where what is known has to be opened on the full disk
        _fill(filler)
        assert scene.laptop.run("sync", check=False)["code"] == "disk-full"
    for filler in fillers:
        filler.unlink()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass


ON_THE_DISKS = (
    Case("disk full, something comes", _too_much_comes, "needs-you", "disk-full", is_in_the_way=False),
    Case("disk of the home full", _state_has_no_room, "needs-you", "disk-full", is_in_the_way=False),
    Case("disk torn out", _torn_out, "needs-you", "safety-stop", is_folder_there=False),
    Case("disk unmounted in a pause", _unmounted, "needs-you", "safety-stop", is_folder_there=False),
)


# --- the keys -----------------------------------------------------------------------------------------------


def _log_in(scene: Scene) -> None:
    """Let the laptop's daemon start again, as at a login."""
    scene.laptop.run("stop")
    scene.pids[0] = scene.laptop.run("start", *PACE)["pid"]


@contextmanager
def _keyring_locked(scene: Scene) -> Iterator[None]:
    key = Path(scene.laptop.place.env[RING]) / "open"
    key.unlink()
    _log_in(scene)
    yield
    key.touch()


@contextmanager
def _passphrase_away(scene: Scene) -> Iterator[None]:
    path = Path(scene.laptop.place.env[PASSPHRASE])
    elsewhere = path.rename(path.with_name("elsewhere"))
    _log_in(scene)
    yield
    elsewhere.rename(path)


@contextmanager
def _nobody_to_ask(scene: Scene) -> Iterator[None]:
    """Start without a word of the passphrase, and then type it in a terminal."""
    variables = scene.laptop.place.env
    assert isinstance(variables, dict)
    passphrase = Path(variables.pop(PASSPHRASE))
    try:
        _log_in(scene)
        yield
        _type(scene.laptop, passphrase.read_text())
    finally:
        variables[PASSPHRASE] = str(passphrase)


def _type(device: Device, passphrase: str) -> None:
    """Type a passphrase to `start`, once that has asked for it."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [PROGRAM, "start"], env=device.environment(), stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            said = b""
            while b"Passphrase" not in said:
                said += os.read(ours, 1000)
            os.write(ours, passphrase.encode() + b"\n")
            assert process.wait(DEADLINE) == 0
    finally:
        os.close(theirs)
        os.close(ours)


KEYRING = Case("keyring locked at login", _keyring_locked, "locked", "locked")
NOBODY_TO_ASK = Case("nobody to ask for the passphrase", _nobody_to_ask, "locked", "locked")
NO_PASSPHRASE = Case("file of the passphrase away", _passphrase_away, "locked", "locked")


# --- scenes -------------------------------------------------------------------------------------------------


@contextmanager
def on_a_line(server: S3Server, url: str, scratch: Path) -> Iterator[Scene]:
    """Give a laptop that reaches its store through a proxy."""
    with FaultProxy(server) as proxy:
        variables = {name: value for name, value in proxy.env().items() if name not in KEY}
        variables[CREDENTIALS] = str(
            _write_key(scratch / "credentials", server.access_key, server.secret_key)
        )
        with _running(_scene(scratch, Place(url, variables), Place(url, server.env()), proxy)) as scene:
            yield scene


def _write_key(path: Path, access: str, secret: str) -> Path:
    path.write_text(f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    return path


@contextmanager
def in_a_directory(scratch: Path) -> Iterator[Scene]:
    """Give devices whose store is a directory."""
    with _running(_beside(scratch)) as scene:
        yield scene


@contextmanager
def on_disks(scratch: Path) -> Iterator[Scene]:
    """Give a laptop whose folder is on a disk of its own, and whose home is on another."""
    scene = _beside(scratch)
    with ExitStack() as stack:
        stack.enter_context(_image(scene.laptop.folder, 96))
        stack.enter_context(_small_disk(scene.laptop.home, 4))
        yield stack.enter_context(_running(scene))


@contextmanager
def with_a_keyring(scratch: Path) -> Iterator[Scene]:
    """Give a laptop whose keys are in a keyring that can be locked."""
    ring = scratch / "ring"
    ring.mkdir()
    (ring / "open").touch()
    variables = {
        "PYTHON_KEYRING_BACKEND": "tests.daemon.fakering.FileRing",
        "PYTHONPATH": str(ROOT),
        RING: str(ring),
    }
    with _running(_beside(scratch, variables), "--key-store", "keyring") as scene:
        yield scene


@contextmanager
def with_a_passphrase(scratch: Path) -> Iterator[Scene]:
    """Give a laptop whose keys are under a passphrase, which is in a file."""
    path = scratch / "passphrase"
    path.write_text("correct horse battery")
    with _running(_beside(scratch, {PASSPHRASE: str(path)}), "--key-store", "passphrase") as scene:
        yield scene


@contextmanager
def _running(scene: Scene, *words: str) -> Iterator[Scene]:
    """Let both daemons of a scene run; they do not outlive this."""
    try:
        scene.set_up(*words)
        scene.start()
        yield scene
    finally:
        scene.stop()


def _beside(scratch: Path, variables: Mapping[str, str] | None = None) -> Scene:
    url = str(scratch / "store")
    return _scene(scratch, Place(url, variables or {}), Place(url))


def _scene(scratch: Path, laptop: Place, desk: Place, proxy: FaultProxy | None = None) -> Scene:
    return Scene(
        Device(scratch / "home-laptop", scratch / "laptop", laptop),
        Device(scratch / "home-desk", scratch / "desk", desk),
        scratch,
        proxy,
    )
