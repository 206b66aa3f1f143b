"""Keys and ids that a seed gives: what is decided by their order, or named by them, is the same each time.

For histories: a failing one can be lived again. Not all is: times, inodes and what HPKE draws are not.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the random bytes of the program from a seed."""
    drawing = [
        module
        for name, module in sys.modules.items()
        if name.startswith("e2esync.") and vars(module).get("token_bytes") is secrets.token_bytes
    ]
    assert drawing
    draw = Random(seed).randbytes
    for module in drawing:
        vars(module)["token_bytes"] = draw
    try:
        yield
    finally:
        for module in drawing:
            vars(module)["token_bytes"] = secrets.token_bytes
