"""What commands that look into a vault begin with: the place that a path names, and the open vault."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from e2esync.cli.handing import alone
from e2esync.cli.progress import Bar
from e2esync.cli.session import Session, folder_of

if TYPE_CHECKING:
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.notes import FolderNote
    from e2esync.engine.vault import SyncedFolder
    from e2esync.wiring.localdevice import HomeDevice


def place_of(session: Session, local: HomeDevice, path: Path) -> tuple[FolderNote, bytes]:
    """Return the folder in which a path is, and the path in it: empty for the folder itself. A link means itself.

    Raises:
        NoVault: There is no folder on this device.
        UsageError: It is in none.
    """
    notes = session.folders(local, None)
    given = path.expanduser()
    parent, name = (given.parent, given.name) if given.name not in {"", ".."} else (given, "")
    full = Path(os.path.realpath(parent)) / name
    note = folder_of(notes, full if full in {note.path for note in notes} else full.parent)
    relative = full.relative_to(note.path)
    return note, b"" if relative == Path() else bytes(relative)


@contextmanager
def opened(
    session: Session,
    local: HomeDevice,
    note: FolderNote,
    settings: Mapping[str, str | None],
    *,
    traffic: Traffic | None = None,
    accepted: Collection[str] = (),
) -> Iterator[SyncedFolder]:
    """Open a vault, with the settings of the store that were given for this command alone, and a bar of progress."""
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.wiring.build import synced_folder

    given = {key: value for key, value in settings.items() if value is not None}
    with (
        alone(session, note),
        Bar(session.out) as bar,
        synced_folder(
            local,
            note,
            traffic=traffic or Traffic(),
            progress=bar,
            address=replace(note.store, **given),
            accepted=accepted,
        ) as vault,
    ):
        yield vault
