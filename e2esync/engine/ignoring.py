"""What is ignored is left alone on both sides: never brought, never touched here, never gone there.

A thing that becomes ignored loses its row, and its node stays in the tree as it is: the file stays on
this disk and in the vault, and neither follows the other any more. What is not brought to this disk for
that reason is noted in the state (`ignored`), so that it is not due, gives no life to directories that
were removed, and comes again when the rules change.

While something waits in the root for its place (`engine.arrange`), what has to move gets there first, in
directories that stay ours for so long, and the next scan asks again: nobody would ever find what waits and
has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NoReturn, TypeAlias

from e2esync.adapters.files import Unreadable
from e2esync.adapters.state import DiskRow, FolderState
from e2esync.engine.crowds import arrange_crowds
from e2esync.engine.diskrules import DiskRules, own_names, read_rules, understood
from e2esync.engine.download import Downloader
from e2esync.engine.places import Place, Places, join
from e2esync.engine.plan import Due, of_row, settle_all, things
from e2esync.engine.scan import ANEW, RULES_NOTED, Scan, below, is_parked, parked_name
from e2esync.engine.shown import entries_of, removed_above
from e2esync.engine.vault import Summary, SyncedFolder, failure
from e2esync.errors import BadObject, MissingObject
from e2esync.ignoring.book import Book
from e2esync.ignoring.rules import BUILT_IN, MAX_SIZE, RULES_FILE, Rules
from e2esync.merge.fold import fold
from e2esync.merge.join import NO_ENTRIES
from e2esync.tree.keys import ROOT, Kind, kind_of
from e2esync.tree.values import Content, FileContent

Coming: TypeAlias = tuple[bytes, Content | None]
"""A file of rules that comes, or goes (None): key of the node, and content."""


def untrack(vault: SyncedFolder, found: Scan) -> list[bytes]:
    """Drop the rows of what a scan found ignored, with all below; return the nodes, for `note_rules`."""
    state, has_waiting = vault.state, _has_waiting(vault.state)

    def stays(row: DiskRow) -> bool:
        return (row.parent, row.name) in found.claimed or (has_waiting and _stays_for_now(of_row(state, row)))

    rows = [row for top in found.untracked.values() for row in below(state, top, but=stays)]
    vault.state.drop_rows(rows)
    return [row.node for row in rows]


def note_rules(vault: SyncedFolder, found: Scan, untracked: list[bytes], summary: Summary) -> None:
    """Note by which rules a scan went, and what is ignored by them; what is not any more is due."""
    state = vault.state
    has_changed = state.get(RULES_NOTED) != found.rules
    nodes = [*untracked, *state.ignored_nodes()] if has_changed else untracked
    _consider(vault, nodes, _TreeRules(vault, {}), summary)
    moves = _has_waiting(state) or any(
        row is not None and row.number is not None
        for row in (state.row_at(*place) for place in found.claimed)
    )
    state.set(RULES_NOTED, ANEW if moves and found.rules is not None else found.rules)


def _has_waiting(state: FolderState) -> bool:
    """Return whether something waits in the root for its place."""
    return state.has_row_beginning(ROOT, parked_name(b""))


def _stays_for_now(due: Due) -> bool:
    """Return whether a thing waits in the root, has yet to move, or is a directory into which another may move."""
    has_to_move = due.is_moved or (due.row is not None and _waits(due.row))
    return has_to_move or (due.is_directory and not due.is_gone)


def _waits(row: DiskRow) -> bool:
    return row.parent == ROOT and is_parked(row.name)


def note_moved(vault: SyncedFolder) -> None:
    """Note that directories moved on this disk: the next scan asks the rules, if there are any, about everything."""
    if vault.state.get(RULES_NOTED) is not None:
        vault.state.set(RULES_NOTED, ANEW)


def leave_ignored(vault: SyncedFolder, summary: Summary) -> None:
    """Take what is ignored out of what is due, by the rules as they will be once all that is due has come."""
    state = vault.state
    rules_due = state.due_named([RULES_FILE])
    if rules_due or state.has_row_named(RULES_FILE) or state.get(RULES_NOTED) is not None:
        nodes = list(state.due())
    else:
        nodes = state.due_named(BUILT_IN)
    if rules_due or any(_has_moved(state, node) for node in nodes):
        nodes += state.ignored_nodes()
    if rules_due or _has_waiting(state):
        state.set(RULES_NOTED, ANEW)  # those that come may be gone before any scan has seen them
    if nodes:
        _consider(vault, nodes, _TreeRules(vault, _coming(vault, rules_due)), summary)


def _has_moved(state: FolderState, node: bytes) -> bool:
    """Return whether a node is a directory that was ever moved: other rules may hold for what is in it."""
    entries = entries_of(state, node) if kind_of(node) is Kind.DIRECTORY else NO_ENTRIES
    return bool(entries) and bool(fold(entries).places)


def _coming(vault: SyncedFolder, nodes: Iterable[bytes]) -> dict[bytes, Coming]:
    """Return the files of rules that come, or go (None), by the number of the directory."""
    found: dict[bytes, Coming] = {}
    for due in (due for node in nodes for due in things(vault.state, node)):
        if due.row is not None and due.row.name == RULES_FILE and (due.is_gone or due.is_moved):
            found.setdefault(due.row.parent, (due.node, None))
        if due.shown is not None and due.shown.name == RULES_FILE:
            found[due.shown.parent] = due.node, due.shown.content
    return found


class _TreeRules:
    """Answers about places of the tree: by rules that come, else by those that this disk has there now."""

    def __init__(self, vault: SyncedFolder, coming: Mapping[bytes, Coming]) -> None:
        self._vault, self._state, self._coming = vault, vault.state, coming
        self._places = Places(vault.state)
        self._book = Book[bytes](self._above, self._read)

    def _above(self, number: bytes) -> Place | None:
        if number == ROOT:
            return None
        place = self._places.in_tree(number)
        row = self._state.directory_row(number) if place is None else None
        found = (row.parent, row.name) if row is not None else place
        return self._own(found) if found is not None else None

    def _own(self, place: Place) -> Place:
        """Return the place with the own name of what stands there beside something else."""
        crowded = self._state.crowded_at(*place)
        return (place[0], crowded.place) if crowded is not None else place

    def _read(self, number: bytes) -> Rules | None:
        path = self._places.directory(number)
        called = join(path or b"", RULES_FILE)
        if number in self._coming:
            with suppress(BadObject, MissingObject):  # it does not come then, and those that are here hold
                return understood(self._content(*self._coming[number], called), called)
        return understood(read_rules(self._vault.folder, path), called) if path is not None else None

    def _content(self, node: bytes, content: Content | None, path: bytes) -> bytes | None:
        if content is None:
            return None
        if not isinstance(content, FileContent) or content.size > MAX_SIZE:
            raise Unreadable(path, f"{RULES_FILE.decode()} is too large or no file")
        return b"".join(Downloader(self._vault, _no_file).chunks(node, content))

    def is_ignored(self, place: Place, kind: Kind) -> bool:
        """Return whether what stands at a place is ignored; raises Unreadable: it is unknown."""
        return self._book.is_ignored(*self._own(place), is_directory=kind is Kind.DIRECTORY)


def _no_file(_size: int, _sparse: bool) -> NoReturn:  # noqa: FBT001 - as a download calls it
    raise AssertionError("rules are read, not written")


def _consider(vault: SyncedFolder, nodes: list[bytes], rules: _TreeRules, summary: Summary) -> None:
    """Ask of each node whether it is ignored now, and note it; what comes again is due."""
    considering = _Considering(vault, rules, summary)
    considering.run(nodes)


class _Considering:
    def __init__(self, vault: SyncedFolder, rules: _TreeRules, summary: Summary) -> None:
        self._vault, self._state, self._rules, self._summary = vault, vault.state, rules, summary
        self._disk = DiskRules(vault.folder, own_names(vault.state))
        self._todo: list[bytes] = []
        self._parents: set[bytes] = set()  # numbers of directories in which something came or went
        self._unknown: set[bytes] = set()  # paths of rules that nobody understands
        self._has_waiting = _has_waiting(vault.state)

    def run(self, nodes: list[bytes]) -> None:
        self._todo, passed = list(reversed(nodes)), set[bytes]()
        while self._todo:
            node = self._todo.pop()
            if node not in passed:
                passed.add(node)
                self._look_at(node)
        removed = removed_above(self._state, self._parents)
        if removed:  # what is ignored gives them no life
            self._state.add_due(removed)
            arrange_crowds(self._vault, removed, [])
        settle_all(self._state, passed)

    def _look_at(self, node: bytes) -> None:
        was = self._state.stop_ignoring(node)
        self._state.add_due([node])  # until it is seen at the end that nothing has to happen
        for due in things(self._state, node):
            if due.kind is Kind.VAULT or (due.shown is None and due.row is None):
                continue
            if self._has_waiting and not was and _stays_for_now(due):
                continue
            is_ignored = self._is_ignored(due, due.target)
            if due.row is not None and (is_ignored or self._is_ignored(due, due.place)):
                self._drop(due.row)  # with all below: neither follows the other any more
            if is_ignored:
                self._state.ignore(due.thing, due.node)
            elif due.row is not None and due.is_gone:
                self._look_below(due.row)
            if due.shown is not None and is_ignored != was:
                self._parents.add(due.shown.parent)

    def _is_ignored(self, due: Due, place: Place | None) -> bool:
        try:
            return place is not None and self._rules.is_ignored(place, due.kind)
        except Unreadable as error:
            if error.path not in self._unknown:
                self._unknown.add(error.path)
                self._summary.failed.append(failure(error.path, error.reason))
            return due.row is None  # what was synced goes on, and nothing new comes

    def _drop(self, top: DiskRow) -> None:
        rows = list(below(self._state, top))
        self._state.drop_rows(rows)
        self._todo += [row.node for row in rows if row is not top]

    def _look_below(self, row: DiskRow) -> None:
        """Leave what is ignored in a directory that goes, and the rules by which it is."""
        try:
            if row.name == RULES_FILE:
                self._keep_rules(row)
            elif row.number is not None:
                for each in list(below(self._state, row))[1:]:
                    if self._rules.is_ignored((each.parent, each.name), kind_of(each.node)):
                        self._drop(each)
                        self._todo.append(each.node)
        except Unreadable:
            return  # then nothing here is ignored for sure; what the disk has and no row names stays anyhow

    def _keep_rules(self, row: DiskRow) -> None:
        directory = self._state.directory_row(row.parent)
        if directory is None or not of_row(self._state, directory).is_gone:
            return
        path = Places(self._state).path((directory.parent, directory.name))
        if path is not None and self._vault.folder.stat(path) is not None and self._disk.holds_ignored(path):
            self._state.drop_rows([row])
