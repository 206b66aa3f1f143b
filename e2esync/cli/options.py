"""The options that several commands share: one meaning, one help text, one environment variable each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

STORE = "Store"
OUTPUT = "Output and answers"


class KeyStoreKind(StrEnum):
    """Where the secret keys of this device lie."""

    FILE = "file"
    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a passphrase


class DedupKind(StrEnum):
    """How far equal content is stored once."""

    VAULT = "vault"
    FILE = "file"


class Style(StrEnum):
    """How a bucket stands in a request."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


class Risk(StrEnum):
    """What a person may accept by name."""

    MASS_DELETE = "mass-delete"
    MASS_CHANGE = "mass-change"
    ROOT_EMPTIED = "root-emptied"
    ROLLBACK = "rollback"
    STORE_WIPED = "store-wiped"
    UNVERIFIED = "unverified"


def _option(name: str, text: str, panel: str = OUTPUT) -> typer.models.OptionInfo:
    variable = "E2ESYNC_" + name.removeprefix("--").replace("-", "_").upper()
    info: typer.models.OptionInfo = typer.Option(
        name, envvar=variable, help=text, rich_help_panel=panel, show_envvar=False, show_default=False
    )
    return info


Json = Annotated[bool, _option("--json", "Print the answer as JSON.")]
NoInput = Annotated[bool, _option("--no-input", "Never ask; say which option is missing.")]
Yes = Annotated[bool, _option("--yes", "Answer confirmations with yes.")]
Plain = Annotated[bool, _option("--plain", "No colours and no bars.")]
AcceptRisk = Annotated[
    list[Risk] | None,
    typer.Option(
        "--accept-risk",
        metavar="RISK",
        help="Accept this risk, by its name.",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "-n", "--dry-run", envvar="E2ESYNC_DRY_RUN", help="Show the plan, do nothing.", show_default=False
    ),
]

EndpointUrl = Annotated[
    str | None, _option("--endpoint-url", "Address of the S3 server, if it is not AWS.", STORE)
]
Profile = Annotated[str | None, _option("--profile", "Profile of ~/.aws to take credentials from.", STORE)]
Region = Annotated[str | None, _option("--region", "Region of the bucket.", STORE)]
AddressingStyle = Annotated[
    Style | None, _option("--addressing-style", "How the bucket stands in requests.", STORE)
]

RecoveryFile = Annotated[
    Path | None, _option("--recovery-file", "File with the recovery words.", "Keys and names")
]
NewRecoveryFile = Annotated[
    Path | None, _option("--recovery-file", "New file that gets the recovery words.", "Keys and names")
]
Words = Annotated[bool, _option("--words", "Type the recovery words.", "Keys and names")]
DeviceName = Annotated[str | None, _option("--device-name", "Name of this device.", "Keys and names")]
UserName = Annotated[
    str | None, _option("--user-name", "Your name, as other devices see it.", "Keys and names")
]
KeyStoreOption = Annotated[
    KeyStoreKind | None, _option("--key-store", "Where this device keeps its keys.", "Keys and names")
]
Dedup = Annotated[
    DedupKind,
    _option("--dedup", "Store equal content once in the vault, or only within one file.", "Keys and names"),
]
