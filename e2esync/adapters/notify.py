"""The service manager that started this process, told how it is (the protocol of sd_notify; datagrams to a Unix socket)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that a manager may take to read
_SOCKET, _USEC, _PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


@dataclass(frozen=True, slots=True)
class Manager:
    """Who is told; without an address, nobody."""

    address: bytes | None = None
    between: float | None = None  # seconds from one ping to the next; None if none is expected

    def ready(self, status: str) -> None:
        """Say that what depends on this may begin."""
        self._say("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """Say how things stand, in one line."""
        self._say(f"STATUS={status}")

    def ping(self) -> None:
        """Say that all is well: without this, the watchdog ends the process."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._say("STOPPING=1")

    def _say(self, *lines: str) -> None:
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(PATIENCE)
                sending.sendto("\n".join(lines).encode(), self.address)
        except OSError as error:  # whoever does not listen is no reason to end
            log.warning("the service manager cannot be told: %s", error.strerror or type(error).__name__)


def find_manager(environ: MutableMapping[str, str]) -> Manager:
    """Return who is to be told, and take that out of the environment: it is not for processes that this one starts."""
    place, usec, pid = (environ.pop(name, "") for name in (_SOCKET, _USEC, _PID))
    if not place.startswith(("/", "@")):  # nobody, or a kind of address that is for virtual machines
        return Manager()
    address = os.fsencode(place)
    if place.startswith("@"):  # a name that is in no file system
        address = b"\0" + address[1:]
    is_ours = pid in ("", str(os.getpid()))
    between = int(usec) / 2_000_000 if is_ours and usec.isdecimal() and int(usec) else None
    return Manager(address, between)


def keep_pinging(manager: Manager, is_well: Callable[[], bool], wait: Callable[[float], bool]) -> None:
    """Ping as often as is expected, as long as all is well, until `wait`, which is given seconds, says that it is over."""
    if manager.between is None:
        return
    was_well = True
    while not wait(manager.between):
        now_well = is_well()
        if now_well:
            manager.ping()
        elif was_well:
            log.error("a folder is not kept any more: the watchdog is not told that all is well")
        was_well = now_well
