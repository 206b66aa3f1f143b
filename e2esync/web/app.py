"""What the daemon answers, as HTTP and JSON.

    GET  /ping                    {}
    GET  /status                  how things stand
    GET  /status?since=V          the same, once something has changed since version V, or after a while
    POST /pause, /resume, /stop   {}
    POST /unlock {passphrase}     {"opened": whether it opens the keys}
    POST /make-way {vault}        {} once the folder is free for a command that works on it by itself, until that hangs up
    POST /order {vault, command, dry_run, accepted}
                                  lines: {"progress": [stage, done, total]}…, then {"summary": …, "traffic": …} or {"error": …}
    POST /follow {vaults, since}  lines: {"vault": …, "changes": […]} as they come, oldest first; {} where there is nothing new
    GET  /metrics                 Prometheus text

Whoever reaches the socket is this user: its directory is closed to others, and the peer is asked for.
"""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from e2esync import errors
from e2esync.daemon.daemon import Daemon
from e2esync.daemon.following import Follower
from e2esync.daemon.keeper import check_command
from e2esync.daemon.metrics import metrics
from e2esync.daemon.ports import Order
from e2esync.daemon.values import status_values
from e2esync.engine.vault import Summary
from e2esync.errors import E2ESyncError, Locked

BETWEEN = 0.05  # seconds between two looks whether who has a folder is still there
LONGEST_WAIT = 25.0  # seconds until `?since=` answers though nothing changed
_DONE = None


def make_app(daemon: Daemon, *, stop: Callable[[], None], unlock: Callable[[str], None]) -> Starlette:
    """Return the application; `stop` ends the process, `unlock` opens the keys with a passphrase."""

    def ping(_: Request) -> Response:
        return JSONResponse({})

    def status(request: Request) -> Response:
        since = request.query_params.get("since")
        version = daemon.wait(int(since), LONGEST_WAIT) if since is not None else daemon.version
        return JSONResponse({"version": version, **status_values(daemon.standings())})

    def pause(_: Request) -> Response:
        daemon.pause()
        return JSONResponse({})

    def resume(_: Request) -> Response:
        daemon.resume()
        return JSONResponse({})

    def end(_: Request) -> Response:
        stop()
        return JSONResponse({})

    def measures(_: Request) -> Response:
        return PlainTextResponse(metrics(daemon.standings()))

    routes = [
        Route("/ping", ping),
        Route("/status", status),
        Route("/metrics", measures),
        Route("/pause", pause, methods=["POST"]),
        Route("/resume", resume, methods=["POST"]),
        Route("/stop", end, methods=["POST"]),
        Route("/make-way", _MakeWay(daemon).answer, methods=["POST"]),
        Route("/unlock", _Unlock(daemon, unlock).answer, methods=["POST"]),
        Route("/order", _Orders(daemon).answer, methods=["POST"]),
        Route("/follow", _Following(daemon).answer, methods=["POST"]),
    ]
    return Starlette(routes=routes)


class _Unlock:
    def __init__(self, daemon: Daemon, unlock: Callable[[str], None]) -> None:
        self._daemon, self._unlock = daemon, unlock

    async def answer(self, request: Request) -> Response:
        given = await request.json()
        try:
            await run_in_threadpool(self._unlock, given["passphrase"])
        except Locked:
            return JSONResponse({"opened": False})
        self._daemon.retry()
        return JSONResponse({"opened": True})


class _MakeWay:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def answer(self, request: Request) -> Response:
        given = await request.json()
        return StreamingResponse(self._lend(request, given["vault"]), media_type="application/x-ndjson")

    async def _lend(self, request: Request, vault: str) -> AsyncIterator[str]:
        try:
            keeper = self._daemon.keeper(bytes.fromhex(vault))
        except E2ESyncError:  # nobody is in the way
            yield _line()
            return
        await run_in_threadpool(keeper.make_way)
        try:
            yield _line()
            while not await request.is_disconnected():  # noqa: ASYNC110  nobody tells of it
                await asyncio.sleep(BETWEEN)
        finally:
            keeper.take_back()


class _Orders:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def answer(self, request: Request) -> Response:
        return StreamingResponse(self._lines(await request.json()), media_type="application/x-ndjson")

    def _lines(self, given: dict[str, Any]) -> Iterator[str]:
        told: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()
        done: Future[Summary] = Future()
        done.add_done_callback(lambda _: told.put(_DONE))
        order = Order(
            given["command"],
            bool(given["dry_run"]),
            frozenset(given["accepted"]),
            lambda *progress: told.put(list(progress)),
            done,
        )
        try:
            check_command(order.command)
            self._daemon.keeper(bytes.fromhex(given["vault"])).order(order)
            while (progress := told.get()) is not _DONE:
                yield _line(progress=progress)
            yield _line(summary=_summary(done.result()), traffic=order.traffic)
        except E2ESyncError as error:
            summary = _summary(getattr(error, "done", None))
            yield _line(error=error_values(error), summary=summary, traffic=order.traffic)
        except Exception as error:  # noqa: BLE001  a defect: who waits for the answer says so
            yield _line(error=_defect(error))


class _Following:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def answer(self, request: Request) -> Response:
        return StreamingResponse(self._lines(await request.json()), media_type="application/x-ndjson")

    def _lines(self, given: dict[str, Any]) -> Iterator[str]:
        followers = {bytes.fromhex(vault): Follower(given["since"]) for vault in given["vaults"]}
        version = self._daemon.version
        try:
            while keepers := [keeper for keeper in map(self._daemon.find, followers) if keeper is not None]:
                for keeper in keepers:
                    vault = keeper.ground.note.vault
                    if changes := followers[vault].news(keeper):
                        yield _line(vault=vault.hex(), changes=[change.values() for change in changes])
                version = self._daemon.wait(version, LONGEST_WAIT)
                yield _line()  # so that it is noticed who has hung up
        except E2ESyncError as error:
            yield _line(error=error_values(error))
        except Exception as error:  # noqa: BLE001  a defect: who follows says so
            yield _line(error=_defect(error))


def _line(**values: Any) -> str:  # noqa: ANN401  JSON
    return json.dumps(values) + "\n"


def _summary(summary: Summary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    actions = [
        [action.action, action.path.hex(), action.origin.hex() if action.origin is not None else None]
        for action in summary.actions
    ]
    return {**asdict(summary), "actions": actions}


def _defect(error: Exception) -> dict[str, str]:
    return {"kind": type(error).__name__, "what": str(error)}


def error_values(error: E2ESyncError) -> dict[str, Any]:
    """Return an error as JSON has it; the kind is the name of its class, or of the next above, in `e2esync.errors`."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
    return {"kind": kind, "what": error.what, "why": error.why, "fix": error.fix}
