"""`doctor [--store]`: what is wrong here, and what mends it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from e2esync.cli import options as o
from e2esync.cli.output import escape
from e2esync.cli.places import s3_settings
from e2esync.cli.session import Session
from e2esync.errors import E2ESyncError
from e2esync.model.amounts import counted

if TYPE_CHECKING:
    from e2esync.engine.notes import FolderNote, StoreAddress
    from e2esync.wiring.localdevice import HomeDevice

_OLDEST_PYTHON = (3, 11)


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    outcome: str  # ok, note or bad
    text: str
    fix: str = ""
    error: E2ESyncError | None = None


def doctor(
    *,
    try_store: Annotated[
        bool, typer.Option("--store", envvar="E2ESYNC_STORE", help="Try the stores, too.", show_default=False)
    ] = False,
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Look for what is wrong on this device; with --store try what e2esync asks of the stores."""
    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    given = {
        k: v for k, v in s3_settings(endpoint_url, profile, region, addressing_style).items() if v is not None
    }
    checks = []
    for check in _all(session, given, try_store=try_store):
        checks.append(check)
        session.out.data(f"{check.outcome:5} {check.name}: {escape(check.text)}")
        if check.fix and check.outcome != "ok":
            session.out.data(f"      fix: {escape(check.fix)}")
    session.out.document(
        "doctor",
        checks=[
            {"name": one.name, "outcome": one.outcome, "text": one.text, "fix": one.fix} for one in checks
        ],
    )
    bad = [check for check in checks if check.outcome == "bad"]
    if bad:
        raise bad[0].error or E2ESyncError(
            f"{len(bad)} of {len(checks)} things are not as they should be",
            why="; ".join(check.text for check in bad),
            fix=bad[0].fix or "see above",
        )


def _all(session: Session, given: dict[str, str], *, try_store: bool) -> Iterator[Check]:
    yield _python()
    yield from _guarded("home", lambda: _home(session))
    try:
        local = session.device()
    except E2ESyncError as error:
        yield Check("configuration", "bad", f"{error.what}: {error.why}", error.fix, error)
        return
    yield Check("configuration", "ok", f"{session.home.config}: {counted(len(local.folders()), 'folder')}")
    yield from _guarded("keys", lambda: _keys(local))
    for note in local.folders():
        yield from _guarded(f"folder {note.path}", partial(_folder, local, note))
    if try_store:
        for address in {note.store for note in local.folders()}:
            yield from _store(address, given)


def _guarded(name: str, look: Callable[[], Check]) -> Iterator[Check]:
    try:
        yield look()
    except E2ESyncError as error:
        yield Check(name, "bad", f"{error.what}: {error.why}", error.fix, error)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "python", "ok" if sys.version_info >= _OLDEST_PYTHON else "bad", version, "install Python 3.11"
    )


def _home(session: Session) -> Check:
    session.home.make()
    return Check("home", "ok", str(session.home.keys))


def _keys(local: HomeDevice) -> Check:
    if not local.has_keys:
        return Check("keys", "note", "this device has no keys yet", "e2esync setup, or e2esync join")
    kept = local.kept_identity()
    devices = len(local.devices())
    return Check(
        "keys",
        "ok",
        f"identity {kept.identity.public.safety_number[:11] if kept else '-'}…, {counted(devices, 'device key')}",
    )


def _folder(local: HomeDevice, note: FolderNote) -> Check:
    from e2esync.wiring.survey import survey

    found = survey(local, note)
    if found.needs:
        need = found.needs[0]
        return Check(f"folder {note.path}", "bad", need.text, need.fix)
    return Check(f"folder {note.path}", "ok", f"{counted(found.files, 'file')}, {found.pending_up} to push")


def _store(address: StoreAddress, given: dict[str, str]) -> Iterator[Check]:
    from dataclasses import replace

    from e2esync.adapters.stores.counting import Traffic
    from e2esync.adapters.stores.probe import Outcome, probe
    from e2esync.wiring.stores import connect

    outcomes = {Outcome.OK: "ok", Outcome.IGNORED: "note", Outcome.FAILED: "bad"}
    store = connect(replace(address, **given), traffic=Traffic(), patient=False)
    try:
        report = probe(store)
    finally:
        store.close()
    for finding in report.findings:
        name = f"store {report.url} {finding.name}"
        outcome = outcomes[finding.outcome]
        error = report.error if outcome == "bad" else None
        yield Check(name, outcome, finding.sentence, error.fix if error else "", error)
