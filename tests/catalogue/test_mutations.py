"""The mutations that a long run applies (`tests.long.mutations`) still have their place in the program."""

from __future__ import annotations

import pytest

from tests.long.mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_its_place_is_there_once_and_so_are_its_tests(mutation: Mutation):
    text = (ROOT / "e2esync" / mutation.file).read_text()
    for old, new in [(mutation.old, mutation.new), *([mutation.also] if mutation.also else [])]:
        assert text.count(old) == 1
        assert old != new
        text = text.replace(old, new)
    for test in mutation.tests.split():
        assert (ROOT / test.partition("::")[0]).exists()
