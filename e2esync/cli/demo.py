"""`demo`: a tour with two devices and a store in a scratch directory, by the same commands that anybody types."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from e2esync.cli import options as o
from e2esync.cli.output import Output, escape
from e2esync.cli.session import Session
from e2esync.errors import E2ESyncError
from e2esync.model.amounts import counted

_CONTENT = "The meeting is at noon, by the old oak.\n"
_EDITED = _CONTENT + "Bring the maps.\n"
_OF_LAPTOP, _OF_DESKTOP = "And a lantern.\n", "And a rope.\n"
_NAME = "meeting-notes.txt"
_DEVICES = ("laptop", "desktop")
_DEADLINE = 60.0  # seconds
_PROGRAM = (sys.executable, "-m", "e2esync")


class DemoFailed(E2ESyncError):
    """A step of the tour did not do what it should."""

    code = "demo-failed"


def demo(
    json: o.Json = False, no_input: o.NoInput = False, yes: o.Yes = False, plain: o.Plain = False
) -> None:
    """Take a short tour: two devices with the daemon, one store and what its provider sees; a conflict, and a version that comes back."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    root = Path(tempfile.mkdtemp(prefix="e2esync-demo-"))
    tour = _Tour(root, session.out)
    tour.first_device()
    tour.provider()
    tour.second_device()
    try:
        tour.daemons()
        tour.edit()
        tour.conflict()
        tour.restore()
    finally:
        tour.end_daemons()
    tour.verify()
    session.out.document(
        "demo", directory=str(root), store=str(root / "store"), folders=[str(tour.laptop), str(tour.desktop)]
    )
    tour.say("That was it. Look around, then remove the directory in which everything lies:")
    session.out.data(f"    {root}")


class _Tour:
    """The scratch directory and the way through it."""

    def __init__(self, root: Path, out: Output) -> None:
        self._root, self._out = root, out
        self._store, self._words = root / "store", root / "recovery-words.txt"
        self.laptop, self.desktop = root / "laptop" / "Sync", root / "desktop" / "Sync"

    def first_device(self) -> None:
        """Make a vault and push a file."""
        self.say(
            "A laptop sets up a vault. The store is a plain directory here; a bucket works the same. The 24"
            " recovery words go to a file, since nobody may be there to write them down."
        )
        self._run("laptop", "setup", self._store, self.laptop, "--recovery-file", self._words)
        (self.laptop / _NAME).write_text(_CONTENT)
        self.say(f"It saves a file, {_NAME}, and pushes it.")
        self._run("laptop", "push")

    def provider(self) -> None:
        """Look at the store with the provider's eyes."""
        objects = sorted(path for path in self._store.rglob("*") if path.is_file())
        self.say(
            f"What does the provider see? {counted(len(objects), 'object')}, all names random or hashes:"
        )
        for path in objects:
            name = str(path.relative_to(self._store))
            self._out.data(f"    {name[:24]}…{name[-24:]}  {path.stat().st_size} bytes")
        clear = [
            word for word in (_NAME, _CONTENT.strip(), "noon", "meeting") if _found(objects, word.encode())
        ]
        if clear:
            raise DemoFailed(
                f"the store holds {clear[0]!r} in clear", why="it should be sealed", fix="report this"
            )
        self.say(
            f"Searched all of it for the file's name and for its words: not one is there ({_NAME!r}, 'noon', …)."
        )

    def second_device(self) -> None:
        """Join from the words, and pull."""
        self.say("A desktop joins with nothing but the address and the recovery words, and pulls.")
        self._run("desktop", "join", self._store, self.desktop, "--recovery-file", self._words)
        self._run("desktop", "pull")
        self._expect(self.desktop, _CONTENT)

    def daemons(self) -> None:
        """Let both devices keep their folders by themselves."""
        self.say(
            "Both start the daemon, which nobody has to think of again: from here on nobody pushes or pulls."
            " (It waits two seconds for a file to be quiet, and five between two looks at the store; less here.)"
        )
        for device in _DEVICES:
            self._run(device, "start", "--settle", "0.2", "--poll", "0.3")

    def end_daemons(self) -> None:
        """End them, also where the tour broke off."""
        self.say("Both stop.")
        for device in _DEVICES:
            self._run(device, "stop")

    def edit(self) -> None:
        """Edit on one device, and see it come to the other."""
        self.say("The desktop adds a line and saves. A moment later the laptop has it.")
        (self.desktop / _NAME).write_text(_EDITED)
        self._await(lambda: _content_of(self.laptop) == [_EDITED])
        self._expect(self.laptop, _EDITED)
        self._run("laptop", "status")
        self.say("How is the file stored, and whose public key opens it?")
        self._run("laptop", "inspect", self.laptop / _NAME)

    def conflict(self) -> None:
        """Edit on both devices at the same time, and settle it."""
        self.say("Now both are out of reach for a while (paused, here), and both edit the same file.")
        for device in _DEVICES:
            self._run(device, "pause")
        (self.laptop / _NAME).write_text(_EDITED + _OF_LAPTOP)
        (self.desktop / _NAME).write_text(_EDITED + _OF_DESKTOP)
        for device in _DEVICES:
            self._run(device, "resume")
        both = sorted(_EDITED + line for line in (_OF_LAPTOP, _OF_DESKTOP))
        self._await(lambda: _content_of(self.laptop) == _content_of(self.desktop) == both)
        self.say("Neither is lost: one keeps the name, the other stands beside it. Which is it to be?")
        self._run("laptop", "conflicts", "list")
        self._run("laptop", "conflicts", "resolve", self.laptop / _NAME, "--keep", "this")
        self._await(lambda: len(_content_of(self.desktop)) == 1)

    def restore(self) -> None:
        """Delete the file, and bring its last version back."""
        self.say("The desktop deletes the file. Every version of it is in the vault still.")
        content = _content_of(self.laptop)
        (self.desktop / _NAME).unlink()
        self._await(lambda: _content_of(self.laptop) == [])
        self._run("laptop", "history", self.laptop / _NAME)
        self._run("laptop", "restore", self.laptop / _NAME, "--deleted")
        self._await(lambda: _content_of(self.desktop) == content)
        self._expect(self.desktop, content[0])

    def verify(self) -> None:
        """Check every byte of the store."""
        self.say("The laptop reads the whole store again, and checks every byte of it.")
        self._run("laptop", "verify", "--deep")

    def say(self, text: str) -> None:
        """Explain."""
        self._out.data()
        for line in textwrap.wrap(text, 98):
            self._out.data(escape(line))

    def _await(self, come: Callable[[], bool]) -> None:
        """Wait for what the daemons do."""
        end = time.monotonic() + _DEADLINE
        while not come():
            if time.monotonic() > end:
                raise DemoFailed(
                    "what one device saved did not come to the other",
                    why="it should, within seconds",
                    fix="report this",
                )
            time.sleep(0.05)

    def _expect(self, folder: Path, content: str) -> None:
        shown = (folder / _NAME).read_text()
        if shown != content:
            raise DemoFailed(f"{folder / _NAME} does not hold what was pushed", why=shown, fix="report this")
        self._out.data(f"    {folder.parent.name}: {shown.splitlines()[-1]}")

    def _run(self, device: str, *arguments: str | Path) -> None:
        """Run a command as one of the devices, and show it with its output."""
        shown = " ".join(str(argument).replace(f"{self._root}/", "") for argument in arguments)
        self._out.data(f"  {device}$ e2esync {shown}")
        done = subprocess.run(  # noqa: S603 - ourselves
            [*_PROGRAM, *map(str, arguments)],
            env=self._environment(device),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            self._out.data(f"    {line.replace(f'{self._root}/', '')}")
        if done.returncode:
            raise DemoFailed(
                f"e2esync {shown} ended with {done.returncode}",
                why=done.stderr.strip() or "it said nothing",
                fix="e2esync doctor",
            )

    def _environment(self, device: str) -> dict[str, str]:
        """Return our own environment, but for what would change the device or its output."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("E2ESYNC_")}
        ours = {"E2ESYNC_HOME": str(self._root / device / "home"), "E2ESYNC_DEVICE_NAME": device}
        return {**kept, **ours, "E2ESYNC_NO_NOTIFY": "1"}


def _content_of(folder: Path) -> list[str]:
    """Return what the notes in a folder say: of the file, and of what stands beside it."""
    return sorted(path.read_text() for path in folder.glob("*.txt"))


def _found(objects: list[Path], needle: bytes) -> bool:
    return any(needle in path.read_bytes() or needle in bytes(path) for path in objects)
