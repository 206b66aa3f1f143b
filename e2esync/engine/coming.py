"""What comes to a folder, lot by lot: so that whatever breaks a large transfer off takes only a part of it along."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from e2esync.adapters.state import Step
from e2esync.engine.download import Downloader, Fetched
from e2esync.engine.going import Going
from e2esync.engine.plan import look_up
from e2esync.engine.vault import SyncedFolder
from e2esync.errors import Busy, E2ESyncError, IntegrityError, NoAccess, StoreRefused, TemporaryError
from e2esync.tree.keys import Kind, kind_of, node_of
from e2esync.tree.values import FileContent

LOT = 1 << 30  # bytes that may come in one go
LOTS = 16  # into about so many goes more than that is parted
BREAKS_OFF = (TemporaryError, StoreRefused, NoAccess, Busy)  # what keeps the rest from coming now


class Coming:
    """What has come of all that is due; for use by one apply."""

    def __init__(self, vault: SyncedFolder) -> None:
        self._vault, self._state = vault, vault.state
        self._going = Going("pull", vault.progress)
        self._lot = 0  # bytes; none before the first one
        self.is_all = False
        self.stuck: set[bytes] = set()  # things that came, and did not get their place
        self.refused: dict[bytes, IntegrityError] = {}  # by thing: what is the matter with its content
        self.error: E2ESyncError | None = None  # what keeps the rest from coming

    @property
    def is_first(self) -> bool:
        """Whether nothing was to come yet."""
        return not self._lot

    def begin(self) -> None:
        """Note how much is to come."""
        self._going.total = self._state.size_of_steps()
        self._lot = max(LOT, self._going.total // LOTS)

    def fetch(self, waiting: Collection[bytes]) -> Iterator[tuple[Step, Fetched]]:
        """Yield a lot of what can have its place, or all that is left: each with its complete temporary file, or with why there is none.

        `waiting` are things that something has to make way for. What breaks it off is noted, if this was not
        the last lot: what fits into one comes as a whole or not at all, since programs have files that belong together.
        """
        later = {*waiting, *self.stuck}
        is_last = self._state.size_of_steps() <= self._lot or self._size_but_for(later) <= self._lot
        size = 0
        try:
            for step, fetched in self._fetched(
                self.refused.keys() if is_last else later | self.refused.keys()
            ):
                size += step.size
                yield step, fetched
                self._going.done(step.size)
                if size >= self._lot and not is_last:
                    return
        except BREAKS_OFF as error:
            if is_last or not size:
                raise
            self.error = error
        else:
            self.is_all = is_last

    def _size_but_for(self, later: Collection[bytes]) -> int:
        return sum(
            step.size
            for step in self._state.steps()
            if step.thing not in later and step.thing not in self.refused
        )

    def _fetched(self, without: Collection[bytes]) -> Iterator[tuple[Step, Fetched]]:
        folder = self._vault.folder
        downloader = Downloader(
            self._vault, lambda size, sparse: folder.stage(size, sparse=sparse), self._going
        )
        without = set(without)
        yield from downloader.singles(
            step for step in self._state.single_steps() if step.thing not in without
        )
        for step in self._state.other_steps():
            if step.thing in without:
                continue
            if kind_of(node_of(step.thing)) is Kind.SYMLINK:
                yield step, folder.stage_link(step.digest, step.mtime)
            else:
                stands = look_up(self._state, step.thing).shown
                assert stands is not None
                assert isinstance(stands.content, FileContent)
                yield step, downloader.tried(node_of(step.thing), stands.content)
