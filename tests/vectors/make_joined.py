"""Test vectors of what several devices wrote without seeing each other: joining, folding, the view (§6.7–6.9).

`tests.vectors.make` calls this. What the second reader makes of each case is compared with what stands here by hand:
which values stay, and which paths are shown.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from examples import read_without_e2esync as r
from tests.reader import operations
from tests.vectors import writer as w

CHANCE = w.Chance("joined trees")
SECRET, EPOCH, LATER, EPOCH_KEY, DATA_KEY = (CHANCE(32) for _ in range(5))
A, B, C = (bytes([byte]) * 16 for byte in (0x0A, 0x0B, 0x0C))  # devices
T0 = 1_700_000_000  # 2023-11-14 22:13:20
Save = Callable[[str, str, str, str, dict[str, Any], Any], None]
Dot = tuple[bytes, int, int]
Node = tuple[bytes, bytes]


# --- values, entries, nodes ---


def key(name: bytes, kind: int = r.FILE, parent: bytes = r.ROOT, n: int = 0) -> bytes:
    return parent + name + b"\0" + r.u8(kind) + n.to_bytes(4, "big")


def number(of: bytes) -> bytes:
    return r.directory_number(SECRET, of)


def hash_of(content: bytes) -> bytes:
    return r.keyed_id(SECRET, "content hash", content)


def file(
    dot: Dot,
    content: bytes,
    mtime: int = 0,
    *,
    device: str = "laptop",
    saved: int = T0,
    epoch: bytes = EPOCH,
    told: bytes = b"",
) -> r.Value:
    keys = [[epoch, epoch, w.wrap_data_key(EPOCH_KEY, DATA_KEY)]]
    chunks = [0, r.keyed_id(DATA_KEY, "chunk id", content), len(content)] if content else []
    form = (keys, chunks, len(content), mtime, device, saved)
    return r.Value(*dot, told or hash_of(content), form)


def link(dot: Dot, target: bytes, mtime: int = 0) -> r.Value:
    return r.Value(*dot, target, (mtime,))


def plain(dot: Dot, told: Any) -> r.Value:
    """`here`, a vault id, or bits."""
    return r.Value(*dot, told)


def place(dot: Dot, name: bytes, parent: bytes = r.ROOT) -> r.Value:
    return r.Value(*dot, (parent, name))


def entry(
    device: bytes,
    sequence: int,
    contents: list[r.Value],
    *,
    past: dict[bytes, int] | None = None,
    places: list[r.Value] | None = None,
    modes: list[r.Value] | None = None,
) -> r.Entry:
    fields = (r.best_forms(places or []), r.best_forms(contents), r.best_forms(modes or []))
    made = r.Entry(device, (past or {}) | {device: sequence}, fields)
    assert contents
    assert all(made.covers(value) for field in fields for value in field)
    return made


def value(of: bytes, *entries: r.Entry) -> bytes:
    closed = [r.close_entry(of[-5], e) for e in sorted(entries, key=lambda e: e.device)]
    assert all(r.close_entry(of[-5], r.open_entry(of[-5], e)) == e for e in closed)
    return r.encode(closed) if closed else b""


# --- §6.7 ---


def joins(save: Save) -> None:
    """Join nodes of two trees."""
    of = key(b"name")
    by_a = entry(A, 1, [file((A, 1, 1), b"one")])
    by_b = entry(B, 1, [file((B, 1, 1), b"two")])
    by_c = entry(C, 4, [file((C, 4, 1), b"three")])
    after = entry(B, 2, [file((B, 2, 1), b"two")], past={A: 1})
    twin = entry(A, 1, [file((A, 1, 1), b"other")], past={B: 3})
    moved = entry(A, 1, [file((A, 1, 1), b"one", 5, epoch=LATER)], places=[place((A, 1, 2), b"there")])
    both = entry(A, 1, [file((A, 1, 1), b"one"), file((A, 1, 1), b"other")], past={B: 3})
    high = max(EPOCH, LATER)
    form = entry(A, 1, [file((A, 1, 1), b"one", 5 * (high == LATER), epoch=high)], places=moved.fields[0])
    inline = file((A, 1, 1), b"one")
    keys, _, _, *more = inline.form
    listed = r.Value(A, 1, 1, inline.told, (keys, [bytes(32), 0, 65], 65, *more))
    lists = entry(A, 1, [listed])
    a1, b1, a1b1, a1b2 = {A: 1}, {B: 1}, {A: 1, B: 1}, {A: 1, B: 2}
    cases: dict[str, tuple[str, Any, Any, dict[bytes, int], dict[bytes, int], Any]] = {
        "both": ("both hold the entry", [by_a], [by_a], a1, a1b1, [by_a]),
        "new": ("the other has not seen it", [by_a], [], a1, b1, [by_a]),
        "newer": ("the other has seen less of its device", [by_c], [], {C: 4}, {C: 3}, [by_c]),
        "replaced": ("the other replaced it", [by_a], [after], a1, a1b2, [after]),
        "deleted": ("the other has seen it and holds it no more", [by_a], [], a1, a1b1, []),
        "all-gone": ("each has deleted what the other holds", [by_a], [by_b], a1b1, a1b1, []),
        "nothing": ("neither holds anything", [], [], a1, b1, []),
        "edit-and-deletion": ("deleted here, edited there", [], [after], {A: 1, C: 2}, a1b2, [after]),
        "twins": ("two different entries under one dot", [by_a], [twin], a1, {A: 1, B: 3}, [both]),
        "twin-forms": ("one content in two forms under one dot", [by_a], [moved], a1, a1, [form]),
        "twin-chunks": ("chunks, and a list of chunks, under one dot", [by_a], [lists], a1, a1, [lists]),
        "three": ("entries of three devices", [by_a, by_b], [by_c], a1b1, {C: 4}, [by_a, by_b, by_c]),
        "one-of-three": (
            "one of two entries replaced, and a third",
            [by_a, by_c],
            [after, by_c],
            {A: 1, C: 4},
            {A: 1, B: 2, C: 4},
            [after, by_c],
        ),
    }
    for name, (what, one, other, seen_by_one, seen_by_other, wanted) in cases.items():
        sides = {"key": of, "one": value(of, *one), "other": value(of, *other)}
        seen = {"seen by one": seen_by_one, "seen by other": seen_by_other}
        expect = operations.join_node(sides | seen, Path())
        assert expect == {"value": value(of, *wanted)}, name
        shown = {side: {device.hex(): s for device, s in devices.items()} for side, devices in seen.items()}
        save(f"join-node-{name}", "6.7", "join node", what, sides | shown, expect)


# --- §6.8 ---

Wanted = tuple[list[r.Value], list[r.Value], list[r.Value], bytes]  # and the name under which it stands


def folds(save: Save) -> None:
    """Fold the entries of files, then of other kinds."""
    base, one, two = file((C, 1, 1), b"base"), file((A, 1, 1), b"one"), file((B, 1, 1), b"two")
    go, elsewhere = place((A, 1, 2), b"moved"), place((B, 1, 2), b"elsewhere")
    back = place((B, 2, 2), b"name")
    low, high = sorted([EPOCH, LATER])
    by_c = entry(C, 1, [base])
    move = entry(A, 1, [base], past={C: 1}, places=[go])
    edit = entry(B, 1, [two], past={C: 1})
    mode_a, mode_b = plain((A, 1, 3), 0o600), plain((B, 1, 3), 0o755)
    base_mode = plain((C, 1, 3), 0o640)
    twin = file((A, 1, 1), b"twin")
    later = entry(A, 2, [base], past={C: 1}, places=[place((A, 2, 1), b"later")])
    moves = [place((A, 1, 2), b"a"), place((A, 1, 2), b"b")]
    cases: dict[str, tuple[str, list[r.Entry], Wanted]] = {
        "one": ("one entry, at its birthplace", [by_c], ([], [base], [], b"name")),
        "move-and-edit": ("moved here, edited there", [move, edit], ([go], [two], [], b"moved")),
        "edits": ("edited by both", [entry(A, 1, [one], past={C: 1}), edit], ([], [one, two], [], b"name")),
        "covered": ("what another entry covers and lacks goes", [by_c, edit], ([], [two], [], b"name")),
        "none-would-stay": (
            "each covers what the other has: all stay",
            [entry(A, 1, [one], past={B: 1}), entry(B, 1, [two], past={A: 1})],
            ([], [one, two], [], b"name"),
        ),
        "none-would-stay-of-one-field": (
            "a place that is covered, where there is no other",
            [move, entry(B, 1, [two], past={A: 1, C: 1})],
            ([go], [two], [], b"moved"),
        ),
        "two-forms": (
            "one content under two epochs",
            [
                entry(A, 1, [file((C, 1, 1), b"base", epoch=high)], past={C: 1}),
                entry(B, 1, [file((C, 1, 1), b"base", 9, epoch=low)], past={C: 1}),
            ],
            ([], [file((C, 1, 1), b"base", epoch=high)], [], b"name"),
        ),
        "two-moves": (
            "moved by both: the highest dot",
            [move, entry(B, 1, [base], past={C: 1}, places=[elsewhere])],
            ([go, elsewhere], [base], [], b"elsewhere"),
        ),
        "moved-back": (
            "moved, then back to the birthplace, which is a place",
            [move, entry(B, 2, [base], past={A: 1, C: 1}, places=[back])],
            ([back], [base], [], b"name"),
        ),
        "sequence-first": (
            "dots are ordered by sequence before device",
            [later, edit, entry(C, 1, [base], places=[place((C, 1, 9), b"earlier")])],
            ([place((A, 2, 1), b"later")], [two], [], b"later"),
        ),
        "modes": (
            "permission bits by several",
            [
                entry(A, 1, [base], past={C: 1}, modes=[mode_a]),
                entry(B, 1, [base], past={C: 1}, modes=[mode_b]),
                entry(C, 1, [base], modes=[base_mode]),
            ],
            ([], [base], [mode_a, mode_b], b"name"),
        ),
        "passed-off": (
            "two contents under one dot, in one entry",
            [entry(A, 1, [one, twin])],
            ([], sorted([one, twin], key=lambda v: v.told), [], b"name"),
        ),
        "passed-off-to-two": (
            "two contents under one dot, in two entries that cover it",
            [entry(A, 1, [one]), entry(B, 1, [twin], past={A: 1})],
            ([], sorted([one, twin], key=lambda v: v.told), [], b"name"),
        ),
        "passed-off-beside": (
            "the same, beside a content that nobody else covers",
            [entry(A, 1, [one]), entry(B, 1, [twin, two], past={A: 1})],
            ([], [*sorted([one, twin], key=lambda v: v.told), two], [], b"name"),
        ),
        "places-passed-off": (
            "two places under one dot: by parent and name",
            [entry(A, 1, [one], places=moves)],
            (moves, [one], [], b"b"),
        ),
    }
    _save_folds(save, r.FILE, cases)
    folds_of_others(save)


def folds_of_others(save: Save) -> None:
    """Fold the entries of directories, symlinks and vaults."""
    here, gone = plain((C, 1, 1), True), plain((A, 1, 1), False)
    again = plain((B, 1, 1), True)
    removed = entry(A, 1, [gone], past={C: 1})
    first, second = plain((A, 1, 1), bytes(32)), plain((B, 1, 1), b"\1" * 32)
    cases: dict[str, tuple[str, list[r.Entry], Wanted]] = {
        "directory-gone": ("a directory removed", [removed, entry(C, 1, [here])], ([], [gone], [], b"name")),
        "directory-here": (
            "removed here, written into there",
            [removed, entry(B, 1, [again], past={C: 1})],
            ([], [gone, again], [], b"name"),
        ),
    }
    _save_folds(save, r.DIRECTORY, cases)
    forms = [link((C, 1, 1), b"target", mtime) for mtime in (3, 4)]
    twice = [entry(d, 1, [form], past={C: 1}) for d, form in zip((A, B), forms, strict=True)]
    links: dict[str, tuple[str, list[r.Entry], Wanted]] = {
        "symlink-two-forms": ("one target with two times", twice, ([], forms[1:], [], b"name"))
    }
    _save_folds(save, r.SYMLINK, links)
    vaults = [entry(A, 1, [first]), entry(B, 1, [second])]
    _save_folds(save, r.VAULT_NODE, {"vault": ("two vaults", vaults, ([], [first, second], [], b"name"))})


def _save_folds(save: Save, kind: int, cases: dict[str, tuple[str, list[r.Entry], Wanted]]) -> None:
    of = key(b"name", kind)
    for name, (what, entries, (places, contents, attributes, stands)) in cases.items():
        folded = r.fold(entries)
        assert folded == r.fold(entries[::-1]) == (places, contents, attributes), name
        inputs = {"key": of, "value": value(of, *entries)}
        expect = operations.fold(inputs, Path())
        assert expect["stands"] == (r.ROOT, stands), name
        save(f"fold-{name}", "6.8", "fold", what, inputs, expect)


# --- §6.9 ---


class Trees:
    """Saves the cases of the view."""

    def __init__(self, save: Save) -> None:
        self.save = save

    def case(self, name: str, what: str, nodes: list[Node], paths: Sequence[bytes | str]) -> None:
        """Save one; `paths` are what must be shown, in order."""
        inputs = {"secret": SECRET, "tree": [[k.hex(), v.hex()] for k, v in sorted(nodes)]}
        with tempfile.TemporaryDirectory() as folder:
            expect = operations.view(inputs, Path(folder))
        wanted = sorted(path.encode() if isinstance(path, str) else path for path in paths)
        assert [path for path, *_ in expect] == wanted, (name, [path for path, *_ in expect], wanted)
        self.save(f"view-{name}", "6.9", "view", what, inputs, expect)


def node(of: bytes, *entries: r.Entry) -> Node:
    return of, value(of, *entries)


def edited(name: bytes, *contents: r.Value) -> Node:
    """A file or symlink at the root whose contents came from different devices, each by its own entry."""
    of = key(name, r.SYMLINK if len(contents[0].form) == 1 else r.FILE)
    entries = [
        entry(d, max(c.sequence for c in contents if c.device == d), [c for c in contents if c.device == d])
        for d in sorted({c.device for c in contents})
    ]
    return node(of, *entries)


def directory(
    name: bytes, parent: bytes = r.ROOT, *, here: bool = True, at: r.Value | None = None, n: int = 0
) -> Node:
    by = at.device if at else A
    sequence = at.sequence if at else 1
    here_ = plain((by, sequence, 8), here)
    of = key(name, r.DIRECTORY, parent, n)
    return node(of, entry(by, sequence, [here_], places=[at] if at else []))


def some(name: bytes, parent: bytes = r.ROOT, *, n: int = 0, at: r.Value | None = None) -> Node:
    of = key(name, r.FILE, parent, n)
    return node(of, entry(A, 1, [file((A, 1, 1), b"content")], places=[at] if at else []))


def moved_to(name: bytes, of: bytes, *contents: r.Value) -> Node:
    """A node with these contents, of different devices, that a third moved."""
    at = place((C, 1, 2), name)
    return node(of, *(entry(c.device, c.sequence, [c], places=[at], past={C: 1}) for c in contents))


def digits(of: bytes, many: int = 8) -> str:
    return of.hex()[:many]


WHEN = "2023-11-14 22-13"


def views(save: Save) -> None:
    """Show trees."""
    trees = Trees(save)
    _contents(trees)
    _names(trees)
    _nodes_of_one_name(trees)
    _life(trees)
    _cycles(trees)
    _orphans(trees)


def _contents(trees: Trees) -> None:
    case = trees.case
    d = directory(b"d", here=True)
    inside = node(key(b"link", r.SYMLINK, number(d[0])), entry(B, 1, [link((B, 1, 1), b"../file")]))
    case("plain", "a tree of one device", [some(b"file"), d, inside], ["d", "d/link", "file"])
    case("nothing", "a tree without nodes", [], [])
    one, two, three = (
        file((device, 1, 1), text, mtime, device=name)
        for device, text, mtime, name in (
            (A, b"one", 3, "laptop"),
            (B, b"two", 2, "tower"),
            (C, b"three", 1, "pi"),
        )
    )

    def copy(content: r.Value, who: str) -> str:
        return f"file (conflict, {who}, {WHEN} {digits(content.told)}).txt"

    tower, pi = copy(two, "tower"), copy(three, "pi")
    case("edit-conflict", "edited by two", [edited(b"file.txt", one, two)], ["file.txt", tower])
    case("three-contents", "edited by three", [edited(b"file.txt", three, two, one)], ["file.txt", tower, pi])
    empty, newer_empty = file((C, 1, 1), b"", 9), file((B, 1, 1), b"", 8)
    case("empty", "an empty file beside one that is not", [edited(b"file.txt", one, empty)], ["file.txt"])
    case("two-empties", "two empty files", [edited(b"file.txt", newer_empty, empty)], ["file.txt"])
    case(
        "empties-and-two",
        "two empty files beside two that are not",
        [edited(b"file.txt", one, file((A, 1, 2), b"", 10), two, empty)],
        ["file.txt", tower],
    )
    same = file((B, 1, 1), b"one", 2)
    case("equal", "equal bytes by two", [edited(b"file.txt", one, same)], ["file.txt"])
    late = file((C, 1, 1), b"one", 0, device="pi")
    case(
        "equal-and-other",
        "equal bytes by two, others between",
        [edited(b"file.txt", one, late, two)],
        ["file.txt", tower],
    )
    old = file((B, 9, 1), b"two", -5, device="tower")
    case("mtime", "the newer mtime is first", [edited(b"file.txt", one, old)], ["file.txt", tower])
    alike = [
        file((d, s, 1), t, device=n) for d, s, t, n in ((A, 2, b"one", "laptop"), (B, 1, b"two", "tower"))
    ]
    case("dot", "of equal mtime the higher dot is first", [edited(b"file.txt", *alike)], ["file.txt", tower])
    twins = sorted((file((A, 1, 1), t) for t in (b"one", b"two")), key=lambda v: v.told)
    case(
        "dot-twice",
        "under one dot the higher hash is first",
        [edited(b"file.txt", *twins)],
        ["file.txt", copy(twins[0], "laptop")],
    )
    lower, higher = (file((d, 1, 1), b"two", m, device=n) for d, m, n in ((A, 1, "pi"), (B, 2, "tower")))
    first = file((C, 1, 1), b"one", 9)
    case(
        "equal-beside",
        "equal bytes beside others",
        [edited(b"file.txt", lower, first, higher)],
        ["file.txt", tower],
    )
    _forms(trees, one)
    links = [link((A, 1, 1), b"here", 1), link((B, 1, 1), b"there", 2)]
    named = f"link (conflict, {digits(number(b'here'))}).to"
    case("symlinks", "a symlink with two targets", [edited(b"link.to", *links)], ["link.to", named])


def _forms(trees: Trees, one: r.Value) -> None:
    """One content in two forms: what is shown beside `one`, of mtime 3."""
    low, high = sorted([EPOCH, LATER])

    def case(name: str, what: str, lower: r.Value, higher: r.Value, beside: r.Value) -> None:
        entries = [entry(A, 1, [one, lower], past={C: 1}), entry(B, 1, [higher], past={C: 1})]
        *_, device, saved = beside.form
        minute = "2023-11-14 22-13" if saved == T0 else "2023-11-14 22-14"
        shown = f"file (conflict, {device}, {minute} {digits(beside.told)}).txt"
        trees.case(f"form-{name}", what, [node(key(b"file.txt"), *entries)], ["file.txt", shown])

    def form(**how: Any) -> r.Value:
        return file((C, 1, 1), b"two", **how)

    case("saved", "saved is compared last", form(), form(saved=T0 + 60), form(saved=T0 + 60))
    case("device", "then device names", form(saved=T0 + 60), form(device="pi"), form(device="pi"))
    late = form(mtime=5)
    case("mtime", "the higher mtime, which makes it the first", form(device="pi"), late, one)
    case("keys", "the higher keys, whatever the mtime", form(mtime=5, epoch=low), form(epoch=high), form())


def _names(trees: Trees) -> None:
    one, two = file((A, 1, 1), b"one", 2), file((B, 1, 1), b"two", 1)

    def case(
        name: str,
        what: str,
        of: bytes,
        stem: bytes,
        rest: bytes,
        *,
        content: r.Value = two,
        who: str = "laptop",
    ) -> None:
        mark = f" (conflict, {who}, {WHEN} {digits(content.told)})".encode()
        trees.case(f"name-{name}", what, [edited(of, one, content)], [of, stem + mark + rest])

    case("dotfile", "nothing stands before the dot", b".profile", b".profile", b"")
    case("two-dots", "the extension begins at the last dot", b"a.tar.gz", b"a.tar", b".gz")
    case("last-dot", "a dot at the end", b"a.", b"a", b".")
    case("dots-first", "two dots first", b"..a", b".", b".a")
    mark = len(f" (conflict, laptop, {WHEN} {digits(two.told)})")
    room = 255 - mark
    case("long", "a name of 255 bytes", b"n" * 251 + b".txt", b"n" * (room - 4), b".txt")
    case(
        "long-extension",
        "an extension that leaves no room",
        b"n." + b"e" * 253,
        (b"n." + b"e" * 253)[:room],
        b"",
    )
    case(
        "long-extension-fits",
        "an extension that leaves one byte",
        b"nn." + b"e" * (room - 2),
        b"n",
        b"." + b"e" * (room - 2),
    )
    umlauts = "ü".encode() * 127
    even = room // 2 * 2
    case("long-umlauts", "characters of two bytes", umlauts, umlauts[:even], b"")
    case(
        "long-umlauts-odd",
        "the same after one byte",
        b"a" + umlauts,
        b"a" + umlauts[: (room - 1) // 2 * 2],
        b"",
    )
    ext = b"." + b"e" * (room - 2)
    case(
        "long-character-cut",
        "the one character of the stem does not fit",
        "ü".encode() + ext,
        ("ü".encode() + ext)[:room],
        b"",
    )
    case("no-utf-8", "a name that is no UTF-8", b"\xff\xc3.txt", b"\xff\xc3", b".txt")
    strange = file((B, 1, 1), b"two", 1, device="Grüße – PC_1!")
    case(
        "device",
        "a device name with other characters",
        b"file",
        b"file",
        b"",
        content=strange,
        who="Gr-e-PC-1",
    )
    nothing = file((B, 1, 1), b"two", 1, device="ü!")
    case(
        "device-nothing",
        "a device name of which nothing is left",
        b"file",
        b"file",
        b"",
        content=nothing,
        who="device",
    )
    long = file((B, 1, 1), b"two", 1, device="x" * 31 + "-yyy")
    case("device-long", "a device name that is cut", b"file", b"file", b"", content=long, who="x" * 31)
    for name, saved, when in (("early", -1, "1970-01-01 00-00"), ("late", 2**62, "9999-12-31 23-59")):
        odd = file((B, 1, 1), b"two", 1, saved=saved)
        shown = f"file (conflict, laptop, {when} {digits(odd.told)})"
        trees.case(
            f"name-saved-{name}", f"saved out of range: {name}", [edited(b"file", one, odd)], ["file", shown]
        )


def _nodes_of_one_name(trees: Trees) -> None:
    def born_beside(of: bytes, who: str = "") -> str:
        return f"x (conflict, {who}{digits(number(of))})"

    who = f"laptop, {WHEN} "
    file_, moved = some(b"x"), some(b"y", at=place((A, 1, 2), b"x"))
    directory_, second = directory(b"x"), directory(b"x", n=1)
    inside = some(b"in", number(directory_[0]))
    link_ = node(key(b"x", r.SYMLINK), entry(A, 1, [link((A, 1, 1), b"target")]))
    vault_ = node(key(b"x", r.VAULT_NODE), entry(A, 1, [plain((A, 1, 1), EPOCH)]))
    other_vault = node(key(b"x", r.VAULT_NODE, n=1), entry(A, 1, [plain((A, 1, 1), LATER)]))
    case = trees.case
    case("files", "two files", [file_, moved], ["x", born_beside(moved[0], who)])
    case("file-and-symlink", "a file and a symlink", [file_, link_], ["x", born_beside(link_[0])])
    low = node(key(b"a", r.SYMLINK), entry(A, 1, [link((A, 1, 1), b"t")], places=[place((A, 1, 2), b"x")]))
    case("symlink-lower", "a symlink with a lower key", [file_, low], ["x", born_beside(file_[0], who)])
    case(
        "directory-and-file",
        "a directory and a file",
        [directory_, inside, file_],
        ["x", "x/in", born_beside(file_[0], who)],
    )
    second_in = some(b"in", number(second[0]))
    beside = born_beside(second[0])
    case(
        "directories",
        "two directories",
        [directory_, second, inside, second_in],
        ["x", "x/in", beside, f"{beside}/in"],
    )
    case(
        "vault-and-directory",
        "a vault and a directory",
        [vault_, directory_, inside],
        ["x", f"{born_beside(directory_[0])}/in", born_beside(directory_[0])],
    )
    case("vaults", "two vaults", [vault_, other_vault], ["x", born_beside(other_vault[0])])
    all_ = [vault_, directory_, file_, link_]
    case(
        "all-kinds",
        "one of each kind",
        all_,
        ["x", *(born_beside(n[0], who if n is file_ else "") for n in all_[1:])],
    )
    ids = [plain((A, 1, 1), max(EPOCH, LATER)), plain((B, 1, 1), min(EPOCH, LATER))]
    two_ids = node(key(b"x", r.VAULT_NODE), *(entry(c.device, 1, [c]) for c in ids))
    case("vault-of-two-contents", "a vault with two contents: the highest dot", [two_ids], ["x"])
    removed = directory(b"x", here=False)
    case("removed-and-file", "a directory that is gone has no name", [removed, file_], ["x"])
    one, two = file((A, 1, 1), b"one", 2), file((B, 1, 1), b"two", 1)
    mixed = edited(b"x", one, two)
    copies = [f"x (conflict, {who}{digits(two.told)})", born_beside(moved[0], who)]
    case("files-and-contents", "two files, one of them with two contents", [mixed, moved], ["x", *copies])
    pair = moved_to(b"x", key(b"z"), one, two)
    both = [born_beside(pair[0], who), f"x (conflict, {who}{digits(two.told)})"]
    case("beside-with-contents", "the one beside has two contents", [file_, pair], ["x", *both])
    _taken(trees, mixed, two, who)


def _taken(trees: Trees, mixed: Node, two: r.Value, who: str) -> None:
    names = [f"x (conflict, {who}{digits(two.told, many)})" for many in (8, 16, 32)]
    names += [f"x (conflict, {who}{digits(two.told, 32)} {n})" for n in (2, 3)]
    for n, what in ((1, "16 digits"), (2, "32 digits"), (3, "a number"), (4, "the next number")):
        real = [some(name.encode()) for name in names[:n]]
        trees.case(f"taken-{n}", f"its name is a real one: {what}", [mixed, *real], ["x", *names[: n + 1]])
    unseen = directory(names[0].encode(), here=False)
    trees.case("taken-by-nothing", "a directory that is gone has that name", [mixed, unseen], ["x", names[0]])
    lower = moved_to(b"x", key(b"v"), file((A, 1, 1), b"1", 2), two)
    beside = f"x (conflict, {who}{digits(number(mixed[0]))})"
    shown = ["x", names[0], beside, names[1]]
    trees.case("taken-by-copy", "its name was given to a copy before it", [mixed, lower], shown)


def _life(trees: Trees) -> None:
    case = trees.case
    gone = directory(b"d", here=False)
    inner = directory(b"e", number(gone[0]), here=False)
    case("removed", "a directory that is gone, in it another", [gone, inner], [])
    case(
        "removed-with-file",
        "a directory that is gone, in it a file",
        [gone, some(b"f", number(gone[0]))],
        ["d", "d/f"],
    )
    deep = some(b"f", number(inner[0]))
    case(
        "removed-in-removed", "two that are gone, in them a file", [gone, inner, deep], ["d", "d/e", "d/e/f"]
    )
    here = directory(b"h", number(gone[0]))
    case("removed-with-directory", "one that is gone, in it one that is there", [gone, here], ["d", "d/h"])
    of = key(b"d", r.DIRECTORY)
    both = node(of, entry(A, 2, [plain((A, 2, 1), False)]), entry(B, 1, [plain((B, 1, 1), True)]))
    case("removed-and-kept", "removed by one and kept by another", [both], ["d"])
    modes = [plain((A, 2, 3), 0o700), plain((B, 1, 3), 0o755)]
    two_modes = node(
        of, *(entry(m.device, m.sequence, [plain((m.device, 1, 1), True)], modes=[m]) for m in modes)
    )
    executable = file((B, 1, 1), b"run")
    run = node(
        key(b"run"), *(entry(m.device, m.sequence, [executable], past={B: 1}, modes=[m]) for m in modes[::-1])
    )
    case("modes", "permission bits: the highest dot", [two_modes, run], ["d", "run"])
    one, two = file((A, 1, 1), b"one", 2), file((B, 1, 1), b"two", 1)
    same_dot = [plain((A, 1, 3), bits) for bits in (0o600, 0o755)]
    odd = node(key(b"odd"), entry(A, 1, [one], modes=same_dot))
    case("modes-of-one-dot", "two permission bits under one dot: the higher", [odd], ["odd"])
    bits = [entry(c.device, 1, [c], modes=[plain((c.device, 1, 3), 0o750)]) for c in (one, two)]
    shown = f"run (conflict, laptop, {WHEN} {digits(two.told)})"
    case("modes-of-copies", "a copy has the bits of its node", [node(key(b"run"), *bits)], ["run", shown])


def _cycles(trees: Trees) -> None:
    a, b, c = (key(name, r.DIRECTORY) for name in (b"a", b"b", b"c"))

    def into(name: bytes, at: bytes, dot: Dot) -> Node:
        return directory(name, at=place(dot, name + b" moved", number(at)))

    two = [into(b"a", b, (A, 3, 9)), into(b"b", a, (B, 2, 9)), some(b"f", number(a))]
    shown = ["b moved", "b moved/a moved", "b moved/a moved/f"]
    trees.case("cycle-of-two", "two directories moved into each other", two, shown)
    three = [into(b"a", b, (A, 3, 9)), into(b"b", c, (B, 4, 9)), into(b"c", a, (A, 2, 9))]
    below = directory(b"below", number(b))
    shown = ["c moved", "c moved/b moved", "c moved/b moved/a moved", "c moved/b moved/below"]
    trees.case("cycle-of-three", "three directories in a circle, and one below", [*three, below], shown)
    equal = [into(b"a", b, (A, 3, 9)), into(b"b", a, (A, 3, 9))]
    trees.case(
        "cycle-of-equal-dots", "two places of one dot: the lowest key", equal, ["a moved", "a moved/b moved"]
    )
    born = directory(b"in", number(a))
    own = [directory(b"a", at=place((A, 3, 9), b"up", number(born[0]))), born]
    trees.case("cycle-with-birthplace", "one of them stands at its birthplace", own, ["in", "in/up"])
    itself = [into(b"a", a, (A, 3, 9))]
    trees.case("cycle-of-one", "a directory moved into itself", itself, ["a moved"])
    real = some(b"b moved")
    beside = f"b moved (conflict, laptop, {WHEN} {digits(number(real[0]))})"
    shown = ["b moved", "b moved/a moved", "b moved/a moved/f", beside]
    trees.case("cycle-and-file", "a cycle opened where a file stands", [*two, real], shown)
    twice = [*two, into(b"c", key(b"d", r.DIRECTORY), (A, 5, 9)), into(b"d", c, (A, 4, 9))]
    shown = ["b moved", "b moved/a moved", "b moved/a moved/f", "d moved", "d moved/c moved"]
    trees.case("cycles", "two cycles", twice, shown)


def _orphans(trees: Trees) -> None:
    case = trees.case
    nowhere = hashlib.sha256(b"nowhere").digest()[:16]
    lost = some(b"f", nowhere)
    case("orphan", "a file whose parent is not there", [lost], ["Recovered", "Recovered/f"])
    moved = some(b"g", at=place((A, 1, 2), b"lost", nowhere))
    case(
        "orphans",
        "two, one of them moved there",
        [lost, moved],
        ["Recovered", "Recovered/f", "Recovered/lost"],
    )
    mine = directory(b"Recovered")
    recovered = f"Recovered (conflict, {digits(number(r.RECOVERED))})"
    inside = some(b"mine", number(mine[0]))
    shown = ["Recovered", "Recovered/mine", recovered, f"{recovered}/f"]
    case("orphan-and-directory", "a directory has that name", [lost, mine, inside], shown)
    real = some(b"Recovered")
    shown = ["Recovered", recovered, f"{recovered}/f"]
    case("orphan-and-file", "a file has that name", [lost, real], shown)
    moved_up = directory(b"~", at=place((A, 1, 9), b"Recovered"))
    shown = ["Recovered", recovered, f"{recovered}/f"]
    case("orphan-and-moved", "a directory moved to that name", [lost, moved_up], shown)
    gone = directory(b"d", nowhere, here=False)
    case("orphan-removed", "a directory that is gone, whose parent is not there", [gone], [])
    shown = ["Recovered", "Recovered/d", "Recovered/d/f"]
    case("orphan-below", "in that directory a file", [gone, some(b"f", number(gone[0]))], shown)
    into_file = some(b"f", number(key(b"x")))
    case(
        "orphan-in-file",
        "a parent that is a file",
        [some(b"x"), into_file],
        ["Recovered", "Recovered/f", "x"],
    )
    in_it = some(b"f", number(r.RECOVERED))
    case("orphan-in-recovered", "a file written into `Recovered`", [in_it], ["Recovered", "Recovered/f"])
    twins = [some(b"f", nowhere), some(b"f", hashlib.sha256(b"gone").digest()[:16])]
    high = max(key_ for key_, _ in twins)
    copy = f"Recovered/f (conflict, laptop, {WHEN} {digits(number(high))})"
    case("orphans-of-one-name", "two of one name", twins, ["Recovered", "Recovered/f", copy])


def make(save: Save) -> None:
    """Save all of them."""
    joins(save)
    folds(save)
    views(save)
