"""Make the tables of promises and attacks from docs/threats.toml and the marks on the tests.

    python docs/threats.py           write SECURITY.md's tables, docs/threats.md and e2esync/cli/threats.txt
    python docs/threats.py --check   fail where they would change, or a promise has lost its tests

A promise is shown if each of its rows has a test that attacks it, and a test says that it shows the
promise. What is not shown has to say why it is missing.
"""

from __future__ import annotations

import os
import sys
import textwrap
import tomllib
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SECURITY, ATTACKS = ROOT / "SECURITY.md", ROOT / "docs" / "threats.md"
HELP = ROOT / "e2esync" / "cli" / "threats.txt"
MOST_NAMED = 4  # tests that a table names for each promise and file


class Collector:
    """Collects which test attacks which row, and shows which promise."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, None]] = defaultdict(dict)
        self.shows: dict[str, dict[str, None]] = defaultdict(dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Take the marks of every test; the cases of one test count once."""
        for item in items:
            name = item.nodeid.partition("[")[0].removeprefix("tests/")
            for mark in item.iter_markers("row"):
                self.rows.update({str(row): {**self.rows[str(row)], name: None} for row in mark.args})
            for mark in item.iter_markers("shows"):
                self.shows.update({str(one): {**self.shows[str(one)], name: None} for one in mark.args})


def collect() -> Collector:
    """Return what the tests say of themselves; none is run."""
    found = Collector()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        code = pytest.main(["--collect-only", "-qq", "-n", "0", str(ROOT / "tests")], [found])
    if code != pytest.ExitCode.OK:
        sys.exit(f"the tests cannot be collected: {code!r}")
    return found


def check(said: dict[str, Any], found: Collector) -> list[str]:
    """Return what does not agree."""
    wrong = [
        f"a test attacks a row that nobody knows: {row}" for row in found.rows.keys() - said["rows"].keys()
    ]
    wrong += [
        f"a test shows a promise that nobody made: {one}"
        for one in found.shows.keys() - said["promises"].keys()
    ]
    for name, promise in said["promises"].items():
        lost = [row for row in promise["rows"] if row not in found.rows]
        if "missing" in promise:
            continue
        if lost:
            wrong.append(f"{name} is promised, and nothing attacks {', '.join(lost)}")
        if name not in found.shows:
            wrong.append(f"{name} is promised, and no test shows it")
    return wrong


def security(said: dict[str, Any], found: Collector) -> str:
    """Return the two tables of SECURITY.md."""
    shown = {name: one for name, one in said["promises"].items() if "missing" not in one}
    lines = ["| | promise | shown by |", "|---|---|---|"]
    lines += [f"| {name} | {one['text']} | {named(found.shows[name])} |" for name, one in shown.items()]
    lines += ["", "Not yet promised:", "", "| | promise | why not yet |", "|---|---|---|"]
    lines += [
        f"| {name} | {one['text']} | {one['missing']} |"
        for name, one in said["promises"].items()
        if name not in shown
    ]
    return "\n".join(lines)


def named(tests: dict[str, None]) -> str:
    """Return names of tests, by file."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests):
        file, _, name = test.partition("::")
        by_file[file].append(name)
    parts = []
    for file, tests_of in by_file.items():
        more = f" and {len(tests_of) - MOST_NAMED} more" if len(tests_of) > MOST_NAMED else ""
        parts.append(f"`{file}`: " + ", ".join(f"`{name}`" for name in tests_of[:MOST_NAMED]) + more)
    return "; ".join(parts)


def attacks(said: dict[str, Any], found: Collector) -> str:
    """Return docs/threats.md."""
    rows = [
        f"| {row} | {text} | {', '.join(f'`{file}`' for file in files(found.rows.get(row, {}))) or 'not yet'} |"
        for row, text in said["rows"].items()
    ]
    return "\n".join(
        [INTRODUCTION.strip(), "", "| row | what is tried | tests |", "|---|---|---|", *rows, ""]
    )


def files(tests: dict[str, None]) -> list[str]:
    """Return the files of tests, each once."""
    return sorted({test.partition("::")[0] for test in tests})


INTRODUCTION = """
# What is attacked, and how it is shown

This file is made by `docs/threats.py` from [threats.toml](threats.toml) and the marks on the tests.

The attacker controls the store and the network, knows every public key, has every old version of
every object, and may hold the devices of former members. `moto_fixtures/hostile.py` is that store:
it keeps everything, and has the verbs *flip, cut, extend, zero, swap, copy, delete, replay one
object, replay all, fork, hide, inject, lie in listings, edit headers, endless, slow, error,
redirect*; `moto_fixtures/hostile_proxy.py` stands with them before a real S3 server.

| oracle | a row passes when |
|---|---|
| DET | the command ends with the right error and exit code |
| NOCH | the folder is byte for byte as it was, without a partial file |
| NOST | what this device trusts has not moved, and the next honest pull works |
| NOLK | the attacker's keys open nothing new; no plaintext and no hash of it is in the store |
| BND | memory and bytes stay within limits |
| SAME | the requests are the same, whichever check failed |
| VIEW | the store's views of two worlds are equal |

Each row has its *weakened client*: the defence is switched off in the tests, and the row then has to
fail. A row that passes against its weakened client asserts nothing.
"""


def help_text(said: dict[str, Any]) -> str:
    """Return what `e2esync help threats` says."""
    shown = [one["short"] for one in said["promises"].values() if "missing" not in one]
    lines = [
        "The store is taken for an enemy: it may read, change, drop, replay and reorder everything, knows",
        "every public key and keeps every old version. Shown by tests against such a store:",
        "",
        *[
            line
            for text in shown
            for line in textwrap.wrap(text, 98, initial_indent="  - ", subsequent_indent="    ")
        ],
        "",
        "Not protected: a device that somebody else controls; a store that refuses to serve; when you sync,",
        "and how much; a brand new device, which has no memory of what is newest. Whoever loses the recovery",
        "words and every device loses the files. SECURITY.md has every promise word for word, with the tests",
        "that show it.",
    ]
    return "\n".join(lines) + "\n"


def outputs(said: dict[str, Any], found: Collector) -> dict[Path, str]:
    """Return every file that is made, with its content."""
    before, _, rest = SECURITY.read_text("utf-8").partition("<!-- promises -->\n")
    _, _, after = rest.partition("<!-- /promises -->\n")
    whole = f"{before}<!-- promises -->\n{security(said, found)}\n<!-- /promises -->\n{after}"
    return {SECURITY: whole, ATTACKS: attacks(said, found), HELP: help_text(said)}


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit code."""
    said, found = tomllib.loads((ROOT / "docs" / "threats.toml").read_text("utf-8")), collect()
    wrong = check(said, found)
    made = outputs(said, found)
    if arguments == ["--check"]:
        stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
        wrong += [
            f"{path.relative_to(ROOT)} is not what docs/threats.py makes of the tests" for path in stale
        ]
    else:
        for path, text in made.items():
            path.write_text(text, "utf-8")
    print("\n".join(wrong) or f"{len(found.rows)} rows are attacked, {len(found.shows)} promises have tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
