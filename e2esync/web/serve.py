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


class _Sleeping(uvicorn.Server):
    """A server that does nothing when nothing happens: uvicorn's own looks around ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._ended.wait()

    def wake(self) -> None:
        """Have it end; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


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
            date_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = _Sleeping(config)
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
        self._server.wake()
        self._thread.join()
