"""`recovery test` and `decrypt --offline`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e2esync.cli import options as o
from e2esync.cli.output import escape
from e2esync.cli.progress import Bar
from e2esync.cli.session import Session
from e2esync.cli.words import required_words
from e2esync.errors import IntegrityError, NoAccess, PartlyFailed, UsageError, WordsError

recovery = typer.Typer(add_completion=False, help="Your recovery words.")


@recovery.callback()
def _recovery() -> None:
    """Your recovery words."""


@recovery.command("test")
def recovery_test(
    recovery_file: o.RecoveryFile = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Type your recovery words, or name their file, to see that they are right. Nothing is changed."""
    from e2esync.engine.setup import fingerprint_of

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    kept = session.device().kept_identity()
    if kept is None:
        raise NoAccess(
            "there is no identity on this device", why="there is nothing to compare with", fix="e2esync setup"
        )
    entropy = required_words(session.ask, recovery_file)
    public = kept.identity.public
    if fingerprint_of(entropy) != public.fingerprint:
        raise WordsError(
            "these are recovery words of another identity",
            why="they are a valid phrase, but not the one that was shown at your setup",
            fix="look for the sheet that you wrote at setup",
        )
    session.out.document("recovery-test", correct=True, safety_number=public.safety_number)
    session.out.data("These are your recovery words.")


@recovery.command("sheet", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sheet(context: typer.Context) -> None:
    """Comes with a later version."""
    del context
    raise UsageError(
        "`e2esync recovery sheet` comes with a later version",
        why="this version has `recovery test`",
        fix="e2esync recovery test",
    )


def decrypt(
    *,
    store_copy: Annotated[
        Path, typer.Argument(metavar="STORE_COPY", help="A directory with a copy of the store.")
    ],
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="A new directory; each vault goes below it.")],
    offline: Annotated[
        bool, typer.Option("--offline", envvar="E2ESYNC_OFFLINE", help="From a copy, without any store.")
    ] = False,
    recovery_file: o.RecoveryFile = None,
    json: o.Json = False,
    no_input: o.NoInput = False,
    yes: o.Yes = False,
    plain: o.Plain = False,
) -> None:
    """Write all files of a copied store to a directory, with nothing but the recovery words."""
    from e2esync.engine.restore_offline import decrypt_offline

    session = Session(json=json, no_input=no_input, yes=yes, plain=plain)
    if not offline:
        raise UsageError(
            "decrypt works on a copy of the store",
            why="for a store that is at hand there is `join`",
            fix=f"e2esync decrypt --offline {store_copy} {dest}",
        )
    entropy = required_words(session.ask, recovery_file)
    with Bar(session.out) as bar:
        try:
            report, refused = decrypt_offline(store_copy, dest, entropy, progress=bar), None
        except IntegrityError as error:
            if error.done is None:
                raise
            report, refused = error.done, error
    session.out.document("decrypt", destination=str(dest), vaults=report)
    if refused is not None:
        for item in (item for vault in report for item in vault["failed"]):
            session.out.data(f"failed: {escape(item['path'])}: {escape(item.get('reason', ''))}")
        raise refused
    failed = [item for vault in report for item in (*vault["failed"], *vault["skipped"])]
    if failed:
        raise PartlyFailed(
            f"{len(failed)} of the files could not be written",
            why="; ".join(f"{item['path']}: {item.get('reason', '')}" for item in failed[:3]),
            fix="decrypt into an empty directory on another disk",
        )
    session.out.data(f"All files are below {escape(str(dest))}.")
