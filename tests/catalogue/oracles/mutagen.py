"""Mutagen's table of reconciliation, as what has to come of it here.

The cases are those of `pkg/synchronization/core/reconcile_test.go` of github.com/mutagen-io/mutagen (MIT) in its mode
"two way safe", told anew: what both had, what each made of it, what is there in the end. There, a conflict leaves each
side as it is; here both contents stand beside each other on both. The 21 cases with ignored content are left out.

A side is nothing (`-`), a file (`F1`, `F2`), a link (`SR` relative, `SA` absolute), a pipe (`P`), or a directory: `D0`
empty, `D1` with F1 in it, `D2` with F2, `DSR` with F1 and a link, `DSA` with a link, `DP` with a pipe.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A case; the outcome is a side, or words of `hands.plain` for two things of one name, or `HERE | THERE`."""

    name: str
    ancestor: str
    alpha: str
    beta: str
    outcome: str
    differs: str = ""  # how it comes out otherwise than there, in a word


ROWS = [
    Row("nothing anywhere", "-", "-", "-", "-"),
    Row("the same file", "F1", "F1", "F1", "F1"),
    Row("the same relative link", "SR", "SR", "SR", "SR"),
    Row("the same absolute link", "SA", "SA", "SA", "SA"),
    Row("the same empty directory", "D0", "D0", "D0", "D0"),
    Row("the same directory", "D1", "D1", "D1", "D1"),
    Row("both created the same file", "-", "F1", "F1", "F1"),
    Row("both created the same relative link", "-", "SR", "SR", "SR"),
    Row("both created the same absolute link", "-", "SA", "SA", "SA"),
    Row("both created the same empty directory", "-", "D0", "D0", "D0"),
    Row("both created the same directory", "-", "D1", "D1", "D1"),
    Row("both created the same file in a directory", "D0", "D1", "D1", "D1"),
    Row("both created the same relative link in a directory", "D1", "DSR", "DSR", "DSR"),
    Row("both created the same absolute link in a directory", "D0", "DSA", "DSA", "DSA"),
    Row("both deleted a file", "F1", "-", "-", "-"),
    Row("both deleted a file in a directory", "D1", "D0", "D0", "D0"),
    Row("both deleted a relative link in a directory", "DSR", "D1", "D1", "D1"),
    Row("both deleted an absolute link in a directory", "DSA", "D0", "D0", "D0"),
    Row("both deleted an empty directory", "D0", "-", "-", "-"),
    Row("both deleted a directory", "D1", "-", "-", "-"),
    # what cannot be synced
    Row("a pipe here, nothing else", "-", "P", "-", "P | -"),
    Row("a pipe here for a file that is deleted there", "F1", "P", "-", "P | -"),
    Row("a pipe here for an empty directory that is deleted there", "D0", "P", "-", "P | -"),
    Row("a pipe here for a file", "F1", "P", "F1", "P | F1"),
    Row("a pipe there, nothing else", "-", "-", "P", "- | P"),
    Row("a pipe there for a file that is deleted here", "F1", "-", "P", "- | P"),
    Row("a pipe there for a file", "F1", "F1", "P", "F1 | P"),
    Row("a pipe there for an empty directory that is deleted here", "D0", "-", "P", "- | P"),
    Row("pipes on both", "-", "P", "P", "P | P"),
    Row("pipes on both for a file", "F1", "P", "P", "P | P"),
    Row("pipes on both for a directory", "D1", "P", "P", "P | P"),
    # one side
    Row("a file created here", "-", "F1", "-", "F1"),
    Row("an empty directory created here", "-", "D0", "-", "D0"),
    Row("a directory created here", "-", "D1", "-", "D1"),
    Row("a file created here in a directory", "D0", "D1", "D0", "D1"),
    Row("a file modified here", "F1", "F2", "F1", "F2"),
    Row("a file replaced by a directory here", "F1", "D1", "F1", "D1"),
    Row("a file deleted here", "F1", "-", "F1", "-"),
    Row("a directory deleted here", "D1", "-", "D1", "-"),
    Row("a file created there", "-", "-", "F1", "F1"),
    Row("an empty directory created there", "-", "-", "D0", "D0"),
    Row("a directory created there", "-", "-", "D1", "D1"),
    Row("a file created there in a directory", "D0", "D0", "D1", "D1"),
    Row("a file modified there", "F1", "F1", "F2", "F2"),
    Row("a file replaced by a directory there", "F1", "F1", "D1", "D1"),
    Row("a file deleted there", "F1", "F1", "-", "-"),
    Row("a directory deleted there", "D1", "D1", "-", "-"),
    # both sides
    Row("both created different files", "-", "F1", "F2", "thing=1 thing!=2", "beside"),
    Row("a file here, a directory there", "-", "F1", "D1", "thing!=1 thing/ thing/file=1", "beside"),
    Row("both created a directory, here with a file", "-", "D1", "D0", "D1"),
    Row("both created a directory, there with a file", "-", "D0", "D1", "D1"),
    Row(
        "both created a directory with different files",
        "-",
        "D1",
        "D2",
        "thing/ thing/file=1 thing/file!=2",
        "beside",
    ),
    Row("modified here, deleted there", "F1", "F2", "-", "F2"),
    Row("deleted here, modified there", "F1", "-", "F2", "F2"),
    Row("deleted here, emptied there", "D1", "-", "D0", "-"),
    Row("emptied here, deleted there", "D1", "D0", "-", "-"),
    # both, with what cannot be synced
    Row("a pipe here in a directory", "D0", "DP", "D0", "DP | D0"),
    Row("a directory with a pipe created here", "-", "DP", "-", "DP | D0"),
    Row("a pipe there in a directory", "D0", "D0", "DP", "D0 | DP"),
    Row("a directory with a pipe created there", "-", "-", "DP", "D0 | DP"),
    Row("a pipe for the file here, a file for the directory there", "D1", "DP", "F2", "DP | F2"),
    Row("a file for the directory here, a pipe for the file there", "D1", "F2", "DP", "F2 | DP"),
]
