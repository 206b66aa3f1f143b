"""forget and move-store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.handing import alone
from e2esync.cli.output import escape
from e2esync.cli.places import check, s3_settings
from e2esync.cli.session import Session, folder_of
from e2esync.cli.start import folder_values

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A synced folder.")]


def forget(
    folder: Folder,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Leave a vault on this device. Files and store stay as they are."""
    from e2esync.engine.forget import forget as forget_folder
    from e2esync.wiring.build import folder_lock

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    session.folders(local, None)
    note = folder_of(local.folders(), folder)
    with alone(session, note), folder_lock(local, note):
        forget_folder(note, local)
    session.out.document("forget", **folder_values(note))
    session.out.data(
        f"{escape(str(note.path))} is not synced any more; its files and the store stay as they are."
    )


def move_store(
    *,
    folder: Folder,
    store: Annotated[str, typer.Argument(metavar="STORE", help="The new address of the same vault.")],
    endpoint_url: o.EndpointUrl = None,
    profile: o.Profile = None,
    region: o.Region = None,
    addressing_style: o.AddressingStyle = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Use the same vault at a new address: a copied bucket, or new settings."""
    from e2esync.adapters.stores.counting import Traffic
    from e2esync.engine.move_store import move_store as move
    from e2esync.wiring.build import synced_folder
    from e2esync.wiring.stores import parse_address

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    session.folders(local, None)
    note = folder_of(local.folders(), folder)
    address = parse_address(store, s3_settings(endpoint_url, profile, region, addressing_style))
    check(session, local, note.path, address, but=note.vault)
    with (
        alone(session, note),
        synced_folder(local, note, traffic=Traffic(), address=address) as vault,
    ):
        moved = move(vault, note, address, local)
    session.out.document("move-store", **folder_values(moved))
    session.out.data(f"{escape(str(moved.path))} is synced with {escape(moved.store.url)} from now on.")
    session.out.data("Next: e2esync verify")
