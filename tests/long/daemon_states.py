"""What `e2esync status` says when something is in the way of the daemon, and how long it takes to go on after it.

python -m tests.long.daemon_states [--full] [NAME…]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from moto_fixtures.servers import SeaweedServer
from tests.daemon.states import (
    IN_THE_FOLDER,
    KEYRING,
    MORE_ON_THE_WAY,
    NO_PASSPHRASE,
    NOBODY_TO_ASK,
    ON_THE_DISKS,
    ON_THE_WAY,
    STORE_AWAY,
    Case,
    Scene,
    can_mount,
    in_a_directory,
    on_a_line,
    on_disks,
    show,
    with_a_keyring,
    with_a_passphrase,
)

Opening = Callable[[Path], AbstractContextManager[Scene]]


def main() -> int:
    """Show all of them, or those that are named; return 1 if one was not what it is to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a case; all if none is given")
    parser.add_argument(
        "--full", action="store_true", help="print all that status prints, not only the sentence"
    )
    given = parser.parse_args()
    bad = 0
    with TemporaryDirectory() as directory, SeaweedServer() as server:
        server.make_bucket("vaults")
        line = partial(on_a_line, server, "s3://vaults/home")
        for number, (opening, cases) in enumerate(_scenes(line, Path(directory))):
            wanted = [case for case in cases if not given.names or case.name in given.names]
            scratch = Path(directory) / f"{number}"
            scratch.mkdir()
            bad += _show_all(partial(opening, scratch), wanted, given.full) if wanted else 0
    return int(bad > 0)


def _scenes(line: Opening, scratch: Path) -> list[tuple[Opening, Sequence[Case]]]:
    found: list[tuple[Opening, Sequence[Case]]] = [
        (line, (*ON_THE_WAY, *MORE_ON_THE_WAY)),
        (in_a_directory, (*IN_THE_FOLDER, STORE_AWAY)),
        (with_a_keyring, (KEYRING,)),
        (with_a_passphrase, (NO_PASSPHRASE, NOBODY_TO_ASK)),
    ]
    if can_mount(scratch):
        return [*found, (on_disks, ON_THE_DISKS)]
    print(
        "left out, since disks are mounted by the superuser alone: " + ", ".join(c.name for c in ON_THE_DISKS)
    )
    return found


def _show_all(opening: Callable[[], AbstractContextManager[Scene]], cases: Sequence[Case], full: bool) -> int:
    bad = 0
    with opening() as scene:
        for case in cases:
            shown = show(scene, case)
            bad += (shown.told["state"], shown.code, shown.needs[:1]) != (
                case.state,
                case.code,
                [case.need] * bool(case.code),
            )
            lines = shown.lines if full else shown.lines[:1]
            text = "\n    ".join(line.replace(str(scene.scratch), "") for line in lines)
            print(
                f"{case.name}: {case.state}, exit {shown.code}, went on after {shown.recovery:.1f} s",
                flush=True,
            )
            print(f"    {text}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
