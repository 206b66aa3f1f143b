"""What `pull` and `sync` say of names that the disk cannot hold."""

from __future__ import annotations

import pytest

from e2esync.adapters.files import LocalFolder
from e2esync.merge.aliases import Naming
from tests.library.conftest import made, pair  # noqa: F401  two devices of one vault


@pytest.mark.parametrize("command", ["pull", "sync"])
def test_each_is_named_once_with_what_it_stands_for(run, pair, monkeypatch, command):  # noqa: F811
    laptop, desk = pair
    for name in ("A.txt", "a.txt", "aux", "x"):
        laptop.write(name, name.encode())
    with laptop.open() as vault:
        vault.sync()
    monkeypatch.setenv("E2ESYNC_HOME", str(desk.home))
    monkeypatch.chdir(desk.folder)
    monkeypatch.setattr(LocalFolder, "naming", lambda _: Naming(folds_case=True, reserves=True))
    said = run(command).out.splitlines()
    (twin,) = (path.name for path in desk.folder.iterdir() if path.name.startswith("a (alias, "))
    (refused,) = (path.name for path in desk.folder.iterdir() if path.name.startswith("%61ux (alias, "))
    assert f"a.txt is shown here as {twin}, as this disk takes A.txt and a.txt for one name" in said
    assert f"aux is shown here as {refused}, as this disk refuses that name" in said
    assert "shown here" not in run(command).out
    assert run(command, "--json").last["aliases"] == []
    assert run("conflicts", "list", "--json").last["conflicts"] == []
    laptop.write("X", b"X")
    with laptop.open() as vault:
        vault.sync()
    (alias,) = run(command, "--json").last["aliases"]
    assert (alias["name"], alias["beside"], alias["folder"]) == ("x", "X", str(desk.folder))
    assert (desk.folder / alias["path"]).read_bytes() == b"x"
