"""What can go wrong, sorted by who must act.

Drawn on top, so that a caller can catch as wide or as narrow as it needs:

    E2ESyncError
    ├── UsageError            2   the command was not understood, or a vault is there already
    │   └── WordsError            the recovery words are mistyped
    ├── PartlyFailed          3   finished, some files failed
    ├── NeedsYou              4   a person has to decide or make room
    │   └── DiskFull
    ├── NoAccess              5   nothing here that these keys open
    │   ├── NoVault
    │   ├── Locked                the local keys cannot be opened now
    │   └── CredentialsRefused    the store does not let us in (401, 403)
    ├── IntegrityError        6   what is stored is not what was written
    │   ├── BadObject
    │   ├── MissingObject
    │   ├── Rollback
    │   ├── Fork
    │   │   └── StateBehind       this device has published more than its state knows of
    │   └── StoreWiped
    ├── TemporaryError        7   later it may work
    │   └── StoreUnavailable
    ├── StoreRefused          8   the store or its owner refuses for good
    │   ├── NoBucket, WrongRegion, NotS3, TLSFailure, ClockSkew, StoreFull, NotAllowed
    │   └── NewerFormat
    ├── SafetyStop            9   a local guard stopped
    ├── DaemonNotRunning     10
    └── Busy                 11   another process has the folder

An error carries what the command line prints: `what` happened, `why`, and the `fix`. Security
checks say *that* they failed, never which byte. Everything else that escapes is our bug.
"""

from __future__ import annotations

from typing import Any, ClassVar

SAME = "the same command"  # in what mends something; where no command was typed, others say what is meant
AGAIN = f"run {SAME} again"


class E2ESyncError(Exception):
    """Base of every error that e2esync raises on purpose."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"
    default_why: ClassVar[str] = ""
    default_fix: ClassVar[str] = ""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why or self.default_why
        self.fix = fix or self.default_fix


class UsageError(E2ESyncError):
    """The command cannot be carried out as it was given."""

    exit_code = 2
    code = "usage"
    default_fix = "e2esync help"


class WordsError(UsageError):
    """The recovery words are not the 24 words of a phrase."""

    code = "mistyped-words"
    default_fix = "compare each word with your recovery sheet and type them again"


class VaultExists(UsageError):
    """`setup` met a vault."""

    code = "vault-exists"


class PartlyFailed(E2ESyncError):
    """The work is finished but for the files that are listed."""

    exit_code = 3
    code = "partly-failed"


class NeedsYou(E2ESyncError):
    """A person has to decide."""

    exit_code = 4
    code = "needs-you"


class DiskFull(NeedsYou):
    """The local disk has no room for what would be written."""

    code = "disk-full"
    default_fix = f"make room on this disk, then {AGAIN}"


class NoAccess(E2ESyncError):
    """Nothing here that these keys open."""

    exit_code = 5
    code = "no-access"


class NoVault(NoAccess):
    """There is no vault of this identity at this place."""

    code = "no-vault"


class Locked(NoAccess):
    """The keys of this device cannot be opened now."""

    code = "locked"


class CredentialsRefused(NoAccess):
    """The store does not accept our credentials (401, 403)."""

    code = "credentials-refused"
    default_fix = "e2esync doctor --store"


class IntegrityError(E2ESyncError):
    """What is stored is not what one of your devices wrote."""

    exit_code = 6
    code = "integrity"
    default_why = "an object in the store was changed, cut or replaced; nothing on this disk was touched"
    default_fix = "e2esync verify --deep"
    done: Any = None  # the summary of what was done all the same, where one device's word, or one content, was left out


class BadObject(IntegrityError):
    """A stored object failed verification."""

    code = "bad-object"


class MissingObject(IntegrityError):
    """A stored object that signed data names is not there."""

    code = "missing-object"
    default_why = "signed data names it, the store does not have it; nothing on this disk was touched"


class Rollback(IntegrityError):
    """The store shows an older state than this device has already accepted."""

    code = "rollback"


class Fork(IntegrityError):
    """The store shows a history that contradicts what this device has accepted."""

    code = "fork"


class StateBehind(Fork):
    """This device has published more than its local state knows of: that was restored, copied or lost."""

    code = "state-behind"


class StoreWiped(IntegrityError):
    """The store was emptied or replaced."""

    code = "store-wiped"


class TemporaryError(E2ESyncError):
    """The same command may work later."""

    exit_code = 7
    code = "temporary"
    default_fix = f"{AGAIN} later; what was stored is not sent twice"


class StoreUnavailable(TemporaryError):
    """Network trouble, a 5xx answer or throttling that outlasted the retries."""

    code = "store-unavailable"


class StoreRefused(E2ESyncError):
    """The store or its owner refuses for good."""

    exit_code = 8
    code = "store-refused"
    default_fix = "e2esync doctor --store"


class NoBucket(StoreRefused):
    """The bucket or directory does not exist."""

    code = "no-bucket"


class WrongRegion(StoreRefused):
    """The bucket lives in another region."""

    code = "wrong-region"


class NotS3(StoreRefused):
    """What answers there does not speak S3."""

    code = "not-s3"


class TLSFailure(StoreRefused):
    """The connection could not be secured."""

    code = "tls"


class ClockSkew(StoreRefused):
    """This clock and the store's are too far apart."""

    code = "clock-skew"
    default_fix = f"set this computer's clock (timedatectl set-ntp true), then {AGAIN}"


class StoreFull(StoreRefused):
    """The store takes no more bytes."""

    code = "store-full"
    default_fix = f"make room in the store or raise its quota, then {AGAIN}"


class NotAllowed(StoreRefused):
    """A write that this identity has no right to."""

    code = "not-allowed"


class NewerFormat(StoreRefused):
    """The data was written by a newer e2esync."""

    code = "newer-format"
    default_why = "it was written by a newer version of e2esync, or it is not ours"
    default_fix = "upgrade e2esync on this device"


class SafetyStop(E2ESyncError):
    """A local guard stopped before something that may be a mistake."""

    exit_code = 9
    code = "safety-stop"


class DaemonNotRunning(E2ESyncError):
    """The command needs the daemon."""

    exit_code = 10
    code = "daemon-not-running"
    default_fix = "e2esync start"


class Busy(E2ESyncError):
    """Another process works on the folder."""

    exit_code = 11
    code = "busy"
    default_fix = "wait until the other e2esync has finished, or stop it (e2esync stop)"
