"""Serve an application on a Unix socket, to processes of this user alone, from a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from e2esync.adapters.peer import is_ours

if TYPE_CHECKING:
    from starlette.applications import Starlette

GRACE = 2  # seconds that answers on their way have when the daemon ends


class _OurProtocol(H11Protocol):
    """HTTP with whoever is this user; anybody else finds a closed door."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        connection = cast("socket.socket | None", transport.get_extra_info("socket"))
        if connection is None or not is_ours(connection):
            transport.abort()
            return
        super().connection_made(transport)


class Server:
    """A server on a listening socket."""

    def __init__(self, app: Starlette, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_OurProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="socket", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it answers, or will in a moment."""
        return self._thread.is_alive()

    def end(self) -> None:
        """End, after the answers on their way, or a moment later."""
        self._server.should_exit = True
        self._thread.join()
