"""Names for what a disk cannot hold under its own (format §6.9)."""

from __future__ import annotations

import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2esync.merge.aliases import PLAIN, Naming, aliases, real_name
from e2esync.merge.naming import DIGITS
from e2esync.tree.keys import MAX_NAME, is_name
from tests.merge.devices import tag

NAMINGS = [Naming(*flags) for flags in product([False, True], repeat=3)]
ALL = Naming(folds_case=True, folds_form=True, reserves=True)
ROOM = MAX_NAME - len(f" (alias, {'0' * DIGITS[-1]} 2)")

parts = st.sampled_from([
    b"a", b"A", b"con", b"CON", b"aux", b".", b" ", b"x.txt", b"?", b":", b"%3A", b"%", b"\xff", b"\n", b"Stra\xc3\x9fe",
    b"STRASSE", "\u00e9".encode(), "e\u0301".encode(), "E\u0301".encode(), b" (alias, 1f3a9c2e)", b"n" * 60,
])  # fmt: skip
names = st.lists(parts, min_size=1, max_size=5).map(b"".join).filter(is_name)
sets = st.sets(names, min_size=1, max_size=8)


def nothing(_: bytes) -> bool:
    return False


def by_name(several: set[bytes]) -> dict[bytes, bytes]:
    return {name: name for name in several}


def on_disk(several: set[bytes], naming: Naming) -> dict[bytes, bytes]:
    """Name → what stands for it on a disk."""
    found = aliases(by_name(several), naming, tag, nothing)
    return {name: found[name].name if name in found else name for name in several}


@given(sets, st.sampled_from(NAMINGS))
def test_no_two_names_are_one_on_the_disk_and_it_refuses_none(several, naming):
    there = on_disk(several, naming)
    assert len({naming.folded(name) for name in there.values()}) == len(several)
    assert all(naming.holds(name) and is_name(name) for name in there.values())


@given(sets, st.sampled_from(NAMINGS))
def test_who_can_keep_the_name_does_and_of_several_one(several, naming):
    found = aliases(by_name(several), naming, tag, nothing)
    for name in several:
        same = [other for other in several if naming.is_same(name, other) and naming.holds(other)]
        assert len([other for other in same if other not in found]) == (1 if same else 0)
        assert name not in found or found[name].keeper == (min(same) if naming.holds(name) else None)


@given(names, sets, sets)
def test_an_alias_depends_on_the_name_alone(name, some, others):
    found = (aliases(by_name(several | {name}), ALL, tag, nothing).get(name) for several in (some, others))
    assert len({alias.name for alias in found if alias is not None}) <= 1


@given(sets, st.randoms())
def test_the_order_in_which_names_are_told_does_not_matter(several, random):
    shuffled = sorted(several)
    random.shuffle(shuffled)
    told = aliases({name: name for name in shuffled}, ALL, tag, nothing)
    assert told == aliases(by_name(several), ALL, tag, nothing)


@given(sets)
def test_an_alias_says_for_which_name_it_stands_unless_that_was_cut(several):
    for name, alias in aliases(by_name(several), ALL, tag, nothing).items():
        assert real_name(alias.name, tag) in ({name} if len(name) * 3 <= ROOM else {name, None})


@given(names)
def test_a_name_is_no_alias_for_looking_like_one(name):
    assert real_name(name, tag) is None
    assert real_name(b"a (alias, %s).txt" % tag(b"b.txt").hex()[:8].encode(), tag) is None


@given(sets)
def test_a_disk_that_holds_all_names_has_no_aliases(several):
    assert aliases(by_name(several), PLAIN, tag, nothing) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a.txt", b"a (alias, %s).txt"), (b"a", b"a (alias, %s)"), (b".bashrc", b".bashrc (alias, %s)"),
        (b"aux", b"%%61ux (alias, %s)"), (b"AUX.tar.gz", b"%%41UX.tar (alias, %s).gz"), (b"LpT1.x", b"%%4CpT1 (alias, %s).x"),
        (b"com\xc2\xb2", b"%%63om\xc2\xb2 (alias, %s)"), (b"a:b?.txt", b"a%%3Ab%%3F (alias, %s).txt"),
        (b"100%?", b"100%%25%%3F (alias, %s)"), (b"ends.", b"ends%%2E (alias, %s)"), (b"x. ", b"x (alias, %s).%%20"),
        (b"tab\t", b"tab%%09 (alias, %s)"), (b"a\\b", b"a%%5Cb (alias, %s)"),
    ],
)  # fmt: skip
def test_what_stands_for_a_name(name, expected):
    alias = aliases({name: 1, name.upper(): 0}, ALL, tag, nothing)[name].name
    assert alias == expected % tag(name).hex()[:8].encode()
    assert real_name(alias, tag) == name


@pytest.mark.parametrize(
    "name", [b"console", b"com10", b"auxiliary.txt", b"a.aux", b" a", b".a", b"a+b=c", b"%41"]
)
def test_what_only_looks_refused_keeps_its_name(name):
    assert ALL.holds(name)


@pytest.mark.parametrize("kept", range(3))
def test_where_an_alias_is_the_name_of_another_it_has_more_digits(kept):
    digits = tag(b"a").hex().encode()
    taken = {b"A (alias, %s)" % digits[:length] for length in DIGITS[:kept]}
    alias = aliases(by_name({b"a", b"A", *taken}), ALL, tag, nothing)[b"a"].name
    assert alias == b"a (alias, %s)" % digits[: DIGITS[kept]]
    assert (
        aliases(by_name({b"a", b"A"}), ALL, tag, set(map(ALL.folded, taken)).__contains__)[b"a"].name == alias
    )


def test_an_alias_of_a_long_name_fits_and_keeps_its_extension():
    name = b"n" * 251 + b".txt"
    alias = aliases({name: 1, name.upper(): 0}, ALL, tag, nothing)[name].name
    assert len(alias) == MAX_NAME
    assert alias.endswith(b".txt")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A", "a", {"case"}), ("\u00e9", "e\u0301", {"form"}), ("\u00c9", "e\u0301", {"case", "form"}), ("a", "b", {"never"}),
        ("\u212b", "\u00e5", {"case"}), ("\u212b", "A\u030a", {"form"}),
    ],
)  # fmt: skip
def test_which_names_a_disk_takes_for_one(one, other, same):
    for naming in NAMINGS:
        folds = {word for word, does in (("case", naming.folds_case), ("form", naming.folds_form)) if does}
        assert naming.is_same(one.encode(), other.encode()) == (same <= folds)


@given(names, st.sampled_from(NAMINGS))
def test_what_a_disk_takes_for_one_it_does_in_both_ways_and_with_itself(name, naming):
    text = name.decode("utf-8", "surrogateescape")
    for other in (text.upper(), unicodedata.normalize("NFD", text), text):
        there = other.encode("utf-8", "surrogateescape")
        assert naming.is_same(name, there) == naming.is_same(there, name)
    assert naming.is_same(name, name)
    assert naming.folded(naming.folded(name)) == naming.folded(name)
