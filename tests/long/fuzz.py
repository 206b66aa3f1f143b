"""Every parser under a coverage-guided fuzzer: executions, and what they found.

python -m tests.long.fuzz [--seconds N] [--mutator] [NAME …]

The fuzzer is atheris, which is no dependency of the project. Either install it beside the project
(`.venv/bin/pip install atheris`), or keep it apart:

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris
    echo "import site; site.addsitedir('$PWD/.venv/lib/python3.11/site-packages')" \
        > /tmp/fuzz/lib/python3.11/site-packages/project.pth
    /tmp/fuzz/bin/python -m tests.long.fuzz

Without it, or with --mutator, the mutations of the tests run alone, without looking at coverage.
Targets are those of `tests/fuzz/targets.py`; each has a process of its own. What is found is written to
./fuzz-findings/ as the input that shows it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

FINDINGS = Path("fuzz-findings")
MOST_BYTES = 1 << 16  # of one input
_EXECUTED = re.compile(r"stat::number_of_executed_units: +(\d+)")
_COVERED = re.compile(r"cov: (\d+)")


def main() -> int:
    """Run the targets one after the other, and print a row for each."""
    asked = _arguments()
    if asked.one:
        return _one(asked.one[0], asked.seconds, guided=not asked.mutator)
    guided = not asked.mutator and importlib.util.find_spec("atheris") is not None
    if not guided and not asked.mutator:
        print("atheris is not installed (how: see the head of this file); mutating without coverage")
    print(f"{'parser':32} {'executions':>11} {'per second':>11} {'seconds':>8} {'coverage':>9} findings")
    total = sum(_row(name, asked.seconds, guided=guided) for name in asked.names or _names())
    print(f"{total} findings" if total else "nothing found")
    return 1 if total else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="fuzz every parser")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--mutator", action="store_true", help="do without atheris")
    parser.add_argument("--one", nargs=1, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser.parse_args()


def _names() -> list[str]:
    from tests.fuzz.targets import TARGETS

    return [target.name for target in TARGETS if target.long]


def _row(name: str, seconds: int, *, guided: bool) -> int:
    """Fuzz one target in a process of its own; return how many findings there are."""
    began = time.monotonic()
    words = [sys.executable, "-m", "tests.long.fuzz", "--seconds", str(seconds), "--one", name]
    done = subprocess.run(
        [*words, *([] if guided else ["--mutator"])], capture_output=True, text=True, check=False
    )
    took = time.monotonic() - began
    said = done.stdout + done.stderr
    executed = int((_EXECUTED.findall(said) or ["0"])[-1])
    covered = (_COVERED.findall(said) or ["-"])[-1]
    findings = sorted(set(re.findall(r"^finding: (.*)$", said, re.MULTILINE)))
    if done.returncode or not executed:
        findings.append(f"exit {done.returncode}: {said[-2000:]}")
    print(
        f"{name:32} {executed:11} {executed / took:11.0f} {took:8.0f} {covered:>9} {len(findings)}",
        flush=True,
    )
    for finding in findings:
        print(f"    {finding}")
    return len(findings)


def _one(name: str, seconds: int, *, guided: bool) -> int:
    """Fuzz one target here."""
    if not guided:
        return _mutate(name, seconds)
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["e2esync"], enable_loader_override=False):
        from tests.fuzz.mutate import mutate
        from tests.fuzz.targets import BY_NAME
    target = BY_NAME[name]

    def bend(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        return mutate(data, target.seeds, chance.randrange)[:most]

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            Path(corpus, str(number)).write_bytes(seed)
        words = [
            f"-max_total_time={seconds}",
            f"-max_len={MOST_BYTES}",
            "-print_final_stats=1",
            "-timeout=30",
        ]
        atheris.Setup([sys.argv[0], *words, corpus], _watched(name, target.run), custom_mutator=bend)
        atheris.Fuzz()
    return 0


def _mutate(name: str, seconds: int) -> int:
    """Fuzz one target with the mutations of the tests; what is accepted becomes a seed."""
    from tests.fuzz.mutate import mutated
    from tests.fuzz.targets import BY_NAME

    target, chance, executed = BY_NAME[name], random.Random(name), 0
    run, seeds = _watched(name, target.run), list(target.seeds)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = mutated(seeds, chance.randrange)[:MOST_BYTES]
        if run(data) and len(seeds) < 1000:
            seeds.append(data)
        executed += 1
    print(f"stat::number_of_executed_units: {executed}")
    return 0


def _watched(name: str, run: Callable[[bytes], Any]) -> Callable[[bytes], bool]:
    """Return the target such that what it lets out is told once for each place, and does not end the run."""
    seen: set[tuple[str, str]] = set()

    def watched(data: bytes) -> bool:
        try:
            return run(bytes(data)) is not None
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = (type(error).__name__, f"{last.filename}:{last.lineno}")
            if place not in seen:
                seen.add(place)
                FINDINGS.mkdir(exist_ok=True)
                file = FINDINGS / f"{re.sub('[^a-z]+', '-', name.lower())}-{len(seen)}"
                file.write_bytes(data)
                print(f"finding: {place[0]} at {place[1]}, {file}: {str(error)[:200]!r}", flush=True)
            return False

    return watched


if __name__ == "__main__":
    sys.exit(main())
