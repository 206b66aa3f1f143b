"""Work of a program that unpacks, renames and deletes at full speed."""

from __future__ import annotations

import shutil
from pathlib import Path

SIZE = 100  # files
DELETED = 12


def unpack(top: Path) -> None:
    """Make a new tree of `SIZE` files in nested directories, rename some of it and delete `DELETED` files."""
    for number in range(SIZE):
        path = top / f"{number // 50}" / f"{number // 10}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%s %d" % (top.name.encode(), number))
    (top / "0" / "3").rename(top / "1" / "renamed")
    (top / "1" / "renamed" / "31").rename(top / "31, renamed")
    (top / "31, renamed").write_bytes(b"and edited")
    (top / "0" / "1").rename(top / "1" / "moved")
    (top / "1" / "moved").rename(top / "0" / "moved back")
    for number in (71, 72):
        (top / "1" / "7" / f"{number}").unlink()
    shutil.rmtree(top / "1" / "8")
    top.rename(top.with_name(f"{top.name}, unpacked"))
