"""Trees that pass every signature and would break whoever reads them, one function each (row H7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from e2esync.errors import DiskFull, E2ESyncError, IntegrityError
from e2esync.merge.standing import ORPHANS
from e2esync.tree import pages
from e2esync.tree.keys import ROOT, Kind, node_key
from e2esync.tree.lists import ListRoot
from e2esync.tree.pages import Item, Root
from e2esync.tree.values import DirectoryContent, FileContent
from tests.attacks import forge_defences  # noqa: F401 - adds defences that can be switched off
from tests.attacks.forge_tree import Forger, item, raw

Weak = tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """What is published, and without which defences it would be believed."""

    name: str
    forge: Callable[[Forger], None]
    weaknesses: Weak = ()
    kinds: tuple[type[E2ESyncError], ...] = (IntegrityError,)
    is_in_contents: bool = False  # found when files are fetched: the tree around it is good
    is_large: bool = False  # memory is looked at, too


SHAPES: list[Shape] = []


def shape(
    *weaknesses: str,
    kinds: tuple[type[E2ESyncError], ...] = (IntegrityError,),
    in_contents: bool = False,
    large: bool = False,
):
    """Add a function that publishes something to the shapes."""

    def add(forge: Callable[[Forger], None]) -> Callable[[Forger], None]:
        SHAPES.append(Shape(forge.__name__, forge, weaknesses, kinds, in_contents, large))
        return forge

    return add


def number_of(f: Forger, name: bytes) -> bytes:
    return f.cipher.directory_number(node_key(ROOT, name, Kind.DIRECTORY))


# --- values --------------------------------------------------------------------------------------


@shape("values", "dots")
def a_file_without_contents(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0].__setitem__(5, []))])


@shape("values", "dots")
def a_node_without_entries(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value.clear())])


@shape("values", "dots")
def a_file_with_the_contents_of_a_symlink(f: Forger) -> None:
    f.publish([(node_key(ROOT, b"s", Kind.FILE), f.symlink(b"s", b"target")[1])])


@shape("values", "dots")
def a_symlink_with_the_contents_of_a_file(f: Forger) -> None:
    f.publish([(node_key(ROOT, b"s", Kind.SYMLINK), f.file(b"s")[1])])


@shape("values", "dots")
def a_directory_with_the_contents_of_a_file(f: Forger) -> None:
    f.publish([(node_key(ROOT, b"s", Kind.DIRECTORY), f.file(b"s")[1])])


@shape()
def a_kind_that_does_not_exist(f: Forger) -> None:
    key, value = f.file(b"device node")
    f.publish([(key[:-5] + b"\x04" + key[-4:], value)])


@shape("order in entries")
def two_entries_of_one_device(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value.append(value[0]))])


@shape("values", "dots", large=True)
def more_entries_than_there_may_be(f: Forger) -> None:
    entry = f.entry(f.text(b"x"))
    many = [entry._replace(device=n.to_bytes(16, "big")) for n in range(1025)]
    f.publish([item(node_key(ROOT, b"s", Kind.FILE), many)])


@shape("dots", large=True)
def entries_of_a_thousand_devices_that_nobody_knows(f: Forger) -> None:
    entry = f.entry(f.text(b"x"))
    many = [
        entry._replace(device=bytes(14) + n.to_bytes(2, "big"), contents=(_by(n, entry.contents[0]),))
        for n in range(1, 1001)
    ]
    f.publish([item(node_key(ROOT, b"s", Kind.FILE), many)])


def _by(n: int, content: object) -> FileContent:
    assert isinstance(content, FileContent)
    return content._replace(dot=content.dot._replace(device=bytes(14) + n.to_bytes(2, "big")))


@shape("bounds of values", "dots")
def more_contents_than_there_may_be(f: Forger) -> None:
    content = f.text(b"x")
    entry = f.entry(content)._replace(contents=tuple(content._replace(dot=f.dot()) for _ in range(1025)))
    f.publish([item(node_key(ROOT, b"s", Kind.FILE), [entry])])


@shape("dots")
def a_dot_outside_of_the_context(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0].__setitem__(2, 99))])


@shape("dots")
def a_past_outside_of_the_context(f: Forger) -> None:
    entry = f.entry(f.text(b"x"))._replace(past=((bytes(15) + b"\x01", 1 << 40),))
    f.publish([item(node_key(ROOT, b"s", Kind.FILE), [entry])])


@shape("entries")
def a_value_whose_dot_its_entry_does_not_cover(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0][5][0].__setitem__(1, 2))])


@shape("values", "dots")
def a_sequence_beyond_all(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0].__setitem__(2, 1 << 48))])


@shape("values", "dots")
def a_size_that_the_chunks_do_not_have(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0][5][0].__setitem__(3, 1 << 40))])


@shape("values", "dots")
def a_key_that_the_file_does_not_list(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0][5][0][7].__setitem__(0, 7))])


@shape("content hash", in_contents=True)
def a_content_hash_of_nothing(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0][5][0].__setitem__(4, bytes(32)))])


@shape(in_contents=True)
def a_data_key_of_an_epoch_that_nobody_knows(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0].__setitem__(1, [bytes(32)]))])


@shape(in_contents=True)
def a_chunk_that_no_index_names(f: Forger) -> None:
    f.publish([raw(f.file(b"s"), lambda value: value[0][5][0][7].__setitem__(1, bytes(32)))])


# --- places --------------------------------------------------------------------------------------


def files_in_directories_that_do_not_exist(f: Forger) -> None:
    """No break: the view has a place for them."""
    f.publish(
        [f.file(b"s", parent=b"\x01" * 16, place=(ROOT, b"s")), f.file(b"t", place=(b"\x02" * 16, b"t"))]
    )


def a_file_below_a_file(f: Forger) -> None:
    """No break: it is shown elsewhere."""
    above = f.file(b"above")
    f.publish([above, f.file(b"below", parent=f.cipher.directory_number(above[0]))])


def a_directory_inside_of_itself(f: Forger) -> None:
    """No break: the view has a place for it."""
    node, number = f.directory(b"d", place=(number_of(f, b"d"), b"d"))
    assert number == number_of(f, b"d")
    f.publish([node])


def two_directories_inside_of_each_other(f: Forger) -> None:
    """No break: devices that move them at the same time leave the same."""
    one, _ = f.directory(b"a", place=(number_of(f, b"b"), b"a"))
    other, _ = f.directory(b"b", place=(number_of(f, b"a"), b"b"))
    f.publish([one, other])


def the_directory_of_strays_inside_of_a_stray(f: Forger) -> None:
    """No break: it is a directory as any other, if somebody writes it."""
    entry = f.entry(DirectoryContent(f.dot(), here=True), place=(number_of(f, b"d"), b"Recovered"))
    node, _ = f.directory(b"d", place=(b"\x01" * 16, b"d"))
    f.publish([node, item(ORPHANS, [entry]), f.file(b"s", place=(b"\x02" * 16, b"s"))])


@shape("depth")
def directories_deeper_than_1024(f: Forger) -> None:
    nodes: list[Item] = []
    parent = ROOT
    for _ in range(1030):
        node, parent = f.directory(b"d", parent=parent)
        nodes.append(node)
    f.publish([*nodes, f.file(b"s", parent=parent)])


# --- pages ---------------------------------------------------------------------------------------


@shape("page cut")
def a_page_for_each_node(f: Forger) -> None:
    def one_each(items, level, draw):
        return ([each] for each in items) if level == 0 else pages.cut(items, level, draw)

    f.publish([f.file(b"%d" % n) for n in range(10)], cut=one_each)


@shape("page cut", large=True)
def one_page_for_all_nodes(f: Forger) -> None:
    f.publish([f.file(b"%d" % n) for n in range(300)], cut=lambda items, _level, _draw: iter([list(items)]))


@shape("page cut", large=True)
def levels_that_hold_one_page_each(f: Forger) -> None:
    key, value = f.file(b"s")
    page = f.page(0, [(key, value)])
    for level in range(1, 13):
        page = f.page(level, [(key, page)])
    f.publish_root(Root(page, 12))


@shape("page order", "page cut")
def nodes_out_of_order(f: Forger) -> None:
    nodes = sorted(f.file(b"%d" % n) for n in range(3))
    f.publish_root(Root(f.page(0, nodes[::-1]), 0))


@shape()
def a_node_that_stands_twice(f: Forger) -> None:
    node = f.file(b"s")
    f.publish_root(Root(f.page(0, [node, (node[0], f.file(b"s", b"other")[1])]), 0))


@shape("page order", "page cut")
def one_child_a_thousand_times_under_its_own_key(f: Forger) -> None:
    node = f.file(b"s")
    f.publish_root(Root(f.page(1, [(node[0], f.page(0, [node]))] * 1000), 1))


@shape(large=True)
def one_child_a_thousand_times_under_other_keys(f: Forger) -> None:
    node = f.file(b"s")
    child = f.page(0, [node])
    f.publish_root(Root(f.page(1, [(node_key(ROOT, b"%05d" % n, Kind.FILE), child) for n in range(1000)]), 1))


@shape(large=True)
def children_that_multiply_through_all_levels(f: Forger) -> None:
    node = f.file(b"s")
    page = f.page(0, [node])
    for level in range(1, 13):
        page = f.page(level, [(node_key(ROOT, b"%05d" % n, Kind.FILE), page) for n in range(1000)])
    f.publish_root(Root(page, 12))


@shape()
def a_page_without_nodes(f: Forger) -> None:
    f.publish_root(Root(f.page(0, []), 0))


@shape()
def a_root_of_another_level_than_it_says(f: Forger) -> None:
    f.publish_root(Root(f.page(0, [f.file(b"s")]), 3))


@shape()
def a_page_that_is_not_there(f: Forger) -> None:
    f.publish_root(Root(bytes(32), 0))


# --- lists of chunks -----------------------------------------------------------------------------


def of_list(f: Forger, root: ListRoot, size: int) -> None:
    content = f.text(b"x")
    f.publish([item(node_key(ROOT, b"s", Kind.FILE), [f.entry(content._replace(size=size, chunks=root))])])


@shape(kinds=(DiskFull,), in_contents=True)
def a_file_larger_than_the_disk(f: Forger) -> None:
    of_list(f, ListRoot(bytes(32), 5, 1 << 41), 1 << 61)


@shape(in_contents=True)
def a_list_that_is_not_there(f: Forger) -> None:
    of_list(f, ListRoot(bytes(32), 1, 100), 1000)


@shape(in_contents=True)
def a_list_that_does_not_add_up(f: Forger) -> None:
    content = f.text(b"x" * 10)
    reference = content.chunks[0]
    page = f.list_page(0, [reference] * 100)
    of_list(f, ListRoot(f.list_page(1, [(page, 101, 1000), (page, 99, 1000)]), 1, 200), 2000)


@shape(in_contents=True, large=True)
def a_list_of_lists_of_itself(f: Forger) -> None:
    content = f.text(b"x" * 10)
    page, count, size = f.list_page(0, [content.chunks[0]] * 300), 300, 3000
    for level in range(1, 13):
        page = f.list_page(level, [(page, 1, 1)] * 300)
    of_list(f, ListRoot(page, 12, count), size)
