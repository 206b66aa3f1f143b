"""Keep the store from growing with the number of pushes: fold 32 indexes of a level into one of the next.

Their small packs are joined with them. Folding moves sealed bytes, drops nothing and changes no
tree. It believes the indexes themselves and not the catalogue, so that a lost catalogue loses no
row. The order is new packs, new index, head; whatever is cut off before the head is committed was
never said, and is waste that the next push finds (`settle`) and deletes.
"""

from __future__ import annotations

from itertools import chain

from e2esync.engine import ownhead
from e2esync.engine.moving import PackMover, by_pack, to_join
from e2esync.engine.ownhead import LiveIndex
from e2esync.engine.ownindex import WHOLE_INDEX, own_index, put_index
from e2esync.engine.sweep import settle
from e2esync.engine.vault import SyncedFolder
from e2esync.format.index import Group

FAN = 32
MOST_BYTES = FAN * WHOLE_INDEX  # of indexes folded at once


def fold(vault: SyncedFolder, indexes: tuple[LiveIndex, ...]) -> tuple[LiveIndex, ...]:
    """Return the live indexes of the next head, folded if there are enough of a level.

    `indexes` are those of the head before and what was stored since.
    """
    settle(vault, [*ownhead.load(vault.state).indexes, *indexes])
    opened, level = _open(vault, indexes)
    if not opened:
        return indexes
    packs = by_pack(opened.values())
    staying = {pack: groups for pack, groups in packs.items() if not vault.catalogue.is_marked(pack)}
    mover = PackMover(vault)
    for pack, groups in to_join(staying).items():  # what is about to go is not taken along
        mover.move(pack, groups)
    mover.finish()
    stay = chain.from_iterable(packs[pack] for pack in packs.keys() - set(mover.old))
    folded = put_index(
        vault,
        [*stay, *vault.catalogue.groups(mover.new)],
        level=level,
        old_packs=mover.old,
        old_indexes=[index.id for index in opened],
    )
    left = [index for index in indexes if index not in opened]
    return tuple(sorted([*left, folded], key=lambda index: -index.level))  # the oldest first


def _open(vault: SyncedFolder, indexes: tuple[LiveIndex, ...]) -> tuple[dict[LiveIndex, list[Group]], int]:
    """Return the indexes to fold with what they say, and the level of what they become.

    One that cannot be read as it was written stays as it is, and others are taken.
    """
    read: dict[LiveIndex, list[Group]] = {}
    while True:
        chosen, level = choose(indexes)
        damaged = set()
        for index in chosen:
            groups = read.get(index) or own_index(vault, index.id)
            if groups is None:
                damaged.add(index)
            else:
                read[index] = groups
        if not damaged:
            return {index: read[index] for index in chosen}, level
        indexes = tuple(index for index in indexes if index not in damaged)


def choose(indexes: tuple[LiveIndex, ...]) -> tuple[list[LiveIndex], int]:
    """Return which indexes to fold into one, and its level; none if no level has enough.

    What comes out counts for its own level at once, so that nothing is folded twice in one push.
    """
    chosen: list[LiveIndex] = []
    level = 0
    while True:
        here = [index for index in indexes if index.level == level and index.size < WHOLE_INDEX]
        here = here[: FAN - bool(chosen)]
        if len(here) + bool(chosen) < FAN or sum(index.size for index in chosen + here) > MOST_BYTES:
            return chosen, level
        chosen += here
        level += 1
