"""`join`: this device joins a vault of its own identity (format §3, §4).

Only a vault counts whose genesis this identity signed; own records give it name and memory. All
else in the store is ignored, and nothing is ever made there but this device's own record.

The order, interruptible after each step; the same command run again comes to its end:

1. identity, vaults and heads are read and verified; the person chooses and confirms;
2. identity and device keys are durable on this device;
3. the store gets the own record;
4. the folder is made and marked, then noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from e2esync.crypto.secrets import Entropy
from e2esync.engine.members import fetch_membership, open_membership
from e2esync.engine.notes import Dedup, FolderNote, KeptIdentity, KeptMembership, LocalDevice, StoreAddress
from e2esync.engine.objects import read, read_all
from e2esync.engine.ownnote import notes_of, points, seal_note, vault_note
from e2esync.engine.setup import fingerprint_of, mark_folder
from e2esync.engine.vault import Clock
from e2esync.errors import BadObject, Fork, MissingObject, NewerFormat, NoVault, Rollback, UsageError
from e2esync.format import names
from e2esync.format.ownrecord import OwnRecord, VaultNote
from e2esync.model.store import Store
from e2esync.vault.device import Device, create_device
from e2esync.vault.heads import Head, open_head
from e2esync.vault.identity import Identity, open_identity
from e2esync.vault.keyring import open_keyring
from e2esync.vault.membership import open_genesis
from e2esync.vault.ownrecord import open_own_record
from e2esync.vault.trust import Trusted, recall


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """What is to be joined, and where it goes."""

    path: Path
    store: StoreAddress
    vault: str | None = None  # name, or the beginning of the id
    dedup: Dedup = Dedup.VAULT


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vault that this identity may join."""

    vault: bytes
    name: str  # "" if no own record names it
    store: str  # as noted
    notes: tuple[VaultNote, ...]
    user_name: str  # as the devices of this identity have it, or ""

    @property
    def label(self) -> str:
        """What people see and type."""
        return self.name or self.vault.hex()[:12]


@dataclass(frozen=True, slots=True)
class Found:
    """The chosen vault as the store shows it."""

    candidate: Candidate
    membership: KeptMembership
    heads: tuple[Head, ...]

    @property
    def newest(self) -> Head | None:
        """The head with the latest date."""
        return max(self.heads, key=lambda head: head.time, default=None)


class Questions(Protocol):
    """What a person decides."""

    def choose(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return one of several vaults."""
        ...

    def confirm(self, found: Found, folder: Path, *, is_empty: bool) -> None:
        """Show vault and date; ask before a folder that is not empty, and raise if it is declined."""
        ...


def join(
    request: JoinRequest,
    store: Store,
    local: LocalDevice,
    *,
    entropy: Entropy | None,
    questions: Questions,
    clock: Clock,
) -> tuple[FolderNote, Found]:
    """Make this device one of the identity's in one vault.

    `entropy` is None where this device has the identity already.

    Raises:
        NoVault: The store holds no vault of this identity.
        UsageError: There are several and none is named, or this device has another identity.
        IntegrityError: Something in the store fails verification.
    """
    kept = kept_identity(store, local, entropy)
    candidates = find_vaults(store, kept)
    candidate = choose(candidates, request.vault, questions)
    folder = request.path
    found = look_at(store, kept, candidate)
    done = _joined_before(local, candidate.vault)
    if done is not None and done.path == folder:
        return done, found
    if done is not None:
        raise UsageError(
            f"the vault {candidate.label!r} is synced on this device already",
            why=f"its folder is {done.path}",
            fix=f"e2esync forget {done.path}, then join again",
        )
    trusted = recall(candidate.notes)
    check_floor(trusted, found.heads)
    questions.confirm(found, folder, is_empty=is_empty(folder))
    if not local.user_name:
        local.set_user_name(candidate.user_name)
    if local.kept_identity() is None:
        local.save_identity(kept)
    device = ensure_device(store, local, kept.identity, candidate.vault)
    name = candidate.name or folder.name
    note = FolderNote(candidate.vault, name, folder, request.store, device.id, request.dedup)
    noted = _noted(note, found, trusted)
    others = notes_of(local, device.id, but=note.vault)
    store.put(*seal_note(local, kept, device, [*others, noted], clock))
    mark_folder(note)
    local.add_folder(note, found.membership, trusted)
    return note, found


def kept_identity(store: Store, local: LocalDevice, entropy: Entropy | None) -> KeptIdentity:
    """Return the identity: of this device, or of the words by what the store keeps of it."""
    kept = local.kept_identity()
    if kept is not None:
        if entropy is not None and fingerprint_of(entropy) != kept.identity.public.fingerprint:
            raise UsageError(
                "these recovery words are of another identity than this device's",
                why="one device is one person",
                fix="use another E2ESYNC_HOME for another person",
            )
        return kept
    if entropy is None:
        raise UsageError(
            "there is no identity on this device", fix="e2esync join … --recovery-file FILE, or --words"
        )
    prefix = names.people(fingerprint_of(entropy))
    objects = read_all(store, prefix, [names.Kind.CARD, names.Kind.CARD_KEYS])
    try:
        identity = open_identity(entropy, objects)
    except NoVault:
        raise _no_vault(store) from None
    return KeptIdentity(identity, _kept_objects(identity, objects))


def _kept_objects(identity: Identity, objects: Mapping[str, bytes]) -> dict[str, bytes]:
    keys = next(
        key for key in sorted(objects) if key.startswith(names.people(identity.public.fingerprint) + "keys-")
    )
    return {identity.public.key: objects[identity.public.key], keys: objects[keys]}


def _no_vault(store: Store) -> NoVault:
    return NoVault(
        f"there is no vault of yours at {store.url}",
        why="nothing there was made with these recovery words",
        fix="check address and prefix, and the words; a new vault is made by e2esync setup",
    )


def find_vaults(store: Store, kept: KeptIdentity) -> tuple[Candidate, ...]:
    """Return every vault in the store whose genesis this identity signed, by name.

    What the store adds is ignored: a genesis of somebody else.

    Raises:
        NoVault: There is none.
        BadObject: An own record, or a vault that one names, fails verification.
    """
    noted: dict[bytes, list[VaultNote]] = {}
    user_name = ""
    for record in _own_records(store, kept.identity):
        user_name = user_name or record.user_name
        for note in record.vaults:
            noted.setdefault(note.vault, []).append(note)
    found = []
    for vault in sorted(_genesis_ids(store) | noted.keys()):
        notes = tuple(noted.get(vault, ()))
        if _is_ours(store, kept.identity, vault, is_noted=bool(notes)):
            name, address = (notes[0].name, notes[0].store) if notes else ("", "")
            found.append(Candidate(vault, name, address, notes, user_name))
    if not found:
        raise _no_vault(store)
    return tuple(sorted(found, key=lambda one: (one.name, one.vault)))


def _own_records(store: Store, identity: Identity) -> Iterator[OwnRecord]:
    prefix = names.people(identity.public.fingerprint)
    for key, content in read_all(store, prefix, [names.Kind.OWN_RECORD]).items():
        device = key.rpartition("own-")[2]
        yield open_own_record(content, device, identity=identity.public, key=identity.hpke)


def _genesis_ids(store: Store) -> set[bytes]:
    found = (names.parse(info.key) for info in store.list("vaults/"))
    return {name.owner for name in found if name is not None and name.kind is names.Kind.GENESIS}


def _is_ours(store: Store, identity: Identity, vault: bytes, *, is_noted: bool) -> bool:
    """Return whether this identity signed a genesis. Where an own record says so, it has to."""
    genesis = read(store, names.genesis(vault))
    if genesis is None:
        return False
    try:
        owner = open_genesis(vault, genesis, {identity.public.card_hash: identity.public})
    except (BadObject, MissingObject, NewerFormat):
        if is_noted:
            raise
        return False
    return owner == identity.public


def choose(candidates: Sequence[Candidate], wanted: str | None, questions: Questions) -> Candidate:
    """Return the vault that is meant.

    Raises:
        UsageError: None or several are called that.
    """
    if wanted is None:
        return candidates[0] if len(candidates) == 1 else questions.choose(candidates)
    matching = [one for one in candidates if wanted == one.name or one.vault.hex().startswith(wanted.lower())]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(f"{one.label} ({one.vault.hex()[:12]})" for one in candidates)
    if not matching:
        raise UsageError(
            f"there is no vault {wanted!r} of yours here", why=f"there are: {listed}", fix="--vault NAME"
        )
    raise UsageError(
        f"several vaults are called {wanted!r}", why=listed, fix="--vault with the beginning of the id"
    )


def look_at(store: Store, kept: KeptIdentity, candidate: Candidate) -> Found:
    """Return the chosen vault with its heads, verified as far as a device without memory can."""
    membership = fetch_membership(store, candidate.vault, kept.identity.public)
    opened = open_membership(candidate.vault, membership)
    keyring = open_keyring(opened, kept.identity)
    heads = []
    for key, content in read_all(store, names.heads_prefix(candidate.vault), [names.Kind.HEAD]).items():
        device = key.rpartition("/")[2]
        heads.append(open_head(content, device, vault_id=candidate.vault, membership=opened, keyring=keyring))
    return Found(candidate, membership, tuple(heads))


def _joined_before(local: LocalDevice, vault: bytes) -> FolderNote | None:
    return next((note for note in local.folders() if note.vault == vault), None)


def is_empty(folder: Path) -> bool:
    """Return whether a folder is absent, or holds nothing but our own directory."""
    try:
        return all(item.name == ".e2esync" for item in folder.iterdir())
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        raise UsageError(
            f"{folder} is not a directory", fix="name a directory, or one that does not exist"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be read", why=error.strerror or "", fix=f"ls -ld {folder}"
        ) from error


def ensure_device(store: Store, local: LocalDevice, identity: Identity, vault: bytes) -> Device:
    """Return keys under which nothing was written into this vault yet; new ones are durable.

    Where a head of ours is there and its state is not, its sequence must not be used again.
    """
    for device in reversed(local.devices()):
        if store.head(names.head(vault, device.id)) is None:
            return device
    device = create_device(identity)
    local.add_device(device)
    return device


def check_floor(trusted: Trusted, heads: Iterable[Head]) -> None:
    """See that the store shows no less than own records remember (format §3.6); nothing is kept before that.

    Raises:
        Rollback: A head that another device of this identity has seen is older here, or not there.
        Fork: It is another.
    """
    shown = {head.device: (head.sequence, head.hash) for head in heads}
    for device, known in trusted.heads.items():
        sequence, digest = shown.get(device, (0, b""))
        if sequence < known.sequence:
            raise Rollback(
                "the store shows an older state than another device of yours has seen",
                why=f"the device {device.hex()[:8]} has written more than its head there shows",
            )
        if sequence == known.sequence and digest != known.hash:
            raise Fork("the store shows another state than another device of yours has seen")


def _noted(note: FolderNote, found: Found, trusted: Trusted) -> VaultNote:
    """Return what the own record says of the vault: its heads as they were read just now."""
    opened = open_membership(note.vault, found.membership)
    heads = {device_id: (sequence, digest) for device_id, sequence, digest in points(trusted)}
    heads |= {head.device: (head.sequence, head.hash) for head in found.heads}
    context = tuple((device_id, *heads[device_id]) for device_id in sorted(heads))
    return vault_note(note, opened.owner.fingerprint, opened.tip, context)
