"""`setup`: a new vault, and where there is none yet a new identity (format §4.1, §10).

The order, interruptible after each step; the same command run again comes to its end:

1. the store is looked at: it must hold nothing of anybody else's;
2. the recovery words reach the person;
3. identity and device keys are durable on this device;
4. the plan is durable: every object that the store gets, with the folder and its vault;
5. the store gets card, card keys, first membership record and own record, and the genesis last,
   and gives all of it back;
6. the folder is made and marked;
7. the folder is noted, and the plan forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from e2esync.adapters import durable
from e2esync.adapters.files import LocalFolder
from e2esync.crypto import recovery
from e2esync.crypto.secrets import Entropy
from e2esync.engine.notes import (
    Dedup,
    FolderNote,
    KeptIdentity,
    KeptMembership,
    LocalDevice,
    Plan,
    PromisedWords,
    StoreAddress,
)
from e2esync.engine.objects import read
from e2esync.engine.ownnote import notes_of, seal_note, vault_note
from e2esync.engine.vault import Clock
from e2esync.errors import StoreUnavailable, UsageError, VaultExists, WordsError
from e2esync.format import names
from e2esync.model.store import Store
from e2esync.vault.device import create_device
from e2esync.vault.identity import create_identity
from e2esync.vault.keyring import NewVault, create_vault
from e2esync.vault.trust import NOTHING

ShowWords = Callable[[tuple[str, ...]], None]
"""Shows the words and returns once the person has confirmed them; it raises if not."""


@dataclass(frozen=True, slots=True)
class NewFolder:
    """What a setup is to make."""

    path: Path
    store: StoreAddress
    name: str
    dedup: Dedup = Dedup.VAULT


def setup(
    request: NewFolder, store: Store, local: LocalDevice, *, words: ShowWords | Path, clock: Clock
) -> FolderNote:
    """Make a vault and connect the folder to it; finish what was begun.

    `words` shows the recovery words of a new identity, or is the file that gets them.

    Raises:
        VaultExists: The store holds a vault that this identity did not make on this device.
        UsageError: The words cannot be handed over, or the folder is in use.
    """
    plan = local.plan(request.path)
    if plan is None or plan.note.store != request.store:
        known = local.kept_identity()
        check_free(store, known.identity.public.fingerprint if known else None)
        plan = make_plan(request, local, ensure_identity(local, words), clock)
        local.save_plan(plan)
    for key, content in plan.objects:
        store.put(key, content)
    check_kept(store, plan.objects)
    mark_folder(plan.note)
    local.promise_words(
        None
    )  # the identity is known outside now; before the plan goes, so that it is made once
    local.add_folder(plan.note, plan.membership, NOTHING)
    return plan.note


def check_kept(store: Store, objects: Iterable[tuple[str, bytes]]) -> None:
    """See that the store has what it took: of the identity's keys and the genesis there is no other copy.

    Raises:
        StoreUnavailable: It has not; the plan stays, and the same command puts them again.
    """
    for key, content in objects:
        if read(store, key) != content:
            raise StoreUnavailable(
                "the store does not keep what it was given",
                why="it acknowledged an object, and does not give it back",
            )


def check_free(store: Store, own: bytes | None) -> None:
    """See that a vault may be made here; `own` is the fingerprint of an identity of this device.

    Raises:
        VaultExists: There are objects of somebody else's, or of ours from another device.
    """
    owners = set()
    for prefix in ("people/", "vaults/"):
        for info in store.list(prefix):
            name = names.parse(info.key)
            if name is None:
                continue
            if prefix == "people/":
                owners.add(name.owner)
                continue
            if own is None or own not in owners:
                _refuse(store)
            return
    if owners and own not in owners:
        _refuse(store)


def _refuse(store: Store) -> None:
    raise VaultExists(
        f"{store.url} holds a vault already: did you mean `join`?",
        why="setup makes a new vault, and never writes into one that is there",
        fix=f"e2esync join {store.url}, or choose another prefix",
    )


def ensure_identity(local: LocalDevice, words: ShowWords | Path) -> KeptIdentity:
    """Return the identity of this device, made if there is none; its words have reached the person then.

    Raises:
        UsageError: There is one already and a file was named, or the file exists.
    """
    kept = local.kept_identity()
    promised = local.promised_words()
    if kept is not None:
        if isinstance(words, Path) and (promised is None or promised.path != words):
            raise UsageError(
                "this device has an identity already",
                why="recovery words are shown once, when the identity is made; no device keeps them",
                fix="run the same command without --recovery-file",
            )
        return kept
    if isinstance(words, Path):
        entropy = write_words(words, local)
    else:
        entropy = recovery.generate()
        words(recovery.to_words(entropy))
    identity, objects = create_identity(entropy)
    kept = KeptIdentity(identity, objects)
    local.save_identity(kept)
    return kept


def write_words(path: Path, local: LocalDevice) -> Entropy:
    """Write new words to a file that does not exist; take those that an interrupted setup wrote there.

    Raises:
        UsageError: The file exists, or cannot be written.
    """
    promised = local.promised_words()
    if promised is not None and promised.path == path:
        entropy = _promised(path, promised)
        if entropy is not None:
            return entropy
    if path.exists() or path.is_symlink():
        raise _file_exists(path)
    entropy = recovery.generate()
    local.promise_words(PromisedWords(path, fingerprint_of(entropy)))
    try:
        durable.create(path, ("\n".join(recovery.to_words(entropy)) + "\n").encode())
    except FileExistsError:
        raise _file_exists(path) from None
    except OSError as error:
        raise UsageError(
            "the recovery file cannot be written",
            why=f"{path}: {error.strerror}",
            fix="name another file with --recovery-file",
        ) from error
    return entropy


def _promised(path: Path, promised: PromisedWords) -> Entropy | None:
    """Return the words of our own unfinished setup; a file without a byte is removed, it holds none."""
    try:
        text = path.read_text("utf-8")
    except OSError:
        return None
    if not text:
        path.unlink()
        return None
    try:
        entropy = recovery.from_words(text)
    except WordsError:
        return None
    return entropy if fingerprint_of(entropy) == promised.fingerprint else None


def _file_exists(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists already",
        why="recovery words are never written over another file",
        fix="name a file that does not exist with --recovery-file",
    )


def fingerprint_of(entropy: Entropy) -> bytes:
    """Return the fingerprint of the identity of these words."""
    return recovery.fingerprint(recovery.root_key(entropy).public, recovery.recovery_key(entropy).public)


def make_plan(request: NewFolder, local: LocalDevice, kept: KeptIdentity, clock: Clock) -> Plan:
    """Return what the store gets, in the order of writing; the device that writes is durable."""
    devices = local.devices()
    device = devices[-1] if devices else create_device(kept.identity)
    if not devices:
        local.add_device(device)
    vault = create_vault(kept.identity, local.user_name)
    note = FolderNote(vault.vault_id, request.name, request.path, request.store, device.id, request.dedup)
    membership = KeptMembership(
        vault.genesis, {vault.members_key: vault.members}, (kept.identity.public.record,)
    )
    noted = vault_note(note, kept.identity.public.fingerprint, vault.keyring.tip, ())
    own = seal_note(local, kept, device, [*notes_of(local, device.id, but=note.vault), noted], clock)
    return Plan(note, membership, _in_order(kept, vault, own))


def _in_order(kept: KeptIdentity, vault: NewVault, own: tuple[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    people = sorted(kept.objects.items())  # `card-…` before `keys-…`
    return (*people, (vault.members_key, vault.members), own, (vault.genesis_key, vault.genesis))


def mark_folder(note: FolderNote) -> None:
    """Make the folder where there is none, and mark it as that of its vault."""
    folder = LocalFolder.create(note.path)
    try:
        folder.write_marker(note.vault)
    finally:
        folder.close()
