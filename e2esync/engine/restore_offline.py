"""`decrypt --offline`: from a copied store and the recovery words to files, on a machine that knows nothing else.

It is a join and a pull of a device that never writes: the same checks, the same code, and nothing
appears in the destination before all of a vault is verified.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from e2esync.adapters.catalogue import Catalogue
from e2esync.adapters.state import FolderState
from e2esync.adapters.stores.directory import DirectoryStore
from e2esync.crypto.secrets import Entropy
from e2esync.engine.apply import apply
from e2esync.engine.fetch import TRUSTED, fetch_good, refuse
from e2esync.engine.join import Candidate, find_vaults, look_at
from e2esync.engine.members import open_membership
from e2esync.engine.notes import KeptIdentity
from e2esync.engine.objects import read_all
from e2esync.engine.own import list_heads
from e2esync.engine.restore import passing_folder
from e2esync.engine.setup import fingerprint_of
from e2esync.engine.vault import SYSTEM_CLOCK, Clock, Progress, Summary, SyncedFolder, silent
from e2esync.errors import IntegrityError, UsageError
from e2esync.format import names
from e2esync.model.store import Store
from e2esync.vault.cipher import VaultCipher
from e2esync.vault.device import create_device
from e2esync.vault.identity import open_identity
from e2esync.vault.keyring import open_keyring
from e2esync.vault.trust import recall


def decrypt_offline(
    store_copy: Path,
    dest: Path,
    entropy: Entropy,
    *,
    clock: Clock = SYSTEM_CLOCK,
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """Write every vault of an identity into a directory of its name under `dest`; return what was done.

    Raises:
        NoVault: These words open nothing here.
        IntegrityError: Something fails verification; nothing of that vault was written. If it was the tree of one
            device's head, or the content of a file (in `failed`), all else was written, and what would have been
            returned is the error's `done`.
        UsageError: A directory that would be written is there already and not empty.
    """
    store = DirectoryStore(store_copy)
    objects = read_all(store, names.people(fingerprint_of(entropy)), [names.Kind.CARD, names.Kind.CARD_KEYS])
    kept = KeptIdentity(open_identity(entropy, objects), {})
    found = [
        _decrypt(store, kept, candidate, dest / _directory_name(candidate), clock, progress)
        for candidate in find_vaults(store, kept)
    ]
    done = [report for report, _ in found]
    refuse(next((error for _, error in found if error is not None), None), done)
    return done


def _directory_name(candidate: Candidate) -> str:
    """Return a name that is one plain component, whatever the own record says."""
    safe = "".join(
        letter if letter.isprintable() and letter not in "/\\:" else "_" for letter in candidate.name
    )
    return safe.strip(". ")[:100] or candidate.vault.hex()[:16]


def _decrypt(
    store: Store, kept: KeptIdentity, candidate: Candidate, target: Path, clock: Clock, progress: Progress
) -> tuple[dict[str, Any], IntegrityError | None]:
    if target.exists() and any(target.iterdir()):
        raise UsageError(
            f"{target} is not empty", why="files there could be overwritten", fix="name an empty DEST"
        )
    found = look_at(store, kept, candidate)
    membership = open_membership(candidate.vault, found.membership)
    keyring = open_keyring(membership, kept.identity)
    summary = Summary()
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="e2esync-")))
        state, catalogue = FolderState(work / "state.db"), Catalogue(work / "catalogue.db")
        stack.callback(state.close)
        stack.callback(catalogue.close)
        vault = SyncedFolder(
            vault_id=candidate.vault,
            store=store,
            membership=membership,
            keyring=keyring,
            cipher=VaultCipher(candidate.vault, keyring),
            catalogue=catalogue,
            clock=clock,
            progress=progress,
            device=create_device(kept.identity),
            names=("", ""),
            state=state,
            folder=stack.enter_context(passing_folder(target)),
        )
        # What own records remember is a floor for a device without memory (format §3.6).
        state.set(TRUSTED, recall(candidate.notes).encode())
        aside = fetch_good(vault, list_heads(vault))
        refused = apply(vault, summary)
    report = {
        "vault": candidate.vault.hex(),
        "name": candidate.name,
        "directory": str(target),
        **asdict(summary),
    }
    return report, aside or refused
