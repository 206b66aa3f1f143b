"""The desktop of who is logged in, told by what each system has for that.

On Linux that is a call to `org.freedesktop.Notifications` on the session's bus, by jeepney, which keyring brings
along; on macOS `osascript`, on Windows PowerShell. No library is taken for all three: notify-py holds loguru to
versions of 2022 and carries a program for macOS in its wheel, plyer has had no release since 2022, and
desktop-notifier wants an event loop, five packages on Windows, and on macOS a signed Python. `notify-send` would do
on Linux, but is not always there, and everybody on the machine can read its arguments, in which names may stand.
For the same reason the other two read what they show from their standard input.

What a locked screen shows of it is the desktop's to decide.
"""

from __future__ import annotations

import base64
import html
import logging
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds that a desktop may take
LONGEST = 400  # characters
_APP = "e2esync"
_NOTIFICATIONS = "org.freedesktop.Notifications"
_BY_ITSELF = -1  # the desktop decides how long it is shown


@dataclass(frozen=True, slots=True)
class Desktop:
    """Where a person sees something."""

    put: Callable[[str, str], None]  # title and text; it may raise anything

    def show(self, title: str, text: str) -> bool:
        """Show it; return whether that was done. Takes a while, or a long one where the desktop hangs."""
        try:
            self.put(_plain(title), _plain(text))
        except Exception as error:  # noqa: BLE001  whatever a desktop does is no reason to end
            log.info("the desktop cannot be told: %s", _kind(error))
            return False
        return True


def find_desktop(environ: Mapping[str, str], platform: str) -> Desktop | None:
    """Return the desktop of the session that this process was started in; None if there is none."""
    match platform:
        case "darwin":
            return _by_tool("osascript", ("-",), _apple_script)
        case "win32":
            return _by_tool("powershell", ("-NoProfile", "-NonInteractive", "-Command", _TOAST), _words)
        case _:
            address = _bus(environ)
            if address is None or find_spec("jeepney") is None:
                return None
            return Desktop(lambda title, text: _notify(address, title, text))


def _plain(text: str) -> str:
    """Return it without what is no character of a line; names may hold anything."""
    shown = "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def _kind(error: Exception) -> str:
    return error.name if isinstance(error, _Refused) else type(error).__name__


# --- the session's bus ----------------------------------------------------------------------------


class _Refused(Exception):
    """The bus, or who shows notes, has answered with an error of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _bus(environ: Mapping[str, str]) -> str | None:
    if address := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return address
    runtime = environ.get("XDG_RUNTIME_DIR")
    place = Path(runtime, "bus") if runtime else None
    return f"unix:path={place}" if place is not None and place.is_socket() else None


def _notify(address: str, title: str, text: str) -> None:
    from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    there = DBusAddress("/org/freedesktop/Notifications", _NOTIFICATIONS, _NOTIFICATIONS)
    body = html.escape(text, quote=False)  # what it says of markup is for the desktop's own programs
    arguments: tuple[Any, ...] = (_APP, 0, "", title, body, [], {}, _BY_ITSELF)
    with open_dbus_connection(address, auth_timeout=PATIENCE) as bus:
        call = new_method_call(there, "Notify", "susssasa{sv}i", arguments)
        answer = bus.send_and_get_reply(call, timeout=PATIENCE)
    if answer.header.message_type is MessageType.error:
        raise _Refused(str(answer.header.fields.get(HeaderFields.error_name)))


# --- tools ----------------------------------------------------------------------------------------


def _by_tool(name: str, arguments: tuple[str, ...], read: Callable[[str, str], str]) -> Desktop | None:
    """Return a desktop that is told by a tool, which reads what is made of title and text."""
    tool = shutil.which(name)
    if tool is None:
        return None

    def put(title: str, text: str) -> None:
        subprocess.run(  # noqa: S603  a tool of the system
            [tool, *arguments],
            input=read(title, text).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=True,
        )

    return Desktop(put)


def _apple_script(title: str, text: str) -> str:
    return f"display notification {_quoted(text)} with title {_quoted(title)}\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _words(title: str, text: str) -> str:
    """Return title and text so that no code page of a console changes them."""
    return "".join(base64.b64encode(each.encode()).decode() + "\n" for each in (title, text))


_TOAST = """
$ErrorActionPreference = 'Stop'
$words = [Console]::In.ReadToEnd().Trim() -split '\\s+' | ForEach-Object {
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($_))
}
$manager = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$note = $manager::GetTemplateContent([Windows.UI.Notifications.ToastTemplateType]::ToastText02)
$lines = $note.GetElementsByTagName('text')
foreach ($number in 0, 1) { $null = $lines.Item($number).AppendChild($note.CreateTextNode($words[$number])) }
$shell = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\WindowsPowerShell\\v1.0\\powershell.exe'
$manager::CreateToastNotifier($shell).Show([Windows.UI.Notifications.ToastNotification]::new($note))
"""
