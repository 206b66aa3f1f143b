"""What the tables of a folder's state have in common: one connection to one database."""

from __future__ import annotations

import sqlite3


class Tables:
    """Some tables of the state; all of them share one connection, and so one transaction."""

    _db: sqlite3.Connection
