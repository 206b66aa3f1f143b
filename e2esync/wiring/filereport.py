"""How one file is stored, by what this device knows; no request."""

from __future__ import annotations

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.state import FolderState
from e2esync.engine.inspect import FileReport, inspect
from e2esync.engine.members import open_membership
from e2esync.engine.notes import FolderNote
from e2esync.wiring.localdevice import CATALOGUE_FILE, STATE_FILE, HomeDevice


def inspect_file(local: HomeDevice, note: FolderNote, path: bytes) -> FileReport:
    """Return how the file at `path`, relative to the folder, is stored."""
    directory = local.home.vault(note.vault)
    membership = open_membership(note.vault, local.membership(note.vault))
    state, catalogue = FolderState(directory / STATE_FILE), Catalogue(directory / CATALOGUE_FILE)
    try:
        return inspect(path, state=state, catalogue=catalogue, membership=membership)
    finally:
        state.close()
        catalogue.close()
