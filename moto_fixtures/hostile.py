"""A hostile store: it wraps an honest one, keeps every version of every object, and lies to readers.

    store = HostileStore(MemoryStore())
    ann, bob = store.view("ann"), store.view("bob")     # what each client sees; both are stores
    then = store.now                                    # the time line counts writes
    store.flip(key, 17)                                 # verbs change what readers see …
    store.fork("ann", "bob")                            # … all of them, or each for itself
    store.honest()                                      # … and are taken back, all at once

The honest record is never changed by a verb: what clients wrote is in the wrapped store and, with all
that was overwritten or deleted, in `versions`. A write through a world that lies about its key is
written honestly, and ends that lie (the adversary may repeat it). `requests` has every call of
every client in the order in which they came.

Verbs take `client=` where only the world of that client is meant, which exists after `fork`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from e2esync.errors import BadObject
from e2esync.model.store import MAX_OBJECT, ObjectInfo, ObjectNotFound, Store, check_key
from moto_fixtures.hostile_record import Manner, Request, Shown, Version, World, state_at
from moto_fixtures.hostile_view import HostileView

EVERYBODY = ""


class HostileStore(HostileView):
    """The adversary's side; as a store, the view of a client without a name."""

    def __init__(self, store: Store, *, wait: Callable[[float], object] = time.sleep) -> None:
        super().__init__(self, EVERYBODY)
        self.wrapped, self.wait = store, wait
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.versions: list[Version] = [
            Version(0, "", info.key, store.get(info.key)) for info in store.list("")
        ]
        self._worlds = {EVERYBODY: World()}
        self._etags = 0
        self.now = 0  # writes so far

    def view(self, client: str) -> HostileView:
        """Return the store as this client sees it."""
        return HostileView(self, client)

    # --- what the adversary knows -------------------------------------------------------------------

    def shown(self, *, client: str = EVERYBODY) -> list[str]:
        """Return the keys of all objects that are shown."""
        return sorted(info.key for info in self.listing(client, ""))

    def body(self, key: str, *, client: str = EVERYBODY) -> bytes:
        """Return what is shown under a key, unrecorded."""
        return self.read(client, key, 0, None)

    def history(self, key: str) -> list[bytes]:
        """Return every body that was ever stored under a key, oldest first."""
        return [version.body for version in self.versions if version.key == key and version.body is not None]

    def at(self, moment: int) -> Mapping[str, bytes]:
        """Return the honest store as it was at a time."""
        return {key: body for key, body in state_at(self.versions, moment).items() if body is not None}

    # --- verbs that change an object ----------------------------------------------------------------

    def flip(self, key: str, position: int = 0, mask: int = 1, *, client: str = EVERYBODY) -> None:
        """Flip bits of one byte."""
        body = bytearray(self.body(key, client=client))
        body[position] ^= mask
        self.inject(key, bytes(body), client=client)

    def trunc(self, key: str, length: int, *, client: str = EVERYBODY) -> None:
        """Cut the object off."""
        self.inject(key, self.body(key, client=client)[:length], client=client)

    def extend(self, key: str, more: bytes = b"\0", *, client: str = EVERYBODY) -> None:
        """Append to the object."""
        self.inject(key, self.body(key, client=client) + more, client=client)

    def zero(self, key: str, start: int = 0, length: int | None = None, *, client: str = EVERYBODY) -> None:
        """Replace a part of the object, or all of it, by zeros."""
        body = self.body(key, client=client)
        end = len(body) if length is None else min(len(body), start + length)
        self.inject(key, body[:start] + bytes(end - start) + body[end:], client=client)

    def swap(self, one: str, other: str, *, client: str = EVERYBODY) -> None:
        """Exchange two objects."""
        bodies = self.body(one, client=client), self.body(other, client=client)
        self.inject(one, bodies[1], client=client)
        self.inject(other, bodies[0], client=client)

    def copy(self, source: str, target: str, *, client: str = EVERYBODY) -> None:
        """Show one object under another's key, or under a new one."""
        self.inject(target, self.body(source, client=client), client=client)

    def lose(self, *keys: str, client: str = EVERYBODY) -> None:
        """Delete objects (the verb `delete`; a later write brings them back)."""
        for key in keys:
            self._change(client, key, None)

    def inject(self, key: str, body: bytes, *, client: str = EVERYBODY) -> None:
        """Show any bytes under any key."""
        check_key(key)
        self._change(client, key, body)

    def replay(self, key: str, moment: int, *, client: str = EVERYBODY) -> None:
        """Show an object as it was at a time; if it was not there, then it is not."""
        self._change(client, key, self.at(moment).get(key))

    def replay_all(self, moment: int, *, client: str = EVERYBODY) -> None:
        """Show the whole store as it was at a time. What is written from now on is shown."""
        then = self.at(moment)
        for key in {version.key for version in self.versions}:
            if then.get(key) != self.at(self.now).get(key):
                self._change(client, key, then.get(key))

    # --- verbs that change who sees what ------------------------------------------------------------

    def fork(self, *clients: str) -> None:
        """Let each of these clients see, from now on, only its own writes beside what is there."""
        for client in clients:
            self._worlds[client] = self.world(client).copy()

    def leak(self, key: str, *, source: str, to: str) -> None:
        """Show to one client what another one sees under a key."""
        shown = self._shown(source, key)
        self._change(to, key, None if shown is None else shown.body)

    # --- verbs that change how the store behaves ----------------------------------------------------

    def hide(self, *keys: str, client: str = EVERYBODY) -> None:
        """Show these objects to nobody, in no way, also when they are written again."""
        for key in keys:
            self.world(client).behave(key, hidden=True)

    def lie_in_list(
        self,
        *,
        leave_out: Iterable[str] = (),
        show: Mapping[str, int] | None = None,
        client: str = EVERYBODY,
    ) -> None:
        """Leave objects out of listings, or list what is not there (key and size)."""
        for key in leave_out:
            self.world(client).behave(key, listed=False)
        self.world(client).listed_too.update(show or {})

    def edit_headers(
        self,
        key: str,
        *,
        etag: str | None = None,
        size: int | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = EVERYBODY,
    ) -> None:
        """Say other things about an object; `headers` are seen through a proxy only."""
        more = tuple((headers or {}).items())
        self.world(client).behave(key, etag=etag, size=size, headers=more)

    def endless(self, key: str, *, client: str = EVERYBODY) -> None:
        """Go on for ever behind the end of the object."""
        self.world(client).behave(key, endless=True, size=1 << 62)

    def slow(self, key: str, seconds: float, *, client: str = EVERYBODY) -> None:
        """Wait before each answer."""
        self.world(client).behave(key, delay=seconds)

    def error(self, key: str, times: int = -1, *, client: str = EVERYBODY) -> None:
        """Fail the next calls for a key, or all of them."""
        self.world(client).behave(key, errors=times)

    def redirect(self, key: str, status: int = 301, *, client: str = EVERYBODY) -> None:
        """Send whoever asks to another host."""
        self.world(client).behave(key, redirect=status)

    def drop_writes(self, prefix: str = "", *, client: str = EVERYBODY) -> None:
        """Acknowledge writes below a prefix and forget them."""
        self.world(client).deaf_prefixes += (prefix,)

    def lie_on_conditions(self, answer: bool | None, *, client: str = EVERYBODY) -> None:  # noqa: FBT001
        """Answer every conditional write in one way, whatever stands there."""
        self.world(client).conditions = answer

    def honest(self) -> None:
        """Take back every lie: all clients see what was written last."""
        self._worlds = {EVERYBODY: World()}

    # --- what views are made of ---------------------------------------------------------------------

    def world(self, client: str) -> World:
        """Return what a client sees: its own world after `fork`, else everybody's."""
        return self._worlds.get(client) or self._worlds[EVERYBODY]

    def read(self, client: str, key: str, start: int, length: int | None) -> bytes:
        """Return what is shown, by the rules of the port."""
        changed = self.world(client).changed
        if key not in changed:
            return self.wrapped.get(key, start=start, length=length)
        shown = changed[key]
        if shown is None:
            raise ObjectNotFound(key)
        if length is None and len(shown.body) - start > MAX_OBJECT:
            raise BadObject(f"the object {key} is larger than any that e2esync writes")
        return shown.body[start:] if length is None else shown.body[start : start + length]

    def info(self, client: str, key: str) -> ObjectInfo | None:
        """Return what HEAD says of what is shown."""
        world = self.world(client)
        if key in world.changed:
            shown = world.changed[key]
            info = None if shown is None else ObjectInfo(key, len(shown.body), shown.etag)
        else:
            info = self.wrapped.head(key)
        return info and _as_told(info, world.manner(key))

    def listing(self, client: str, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what LIST shows."""
        world = self.world(client)
        found = {info.key: info for info in self.wrapped.list(prefix)}
        for key in world.changed:
            info = self.info(client, key) if key.startswith(prefix) else None
            found.pop(key, None)
            found |= {} if info is None else {key: info}
        found |= {
            key: ObjectInfo(key, size, "listed")
            for key, size in world.listed_too.items()
            if key.startswith(prefix)
        }
        for key, info in found.items():
            manner = world.manner(key)
            if manner.listed and not manner.hidden:
                yield _as_told(info, manner)

    def write(self, client: str, key: str, body: bytes | None) -> str:
        """Write honestly (None: delete), and show it to whoever shares the writer's world."""
        with self.lock:
            world = self.world(client)
            if any(key.startswith(prefix) for prefix in world.deaf_prefixes):
                return self._new_etag()
            for other in self._worlds:
                if self._worlds[other] is not world and key not in self._worlds[other].changed:
                    self._worlds[other].changed[key] = self._shown(other, key)
            world.changed.pop(key, None)
            self.now += 1
            self.versions.append(Version(self.now, client, key, None if body is None else bytes(body)))
            if body is None:
                self.wrapped.delete([key])
                return ""
            return self.wrapped.put(key, body)

    def _shown(self, client: str, key: str) -> Shown | None:
        info = self.info(client, key)
        return None if info is None else Shown(self.read(client, key, 0, None), info.etag)

    def _change(self, client: str, key: str, body: bytes | None) -> None:
        with self.lock:
            self.world(client).changed[key] = None if body is None else Shown(body, self._new_etag())

    def _new_etag(self) -> str:
        self._etags += 1
        return f"told-{self._etags:x}"


def _as_told(info: ObjectInfo, manner: Manner) -> ObjectInfo:
    """Return what is said of an object."""
    size = info.size if manner.size is None else manner.size
    return ObjectInfo(info.key, size, info.etag if manner.etag is None else manner.etag)


__all__ = ["HostileStore", "HostileView", "Manner", "Request", "Shown", "Version", "World"]
