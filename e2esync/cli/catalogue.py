"""All commands: name, module and function, group and one line of help. A module is loaded when its command runs."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One command."""

    name: str
    home: str | None  # module.function in this package; None: comes with a later version
    group: str
    text: str
    is_common: bool = True  # among those that `help` shows


GROUPS = ("start", "daily", "sharing", "safety", "help")

ENTRIES = (
    Entry("setup", "start.setup", "start", "make a new vault, and with the first one your identity"),
    Entry("join", "start.join", "start", "join a vault of yours from this device"),
    Entry("start", "background.start", "start", "keep all folders in sync in the background"),
    Entry("stop", "background.stop", "start", "end that"),
    Entry("pause", "background.pause", "start", "let it rest", is_common=False),
    Entry("resume", "background.resume", "start", "let it go on", is_common=False),
    Entry("forget", "leave.forget", "start", "leave a vault on this device; files and store stay"),
    Entry("move-store", "leave.move_store", "start", "the same vault at a new address"),
    Entry("status", "daily.status", "daily", "how things stand, and what needs you"),
    Entry("push", "daily.push", "daily", "store what changed, and publish it"),
    Entry("pull", "daily.pull", "daily", "bring the folder to the newest state"),
    Entry("sync", "daily.sync", "daily", "push and pull in one"),
    Entry("log", "past.log", "daily", "what changed, who, when"),
    Entry("history", "past.history", "daily", "the versions of a file"),
    Entry(
        "restore",
        "past.restore",
        "daily",
        "bring back any version, what was deleted, or a directory as it was",
    ),
    Entry(
        "conflicts",
        "conflicting.conflicts",
        "daily",
        "what several devices changed at once, and how to settle it",
    ),
    Entry("ignore", "ignoring.ignore", "daily", "what is not synced: ignore check, add and defaults"),
    Entry("verify", "verifying.verify", "daily", "check what the store holds; --deep reads every byte"),
    Entry(
        "prune", "pruning.prune", "daily", "let go of old versions, by a rule that you set", is_common=False
    ),
    Entry("inspect", "inspecting.inspect", "daily", "how a file is stored, and which public keys open it"),
    Entry("whoami", "people.whoami", "sharing", "your safety number, your card"),
    Entry("people", None, "sharing", "whom you know", is_common=False),
    Entry("share", None, "sharing", "share a folder or a file", is_common=False),
    Entry("accept", None, "sharing", "take part in what was shared", is_common=False),
    Entry("shares", None, "sharing", "what is shared", is_common=False),
    Entry("revoke", None, "sharing", "end a share", is_common=False),
    Entry("devices", None, "safety", "your devices", is_common=False),
    Entry("device-lost", None, "safety", "shut out a device that was lost", is_common=False),
    Entry(
        "recovery", "safety.recovery", "safety", "recovery test: type your words to see that they are right"
    ),
    Entry("rotate", None, "safety", "a new key for the vault", is_common=False),
    Entry("checkpoint", None, "safety", "a number to compare between devices", is_common=False),
    Entry("decrypt", "safety.decrypt", "safety", "all files from a copied store and the words alone"),
    Entry("doctor", "doctor.doctor", "help", "look for what is wrong here; --store tries the store"),
    Entry("demo", "demo.demo", "help", "a two-minute tour in a scratch directory"),
    Entry("help", "helping.help_", "help", "this list, or help TOPIC"),
    Entry("completion", "helping.completion", "help", "completion for bash, zsh or fish"),
    Entry("ui", None, "help", "the local page", is_common=False),
    Entry("config", None, "help", "the configuration", is_common=False),
    Entry("debug", "plumbing.debug", "help", "plumbing: debug metrics", is_common=False),
)

NAMES = tuple(entry.name for entry in ENTRIES)
BY_NAME = {entry.name: entry for entry in ENTRIES}
