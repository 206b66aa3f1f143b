"""Add lines to the file of ignore rules in the root of a folder, as a person would with an editor."""

from __future__ import annotations

from collections.abc import Iterable

from e2esync.adapters.files import LocalFolder
from e2esync.engine.diskrules import read_rules, understood
from e2esync.engine.vault import Clock
from e2esync.ignoring.rules import RULES_FILE

MODE = 0o644  # of a new file


def add_rules(folder: LocalFolder, lines: Iterable[str], *, clock: Clock) -> list[str]:
    """Append the lines that the file does not have yet; return these.

    Raises:
        Unreadable: What is there cannot be understood.
        ChangedLocally, CannotWrite, DiskFull: It was left as it is.
    """
    before = folder.stat(RULES_FILE)
    content = read_rules(folder, b"") or b""
    understood(content, RULES_FILE)
    there = {line.removesuffix("\r") for line in content.decode("utf-8-sig").split("\n")}
    new = [line for line in dict.fromkeys(lines) if line not in there]
    if not new:
        return []
    if content and not content.endswith(b"\n"):
        content += b"\n"
    content += "".join(line + "\n" for line in new).encode()
    understood(content, RULES_FILE)
    staged = folder.stage(len(content))
    try:
        staged.write(content)
        staged.set_meta(clock.now_ns(), before.mode if before is not None else MODE)
        staged.close()
        folder.barrier()
        folder.replace(staged, RULES_FILE, before)
        folder.barrier()
    finally:
        staged.discard()
    return new
