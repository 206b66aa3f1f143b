"""An arena for each attack, closed behind it."""

import pytest

from tests.attacks.arena import Arena


@pytest.fixture
def arena(tmp_path):
    made = Arena(tmp_path / "arena")
    yield made
    made.close()
