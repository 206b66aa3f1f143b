"""Flip bytes of every stored object: `verify --deep` says so each time, and a fresh device writes nothing wrong.

python -m tests.long.flip_store [SAMPLES_PER_OBJECT]
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from e2esync.format import names
from tests.long.rig import Device, Place, differs, tree


def main(samples: int, seed: int = 1) -> None:
    """Print counts by class of object; raise if a flip passes unseen."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        words, at = scratch / "words", Place(str(scratch / "store"))
        one = make_vault(scratch, at, words)
        counts: Counter[tuple[str, str]] = Counter()
        for path in sorted(Path(at.url).rglob("*")):
            name = names.parse(str(path.relative_to(at.url)))
            if name is None:
                continue
            content = path.read_bytes()
            for position in positions(rng, len(content), samples):
                changed = bytearray(content)
                changed[position] ^= 1 << rng.randrange(8)
                path.write_bytes(changed)
                counts[name.kind.name, verified(one, path, position)] += 1
                counts[name.kind.name, pulled(scratch, at, words, one)] += 1
            path.write_bytes(content)
        for (kind, outcome), count in sorted(counts.items()):
            print(f"{kind:12} {outcome:40} {count}")
        assert one.run("verify", "--deep")["rc"] == 0


def positions(rng: random.Random, size: int, samples: int) -> list[int]:
    """Return the first and last byte and some between."""
    return sorted({0, size - 1, *(rng.randrange(size) for _ in range(samples - 2))})


def make_vault(scratch: Path, at: Place, words: Path) -> Device:
    """Make a vault with two devices, two pushes, small and large files, links and directories."""
    one = Device(scratch / "home1", scratch / "one", at)
    one.setup(words)
    (one.folder / "a" / "b").mkdir(parents=True)
    (one.folder / "a" / "letter.txt").write_text("dear reader\n" * 300)
    (one.folder / "a" / "b" / "random").write_bytes(random.Random(2).randbytes(700_000))
    (one.folder / "a" / "link").symlink_to("letter.txt")
    (one.folder / "empty").touch()
    one.run("push")
    two = Device(scratch / "home2", scratch / "two", at)
    two.join(words)
    two.run("pull")
    (two.folder / "from two").write_text("hello from two")
    two.run("push")
    one.run("pull")
    assert tree(one.folder) == tree(two.folder)
    return one


def verified(device: Device, path: Path, position: int) -> str:
    """Return how `verify --deep` ended; it has to notice."""
    code = device.run("verify", "--deep", check=False)["rc"]
    assert code == 6, f"verify --deep exits {code} with byte {position} of {path} flipped"
    return "verify --deep exits 6"


def pulled(scratch: Path, at: Place, words: Path, one: Device) -> str:
    """Return how a fresh device ended: exit 6 with nothing written, or the same tree."""
    fresh, known = Device(scratch / "fresh home", scratch / "fresh", at), set(own_records(at))
    try:
        join = ("join", at.url, str(fresh.folder), "--recovery-file", str(words), "--yes")
        code = fresh.run(*join, check=False)["rc"] or fresh.run("pull", check=False)["rc"]
        if code == 0:
            assert tree(one.folder) == tree(fresh.folder)
            assert not differs(one.folder, fresh.folder)
            return "fresh device: the same tree"
        assert code == 6, f"a fresh device exits {code}"
        assert not fresh.folder.exists() or not tree(fresh.folder), "something was written"
        return "fresh device: exit 6, nothing written"
    finally:
        for own in set(own_records(at)) - known:
            own.unlink()
        shutil.rmtree(fresh.home, ignore_errors=True)
        shutil.rmtree(fresh.folder, ignore_errors=True)


def own_records(at: Place) -> list[Path]:
    """Return the own records in the store."""
    return sorted(Path(at.url).glob("people/*/own-*"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
