"""What the README shows in Python runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_readme_shows_the_library():
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_the_block_runs(block):
    exec(compile(block, str(README), "exec"), {})
