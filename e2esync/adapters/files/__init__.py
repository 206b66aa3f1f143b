"""The synced folder: the only code that touches it. The rules are in `folder`."""

from e2esync.adapters.files.faults import CannotWrite, ChangedLocally, Unreadable
from e2esync.adapters.files.fingerprint import Fingerprint
from e2esync.adapters.files.folder import LocalFolder
from e2esync.adapters.files.lock import FolderLock
from e2esync.adapters.files.openfile import OpenFile
from e2esync.adapters.files.staging import Staged, StagedFile
from e2esync.adapters.files.trash import Kept

__all__ = [
    "CannotWrite",
    "ChangedLocally",
    "Fingerprint",
    "FolderLock",
    "Kept",
    "LocalFolder",
    "OpenFile",
    "Staged",
    "StagedFile",
    "Unreadable",
]
