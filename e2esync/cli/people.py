"""`whoami`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.output import escape
from e2esync.cli.places import prepared_device, set_names
from e2esync.cli.session import Session
from e2esync.errors import NoAccess, UsageError

if TYPE_CHECKING:
    from e2esync.vault.identity import Identity


def whoami(
    *,
    card: Annotated[
        Path | None, typer.Option("--card", envvar="E2ESYNC_CARD", help="Write your card to this file.")
    ] = None,
    user_name: o.UserName = None,
    recovery_file: o.NewRecoveryFile = None,
    key_store: o.KeyStoreOption = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Show your name and safety number, or make an identity where there is none yet."""
    from e2esync.engine.setup import ensure_identity

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    local = session.device()
    kept = local.kept_identity()
    if kept is None or recovery_file is not None:
        if recovery_file is None:
            raise NoAccess(
                "there is no identity on this device",
                why="it is made by `setup`, or here with a name and a file for the recovery words",
                fix="e2esync setup, or e2esync whoami --user-name NAME --recovery-file FILE",
            )
        local = prepared_device(session, key_store)
        set_names(local, None, user_name)
        kept = ensure_identity(local, recovery_file.expanduser().absolute())
        local.promise_words(None)
    public = kept.identity.public
    if card is not None:
        write_card(card.expanduser(), kept.identity, local.user_name)
    session.out.document(
        "identity",
        name=local.user_name,
        fingerprint=public.fingerprint.hex(),
        safety_number=public.safety_number,
        card=str(card) if card is not None else None,
    )
    session.out.data(escape(local.user_name))
    session.out.data(f"safety number  {public.safety_number}")
    if card is not None:
        session.out.data(f"your card is in {escape(str(card))}: give it to whom you share with")


def write_card(path: Path, identity: Identity, name: str) -> None:
    """Write the card file.

    Raises:
        UsageError: It cannot be written.
    """
    from e2esync.vault.cardfile import export_card

    try:
        path.write_text(export_card(identity, name), "ascii")
    except OSError as error:
        raise UsageError(
            "the card cannot be written", why=f"{path}: {error.strerror}", fix="name another file with --card"
        ) from error
