"""All parsers of the program under test, and how one that is missing here is found out."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import e2esync.crypto
import e2esync.format
import e2esync.tree
import e2esync.vault
import e2esync.wiring
from tests.fuzz import bare, keyed, local
from tests.fuzz.target import Target

TARGETS: tuple[Target, ...] = (*bare.TARGETS, *keyed.TARGETS, *local.TARGETS)
BY_NAME = {target.name: target for target in TARGETS}

PACKAGES = (e2esync.crypto, e2esync.format, e2esync.tree, e2esync.vault, e2esync.wiring)
_PARSES = re.compile(
    r"(decode|descend|fields|bare_fields|unpad|parse|open|of_|from_|unseal|import|load|walk)"
)
_OTHERS = {  # parsers by other names
    "tree.compare:compare",
    "tree.keys:birthplace",
    "tree.pagecodec:list_items",
    "tree.pagecodec:page_items",
    "vault.compression:Compressor.decompress",
    "vault.device:verify_certificate",
    "vault.membership:owner_of",
}
ADAPTERS = {  # parsers among what else adapters do
    "adapters.keystore:open_keystore",
    "adapters.stores.location:parse_location",
    "adapters.stores.s3_failures:check_answer",
    "adapters.stores.s3_failures:failure",
    "adapters.stores.s3_ranges:read_piece",
    "adapters.stores.s3_refusals:refused",
}
NO_PARSERS = {
    "crypto.secrets:Sealer.unseal": "opens or refuses, and looks at nothing inside",
    "wiring.background:FolderGround.open": "a folder, for a keeper",
    "vault.cipher:FileCipher.open": "a chunk: unsealed, then `decompress`",
    "vault.cipher:VaultCipher.open_page": "a page: unsealed, then `decompress`",
}


def found() -> set[str]:
    """Return the parsers of the packages, by module and name."""
    names = {
        name for package in PACKAGES for module in modules(package.__name__) for name in of_module(module)
    }
    return (names | _OTHERS | ADAPTERS) - NO_PARSERS.keys()


def modules(package: str) -> Iterator[str]:
    """Yield the modules of a package."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        yield module.name


def of_module(name: str) -> Iterator[str]:
    """Yield what by its name is a parser of this module: functions, and methods of its classes."""
    module = importlib.import_module(name)
    owners = [
        ("", module),
        *((f"{key}.", kind) for key, kind in vars(module).items() if inspect.isclass(kind)),
    ]
    for prefix, owner in owners:
        for key, value in vars(owner).items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if inspect.isfunction(function) and function.__module__ == name and _PARSES.match(key):
                yield f"{name.removeprefix('e2esync.')}:{prefix}{key}"
