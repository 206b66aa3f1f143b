"""The scenarios of rclone's tests of bisync, as end states here.

They are those of `cmd/bisync/testdata` of github.com/rclone/rclone (MIT), told anew by what is done on each side after
both were equal. Where both sides changed a file, bisync by its default keeps both under new names; here one keeps the name.
Left out is what only bisync has: filters, arguments, working directories, listings, lock files, check files, modes of resync.
"""

from __future__ import annotations

from typing import NamedTuple

BASE = {f"file{number}.txt": f"{number}" for number in range(1, 9)} | {
    "subdir/file20.txt": "20",
    "copy1": "c",
}


class Scenario(NamedTuple):
    """What is done, each `write PATH CONTENT`, `touch PATH`, `delete PATH`, `mkdir PATH` or `move OLD NEW`."""

    name: str
    here: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    changes: tuple[
        str, ...
    ] = ()  # what is otherwise than before in the end: `PATH=CONTENT`, `PATH/`, or `-PATH`


CHANGES_HERE = (
    "write file11.txt 11", "write file2.txt new", "delete file4.txt", "write file5.txt left", "delete file6.txt",
    "write file7.txt newer", "delete file8.txt",
)  # fmt: skip
CHANGES_THERE = (
    "write file10.txt 10", "write file1.txt new", "delete file3.txt", "write file5.txt right", "write file6.txt newer",
    "delete file7.txt", "delete file8.txt",
)  # fmt: skip
CHANGED = (
    "file1.txt=new", "file2.txt=new", "-file3.txt", "-file4.txt", "file5.txt=left", "file5!.txt=right", "file6.txt=newer",
    "file7.txt=newer", "-file8.txt", "file10.txt=10", "file11.txt=11",
)  # fmt: skip
NAMES = (
    "New_mañana_funcionará", "Русский", "測試_file", "filename_contains_ě_", "file1_with\twhite\nspace", "raw_\x13_\x81_þ",
)  # fmt: skip

SCENARIOS = [
    Scenario(
        "basic",
        ("write subdir/file20.txt newer",),
        ("write file1.txt newer",),
        ("subdir/file20.txt=newer", "file1.txt=newer"),
    ),
    Scenario("changes", CHANGES_HERE, CHANGES_THERE, CHANGED),
    Scenario("nomodtime", CHANGES_HERE, CHANGES_THERE, CHANGED),
    Scenario("all_changed", tuple(f"touch {path}" for path in BASE)),
    Scenario(
        "equal",
        ("write file1.txt left", "write file2.txt same"),
        ("write file1.txt right", "write file2.txt same"),
        ("file1.txt=left", "file1!.txt=right", "file2.txt=same"),
    ),
    Scenario(
        "createemptysrcdirs: made", ("mkdir empty", "mkdir deep/er"), (), ("empty/", "deep/", "deep/er/")
    ),
    Scenario("createemptysrcdirs: removed", ("delete subdir",), (), ("-subdir/", "-subdir/file20.txt")),
    Scenario("rmdirs", ("delete subdir/file20.txt",), (), ("-subdir/file20.txt",)),
    Scenario(
        "rmdirs: one removes, one adds",
        ("delete subdir",),
        ("write subdir/new 1",),
        ("-subdir/file20.txt", "subdir/new=1"),
    ),
    Scenario(
        "ext_paths",
        ("write 測試Русский__ěáñ/file1p1 1",),
        ("write 測試Русский__ěáñ/file1p2 2",),
        ("測試Русский__ěáñ/", "測試Русский__ěáñ/file1p1=1", "測試Русский__ěáñ/file1p2=2"),
    ),
    Scenario(
        "extended_filenames",
        tuple(f"write {name} here" for name in NAMES[::2]),
        tuple(f"write {name} there" for name in NAMES[1::2]),
        tuple(f"{name}={'there' if number % 2 else 'here'}" for number, name in enumerate(NAMES)),
    ),
    Scenario(
        "extended_filenames: changed on both",
        ("write subdir/ࢺ_.txt left",),
        ("write subdir/ࢺ_.txt right",),
        ("subdir/ࢺ_.txt=left", "subdir/ࢺ_!.txt=right"),
    ),
    Scenario(
        "normalization",
        ("write folder/\xe9.txt 1", "write folder/HeLlO 1"),
        ("write folder/e\u0301.txt 2", "write folder/hello 2"),
        ("folder/", "folder/\xe9.txt=1", "folder/e\u0301.txt=2", "folder/HeLlO=1", "folder/hello=2"),
    ),
    Scenario(
        "max_delete_path1",
        tuple(f"delete file{number}.txt" for number in range(1, 6)),
        (),
        tuple(f"-file{number}.txt" for number in range(1, 6)),
    ),
    Scenario(
        "max_delete_path2_force",
        (),
        tuple(f"delete file{number}.txt" for number in range(1, 6)),
        tuple(f"-file{number}.txt" for number in range(1, 6)),
    ),
    Scenario(
        "resolve: newer",
        ("write file1.txt older",),
        ("write file1.txt newer", "touch file1.txt"),
        ("file1.txt=newer", "file1!.txt=older"),
    ),
    Scenario(
        "resolve: deleted and changed",
        ("delete file1.txt",),
        ("write file1.txt newer",),
        ("file1.txt=newer",),
    ),
    Scenario(
        "resolve: both new", ("write file20 left",), ("write file20 right",), ("file20=left", "file20!=right")
    ),
    Scenario("compare_all", ("write file1.txt X", "touch file2.txt"), ("touch file1.txt",), ("file1.txt=X",)),
    Scenario(
        "ignorelistingchecksum",
        ("write file1.txt X",),
        ("write subdir/file20.txt newer",),
        ("file1.txt=X", "subdir/file20.txt=newer"),
    ),
    Scenario(
        "backupdir", ("write file1.txt newer",), ("delete file3.txt",), ("file1.txt=newer", "-file3.txt")
    ),
    Scenario(
        "resync: each has what the other has not",
        ("write only/here 1",),
        ("write only/there 2",),
        ("only/", "only/here=1", "only/there=2"),
    ),
    Scenario(
        "a rename",
        ("move file1.txt subdir/renamed.txt",),
        ("write file1.txt newer",),
        ("-file1.txt", "subdir/renamed.txt=newer"),
    ),
]
