"""From a store's address to an open store: patient, and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2esync.adapters.stores.counting import Traffic
from e2esync.adapters.stores.location import DirectoryLocation, open_store, parse_location
from e2esync.adapters.stores.retrying import RetryingStore
from e2esync.adapters.stores.s3 import S3Settings
from e2esync.engine.notes import StoreAddress
from e2esync.model.store import Store


def parse_address(text: str, settings: dict[str, str | None]) -> StoreAddress:
    """Return the address that a person typed, in its one form; a directory has no settings.

    Raises:
        UsageError: It is none.
    """
    location = parse_location(text)
    if isinstance(location, DirectoryLocation):
        return StoreAddress(location.url)
    return StoreAddress(location.url, **settings)


def directory_of(address: StoreAddress) -> Path | None:
    """Return where a directory store lies, None if it is a bucket."""
    location = parse_location(address.url)
    return location.path if isinstance(location, DirectoryLocation) else None


def connect(address: StoreAddress, *, traffic: Traffic, create: bool = False, patient: bool = True) -> Store:
    """Return the open store at an address; boto3 is loaded with the first request to a bucket.

    `patient`: what fails for now is tried again.

    Raises:
        UsageError: A directory cannot be made, or a file is in its place.
    """
    settings: dict[str, Any] = address.settings()
    location = parse_location(address.url)
    store = open_store(location, S3Settings(**settings), create=create, traffic=traffic)
    return RetryingStore(store) if patient else store
