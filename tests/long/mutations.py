"""Mutations of the program that its tests must notice: each applied to a copy, with the tests that have to fail.

python -m tests.long.mutations [NAME …]

A mutation that survives is a promise that nothing keeps; the exit code is 1 then. The copy is made of what
stands in this directory, and nothing in here is changed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
SECONDS = 600  # for the tests of one mutation


class Mutation(NamedTuple):
    """One change of the program."""

    file: str  # below e2esync/
    old: str  # stands there once
    new: str
    tests: str  # that have to fail
    also: tuple[str, str] | None = None  # a second old and new, where two things keep one promise


MUTATIONS = {
    "bounds: what a join made too large is not noted": Mutation(
        "engine/merge.py", "    note_too_large(vault, too_large)", "    pass", "tests/attacks/test_bounds.py"
    ),
    "bounds: one device crowds out the others": Mutation(
        "engine/narrow.py", "        ranks[content.dot.device] += 1", "        pass", "tests/attacks/test_bounds.py"
    ),
    "index: one that its device has broken stops all": Mutation(
        "engine/fetch.py", "    with as_signed():\n        yield from open_index(", "    if True:\n        yield from open_index(", "tests/attacks/test_hostile_indexes.py"
    ),
    "index: what is good beside a broken one is left out": Mutation(
        "engine/fetch.py",
        "        for index_id in head.live_indexes:\n            with setting_aside(aside, head.device):\n",
        "        with setting_aside(aside, head.device):\n            for index_id in head.live_indexes:\n",
        "tests/attacks/test_hostile_indexes.py",
    ),
    "history: a page that only a broken index may name stops all": Mutation(
        "engine/chains.py", "raise self.aside.get(head.device, error) from None", "raise", "tests/attacks/test_hostile_indexes.py"
    ),
    "history: a broken page hides a fault that shows elsewhere": Mutation(
        "engine/faults.py",
        "            if claim.device in self._heads:\n",
        "            if claim.device in self._heads and claim.device not in self._chains.aside:\n",
        "tests/attacks/test_hostile_devices.py",
    ),
    "history: a page that its device has broken stops all": Mutation(
        "engine/chains.py", "            with as_signed():\n                spot", "            if True:\n                spot", "tests/attacks/test_hostile_indexes.py"
    ),
    "join: what the other has seen comes back": Mutation(
        "merge/join.py",
        "elif here is not None and not covers(seen_by_other, *dot):",
        "elif here is not None:",
        "tests/merge",
    ),
    "join: what is new here is dropped": Mutation(
        "merge/join.py",
        "elif there is not None and not covers(seen_by_one, *dot):",
        "elif there is not None and covers(seen_by_one, *dot):",
        "tests/merge",
    ),
    "join: one of two entries under one dot is dropped": Mutation(
        "merge/join.py", "here if here == there else unite(here, there)", "here", "tests/merge"
    ),
    "fold: a value that all have gone on from leaves nothing": Mutation(
        "merge/fold.py", "return staying or values", "return staying", "tests/merge"
    ),
    "fold: an older value stays": Mutation(
        "merge/fold.py",
        "each.dot in own or not covers(past, each.dot.device, each.dot.sequence)",
        "True",
        "tests/merge",
    ),
    "view: the clock of this device chooses": Mutation(
        "merge/arrange.py",
        "mtime = content.mtime if isinstance(content, FileContent | SymlinkContent) else 0",
        "mtime = id(content)",
        "tests/merge",
    ),
    "view: a copy is named by who merges": Mutation(
        "merge/naming.py", "_by(content.device_name, content.saved)", '_by("this device", content.saved)', "tests/merge"
    ),
    "view: a copy takes a real name": Mutation(
        "merge/arrange.py", "return name in seen or is_real(name)", "return False", "tests/merge"
    ),
    "view: another directory of a cycle goes to the root": Mutation(
        "merge/standing.py", "loosened.append(min(cycle,", "loosened.append(max(cycle,", "tests/merge"
    ),
    "view: a removed directory takes what is in it along": Mutation(
        "merge/standing.py",
        "here = directories.get(stands[here].parent)\n    return alive",
        "here = None\n    return alive",
        "tests/merge",
    ),
    "writes: an edit takes away what came in and was not shown": Mutation(
        "merge/local.py",
        "contents = _without(now, dots).contents | {content}",
        "contents = frozenset({content})",
        "tests/merge",
    ),
    "writes: what a settled conflict held goes with it": Mutation(
        "merge/local.py",
        "self._add(self._birth(act.thing.stand, act.thing.kind), act.thing, like, act.row)",
        "self._known.drop_row(act.row)",
        "tests/merge",
    ),
    "writes: a name is born again as what was deleted": Mutation(
        "merge/local.py",
        "if kind is Kind.DIRECTORY or not self._known.is_dead(key):",
        "if True:",
        "tests/merge",
    ),
    "writes: nothing makes a directory here again": Mutation(
        "merge/local.py", "elif not is_here(now):\n                self._put(key, Meant(now.places", "elif False:\n                self._put(key, Meant(now.places", "tests/merge"
    ),
    "tombstones: dropped before all have seen them": Mutation(
        "merge/tombstones.py", "and all(covers(seen,", "and any(True or covers(seen,", "tests/merge"
    ),
    "guards: none": Mutation("engine/guard.py", "if risk is None or", "if True or", "tests/engine/test_guards.py"),
    "the marker of the folder is not asked for": Mutation(
        "engine/marker.py", "def check_marker(vault: SyncedFolder) -> None:", "def check_marker(vault: SyncedFolder) -> None:\n    return\n", "tests/engine"
    ),
    "scan: what cannot be read counts as gone": Mutation(
        "engine/scan.py",
        "self._result.failed.append((directory.path, unreadable.reason))",
        "self._result.gone += [Gone(directory.path + b'/' + r.name, r) for r in self._state.rows_in(directory.number or b'')]",
        "tests/engine",
        (
            "self._result.failed.append((item.path, unreadable.reason))\n            return False",
            "return True",
        ),
    ),
    "scan: gone counts at the first look": Mutation(
        "engine/scan.py",
        "self._result.gone = [item for item in gone if self._is_missing(item)]",
        "self._result.gone = gone",
        "tests/engine/test_push_pull.py",
    ),
    "publish: a sequence is used twice": Mutation(
        "engine/publish.py",
        "        sequence=own.sequence + 1,\n        previous=own.hash,",
        "        sequence=max(own.sequence, 1),\n        previous=own.hash,",
        "tests/engine",
    ),
    "publish: pages of a joined tree are not stored": Mutation(
        "engine/publish.py", "for body in vault.state.unsaid():", "for body in ():", "tests/engine"
    ),
    "apply: what was changed here is overwritten": Mutation(
        "engine/ondisk.py",
        'if here.kind == "d":\n            return self.is_thing(row, here, path)',
        'if here.kind != "d":\n            return True\n        if here.kind == "d":\n            return self.is_thing(row, here, path)',
        "tests/engine",
    ),
    "apply: a directory goes with all that is in it": Mutation(
        "adapters/files/folder.py",
        "            os.rmdir(target.name, dir_fd=target.directory)",
        "            __import__('shutil').rmtree(target.name, dir_fd=target.directory)",
        "tests/files tests/engine",
    ),
    "apply: no barrier before the rows": Mutation(
        "engine/apply.py",
        "                staged.discard()\n        self._folder.barrier()",
        "                staged.discard()",
        "tests/engine/test_power.py",
    ),
    "apply: no barrier before the changes": Mutation(
        "engine/apply.py",
        "            self._fetch()\n            self._folder.barrier()",
        "            self._fetch()",
        "tests/engine/test_power.py",
    ),
    "stock: no barrier before the rows": Mutation(
        "engine/stock.py",
        "            noter.note(thing)\n        vault.folder.barrier()",
        "            noter.note(thing)",
        "tests/engine/test_power.py::test_power_lost_after_a_killed_pull_was_taken_stock_of",
    ),
    "stock: what our own hand took away counts as removed by a user": Mutation(
        "engine/stock.py",
        "        noter.forget_taken(due.taken)\n",
        "",
        "tests/engine/test_power.py::test_a_content_that_a_killed_sync_took_away_was_not_removed_by_a_user",
    ),
    "push: no barrier before the head": Mutation(
        "engine/push.py", "            vault.folder.barrier()\n", "", "tests/engine/test_power.py::test_what_was_pushed_is_not_taken_back_by_a_loss_of_power"
    ),
    "push: a pack counts as stored before it is": Mutation(
        "engine/upload.py",
        "        sent.result()\n        self._catalogue.set_state([pack], STORED)",
        "        self._catalogue.set_state([pack], STORED)\n        sent.result()",
        "tests/engine/test_crashes.py::test_packs_that_the_store_did_not_take_are_stored_by_the_next_push",
    ),
    "fetch: a catalogue that knows less than the tree stays so": Mutation(
        "engine/fetch.py", "if chosen or vault.state.count_due():", "if chosen:", "tests/engine/test_crashes.py::test_a_catalogue_that_knows_less_than_what_was_joined_is_filled_again"
    ),
    "crowds: a copy is named by the device that merges": Mutation(
        "engine/crowds.py",
        "called.get(name, name),",
        'name.replace(b"(conflict, ", b"(conflict, %b " % self._vault.names[0].encode()),',
        "tests/engine/test_cases.py",
    ),
    "aliases: a name of this disk gets into the tree": Mutation(
        "engine/known.py",
        "        told = self._state.alias_at(*stand)\n",
        "        return stand\n        told = self._state.alias_at(*stand)\n",
        "tests/catalogue/test_aliases.py",
    ),
    "aliases: what has a name in another spelling is taken for what is to come": Mutation(
        "engine/ondisk.py",
        "        if row is not None or not self._naming.folds:\n",
        "        if row is not None or self._naming.folds or not self._naming.folds:\n",
        "tests/catalogue/test_aliases.py",
    ),
    "aliases: a rename in case only is a deletion and a birth": Mutation(
        "engine/scan.py",
        " if new and gone else {}",
        " if new and gone and not new else {}",
        "tests/catalogue/test_aliases.py",
    ),
    "aliases: a folder that comes to another disk has deleted what could not follow": Mutation(
        "engine/disknames.py",
        "            state.drop_rows(lost)\n",
        "",
        "tests/catalogue/test_aliases.py",
    ),
    "crowds: not arranged again after a local write": Mutation(
        "engine/takeover.py",
        "    arrange_crowds(vault,",
        "    if not is_on_disk:\n        arrange_crowds(vault,",
        "tests/engine/test_cases.py tests/engine/test_histories.py",
    ),
    "crowds: removed directories are not looked at when something leaves them": Mutation(
        "engine/takeover.py", "    state.add_due([*loose.nodes, *removed])", "    state.add_due(loose.nodes)", "tests/engine/test_sync.py"
    ),
    "plan: rows do not learn what others wrote the same": Mutation(
        "engine/plan.py",
        "            for due in found:\n                _note_shown(state, due)",
        "            for due in found:\n                pass",
        "tests/engine/test_sync.py",
    ),
    "plan: what stands here is not told by its content": Mutation(
        "engine/plan.py",
        "if row.hash in places and (row.hash not in having",
        "if row.hash is None and (row.hash not in having",
        "tests/engine/test_conflicts.py::test_what_leaves_its_name_to_another_content_is_moved_and_not_fetched_again",
    ),
    "arrange: what waits is named by its node alone": Mutation(
        "engine/stock.py",
        'row.node + row.inode.to_bytes(8, "big")',
        "row.node",
        "tests/engine/test_parked.py::test_two_contents_of_a_file_that_both_have_to_wait_do_so_under_different_names",
    ),
    "ignoring: what waits for its place and is ignored loses its row": Mutation(
        "engine/ignoring.py",
        "if self._has_waiting and not was and _stays_for_now(due):",
        "if False:",
        "tests/engine/test_parked.py",
    ),
    "ignoring: a scan lets go of what waits for its place": Mutation(
        "engine/ignoring.py",
        "(has_waiting and _stays_for_now(of_row(state, row)))",
        "False",
        "tests/engine/test_parked.py",
    ),
    "late: many files in the trash are looked at each time": Mutation(
        "engine/late.py", "if 0 <= now - looked < rest:", "if False:", "tests/engine/test_late.py"
    ),
    "late: many files in the trash are looked at but once": Mutation(
        "engine/late.py", "if 0 <= now - looked < rest:", "if rest:", "tests/engine/test_late.py"
    ),
    "late: a clock that is set back stops the looks": Mutation(
        "engine/late.py", "if 0 <= now - looked < rest:", "if now - looked < rest:", "tests/engine/test_late.py"
    ),
    "arrange: an exchange forgets one row": Mutation(
        "engine/arrange.py",
        "[seen_at(there, (row.parent, row.name), other), seen_at(row, due.target, mine)]",
        "[seen_at(row, due.target, mine)]",
        "tests/engine/test_push_pull.py",
    ),
    "writes: what is put aside is not compared with what is on the disk": Mutation(
        "engine/known.py",
        "settle_all(self._state, [*self._left, *self._state.due_with_new_rows()])",
        "self._state.remove_due([*self._left, *self._state.due_with_new_rows()])",
        "tests/engine/test_cases.py tests/engine/test_histories.py",
    ),
    "fetch: a head that goes back is accepted": Mutation(
        "vault/trust.py", "if head.sequence < known.sequence:", "if False:", "tests/vault tests/engine"
    ),
    "fetch: values beyond what their head has seen count": Mutation(
        "engine/check.py", "if not all(covers(", "if False and not all(covers(", "tests/attacks/test_broken_trees.py"
    ),
    "fetch: what is here already counts, whatever its head has seen": Mutation(
        "engine/merge.py", "        _check_kept(vault, unseen, covered)", "        pass", "tests/attacks/test_hostile_devices.py"
    ),
    "fetch: of what is here already, only the writer's own dot is looked at": Mutation(
        "engine/check.py", "*((devices[n], other) for n, other in past)", "", "tests/attacks/test_hostile_devices.py"
    ),
    "fetch: of what is here already, the writer's own dot is not looked at": Mutation(
        "engine/check.py", "(devices[0], sequence), *", "*", "tests/attacks/test_hostile_devices.py"
    ),
    "prune: what went is borrowed once its mark is gone": Mutation(
        "engine/letgo.py", "vault.catalogue.forget_known(marks.gone)", "pass", "tests/engine/test_prune.py"
    ),
    "prune: what is about to go is borrowed": Mutation(
        "engine/letgo.py",
        "vault.catalogue.do_not_borrow(marks.packs)",
        "vault.catalogue.do_not_borrow(())",
        "tests/engine/test_prune_marks.py",
    ),
    "prune: a slow push does not look again": Mutation(
        "engine/letgo.py", "> MOST_PAUSE:", "> 10**9:", "tests/engine/test_prune.py"
    ),
    "prune: who was away does not look": Mutation(
        "engine/letgo.py", "if is_slow or was_away(vault):", "if is_slow:", "tests/engine/test_prune.py"
    ),
    "prune: without grace": Mutation(
        "engine/prune.py", "self._age >= self._grace and", "", "tests/engine/test_prune.py"
    ),
    "prune: waits for nobody": Mutation(
        "engine/prune.py", "self._age >= self._grace and not self._waits", "self._age >= self._grace", "tests/engine/test_prune.py"
    ),
    "prune: what came into use meanwhile goes": Mutation(
        "engine/prune.py",
        "return rows.is_unneeded(pack) or rows.is_replaced(pack) or pack in self._unlisted",
        "return True",
        "tests/engine/test_prune.py",
    ),
    "prune: a pack without index goes at once": Mutation(
        "engine/prune.py", "if now - since >= UNLISTED]", "]", "tests/engine/test_prune_packs.py"
    ),
    "prune: a pack without index goes although something needed is nowhere": Mutation(
        "engine/prune.py", "if found and self._rows.is_all_placed() else []", "", "tests/engine/test_prune_packs.py"
    ),
    "prune: a pack goes that an older index named for something needed": Mutation(
        "adapters/reach.py", " OR {_NEEDED}))", "))", "tests/engine/test_prune_packs.py"
    ),
    "prune: a pack goes that this device is about to list": Mutation(
        "adapters/reach.py", "state IN ({SENDING}, {STORED}, {MOVING})", "state IN ({MOVING})", "tests/engine/test_prune_packs.py"
    ),
    "repack: each of two packs stands for the other": Mutation(
        "adapters/reach.py", " AND other.id NOT IN temp.leaving)", ")", "tests/engine/test_prune_packs.py"
    ),
    "repack: a copy that is not there stands for its pack": Mutation(
        "adapters/reach.py",
        '" CROSS JOIN temp.stored USING (id) WHERE copy.prefix',
        '" WHERE copy.prefix',
        "tests/engine/test_prune_packs.py",
    ),
    "repack: what others name goes too": Mutation(
        "adapters/reach.py",
        "SELECT live.ours AND NOT others AND {_REPLACED}",
        "SELECT live.ours AND {_REPLACED}",
        "tests/engine/test_prune_packs.py",
    ),
    "repack: what somebody once said to be in a pack does not keep it": Mutation(
        "adapters/reach.py",
        "if not has_foreign:",
        "if True:",
        "tests/engine/test_prune_packs.py::test_a_pack_in_which_somebody_once_said_to_be_what_is_needed_is_not_copied_from",
    ),
    "repack: what was needed is left behind": Mutation(
        "engine/repack.py",
        "[row for row in group.rows if rows.has_to_move(row.prefix, row.length, group.pack)]",
        "group.rows[:0]",
        "tests/engine/test_prune_packs.py",
    ),
    "fold: what is about to go is taken along": Mutation(
        "engine/fold.py", "if not vault.catalogue.is_marked(pack)}", "}", "tests/engine/test_prune_packs.py"
    ),
    "fault: what was joined is not proven": Mutation(
        "engine/publish.py", "    store_proofs(vault, uploader, context)\n", "", "tests/attacks/test_hostile_devices.py"
    ),
    "fault: it is not remembered": Mutation(
        "engine/faults.py",
        "self._found = load_faults(vault.state)",
        "self._found: dict[bytes, Proof] = {}",
        "tests/attacks/test_hostile_devices.py",
    ),
    "fault: the others are not told": Mutation(
        "engine/faults.py", "if not vault.catalogue.holds(proof_id):\n            yield", "if False:\n            yield",
        "tests/attacks/test_hostile_devices.py",
    ),
    "fault: what is said of a device at fault is held against others": Mutation(
        "engine/fetch.py",
        "everybody = without(own_heads(vault, heads), faults)",
        "everybody = own_heads(vault, heads)",
        "tests/attacks/test_hostile_devices.py",
    ),
    "fault: a head proves nothing": Mutation(
        "engine/faults.py",
        "        if other:\n            return Proof(",
        "        if True:\n            return Proof(",
        "tests/attacks/test_hostile_devices.py",
    ),
    "fault: two sequences prove it": Mutation(
        "vault/faults.py", "if len(sequences) != 1 or len(hashes)", "if len(hashes)", "tests/vault"
    ),
    "fault: pruning takes the proofs": Mutation(
        "engine/reach.py", "        self._proofs(head)\n", "", "tests/attacks/test_hostile_devices.py"
    ),
    "fault: what is proven is stored again and again": Mutation(
        "engine/faults.py",
        "if not vault.catalogue.holds(proof_id):\n            head",
        "if True:\n            head",
        "tests/engine/test_push_pull.py",
    ),
    "claims: what a snapshot had seen that is named is not asked for": Mutation(
        "engine/claims.py", "look.at(head)", "pass", "tests/attacks/test_hostile_devices.py"
    ),
    "claims: who takes back what it had seen has been looked at": Mutation(
        "engine/claims.py", "if not _covers(head.context, known):", "if False:", "tests/attacks/test_hostile_devices.py"
    ),
    "claims: what is not proven is taken in": Mutation(
        "engine/claims.py",
        'raise BrokenWord("it names a snapshot of which it has stored no proof")',
        "return Proof((), (), ())",
        "tests/attacks/test_hostile_devices.py",
    ),
    "claims: what others took in is not proven later": Mutation(
        "engine/faults.py", "state.set(_PROOF.format(digest.hex()), proof.encode())", "pass", "tests/attacks/test_hostile_devices.py"
    ),
    "claims: a proof may say anything of what was seen": Mutation(
        "vault/faults.py", "    check_context(snapshot, proof.context)\n", "", "tests/vault"
    ),
    "export: who is at fault is not said": Mutation(
        "engine/export.py", "sorted(load_faults(vault.state).items())", "[]", "tests/attacks/test_faults_exported.py"
    ),
}  # fmt: skip


def main() -> int:
    """Apply the mutations one after the other; print what became of each."""
    parser = argparse.ArgumentParser(description="apply mutations")
    parser.add_argument("names", nargs="*", metavar="NAME")
    asked = parser.parse_args()
    survivors = [name for name in asked.names or MUTATIONS if not is_killed(name, MUTATIONS[name])]
    print(f"{len(asked.names or MUTATIONS) - len(survivors)} killed, {len(survivors)} survived")
    return int(bool(survivors))


def is_killed(name: str, mutation: Mutation) -> bool:
    """Return whether a test fails in a copy with this mutation."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        target = copy / "e2esync" / mutation.file
        text = target.read_text()
        for old, new in [(mutation.old, mutation.new), *([mutation.also] if mutation.also else [])]:
            if text.count(old) != 1:
                raise SystemExit(f"{name}: its place is not in {mutation.file}, or there several times")
            text = text.replace(old, new)
        target.write_text(text)
        words = ["-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *mutation.tests.split()]
        done = subprocess.run(
            [sys.executable, *words], cwd=copy, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode and not failed:
        raise SystemExit(f"{name}: the tests could not be run\n{done.stdout[-2000:]}")
    verdict = f"killed by {failed[0]}" if failed else "SURVIVED"
    print(f"{name:58}{time.monotonic() - began:5.0f} s  {verdict}", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
