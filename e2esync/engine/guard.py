"""The guards: stop and ask before a step that may be a mistake, and name the command that goes on."""

from __future__ import annotations

from typing import Literal

from e2esync.engine.vault import SyncedFolder
from e2esync.errors import SAME, SafetyStop
from e2esync.merge.guards import Risk, risk_of

Direction = Literal["push", "pull"]

_DOES = {
    Risk.MASS_DELETE: "delete {gone} of {files} files",
    Risk.MASS_CHANGE: "replace {changed} of {files} files",
    Risk.ROOT_EMPTIED: "delete everything",
}
_WHAT = {"push": "what changed here", "pull": "what changed elsewhere"}
_WHERE = {"push": "in the vault", "pull": "in {folder}"}
_WHY = {
    ("push", Risk.MASS_DELETE): "they are not in {folder} any more; nothing was published",
    ("push", Risk.MASS_CHANGE): "nearly all that is in {folder} was changed at once; nothing was published",
    ("push", Risk.ROOT_EMPTIED): "{folder} is empty; nothing was published",
    ("pull", Risk.MASS_DELETE): "they were deleted on another device; nothing here was touched",
    ("pull", Risk.MASS_CHANGE): "they were changed on another device; nothing here was touched",
}


def guard(
    vault: SyncedFolder,
    direction: Direction,
    *,
    files: int,
    gone: int,
    changed: int,
    is_emptied: bool = False,
) -> None:
    """See that a step is not larger than what people do without a second look.

    Raises:
        SafetyStop: It is, and its risk was not accepted.
    """
    risk = risk_of(files=files, gone=gone, changed=changed, is_emptied=is_emptied)
    if risk is None or risk in vault.accepted:
        return
    told = {"files": files, "gone": gone, "changed": changed, "folder": vault.folder.root}
    raise SafetyStop(
        f"{_WHAT[direction]} would {_DOES[risk]} {_WHERE[direction]}".format(**told),
        why=_WHY[direction, risk].format(**told),
        fix=f"bring the files back, or, if this is what you want, {SAME} with --accept-risk {risk}"
        if direction == "push"
        else f"if this is what you want, {SAME} with --accept-risk {risk}",
    )
