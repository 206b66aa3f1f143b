"""Hints of what changes in the synced folder. They are never the truth: that is the scan."""

from e2esync.adapters.watching.watch import Hints, Watch

__all__ = ["Hints", "Watch"]
