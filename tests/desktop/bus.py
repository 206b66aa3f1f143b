"""The bus of a desktop session, as far as a note needs it: it speaks the protocol, and keeps what is shown."""

from __future__ import annotations

import queue
import socket
import threading
from pathlib import Path

from jeepney import HeaderFields, MessageType, Parser, new_error, new_method_return

DEADLINE = 60.0  # seconds in which what has to come comes, on any machine


class Bus:
    """Listens in a directory; answers to `Notify` with an error of this name, if one is given."""

    def __init__(self, directory: Path, *, refuses: str | None = None) -> None:
        self.address = f"unix:path={directory / 'bus'}"
        self.refuses = refuses
        self.notes: queue.SimpleQueue[tuple] = queue.SimpleQueue()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(directory / "bus"))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def note(self) -> tuple[str, str]:
        """Wait for the next note; return its title and text."""
        app, replaced, icon, title, text, actions, hints, seconds = self.notes.get(timeout=DEADLINE)
        assert (app, replaced, icon, actions, hints, seconds) == ("e2esync", 0, "", [], {}, -1)
        return title, text

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        rest = b""
        while b"BEGIN\r\n" not in rest:
            rest += (got := connection.recv(4096))
            if not got:
                return
            if got.lstrip(b"\0").startswith(b"AUTH EXTERNAL"):
                connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
        parser, serial = Parser(), 0
        parser.add_data(rest.partition(b"BEGIN\r\n")[2])
        while True:
            while (message := parser.get_next_message()) is None:
                if not (got := connection.recv(4096)):
                    return
                parser.add_data(got)
            serial += 1
            connection.sendall(self._reply(message).serialise(serial=serial))

    def _reply(self, message):
        assert message.header.message_type is MessageType.method_call
        if message.header.fields[HeaderFields.member] == "Hello":
            return new_method_return(message, "s", (":1.1",))
        fields = message.header.fields
        assert fields[HeaderFields.member] == "Notify"
        assert fields[HeaderFields.path] == "/org/freedesktop/Notifications"
        assert fields[HeaderFields.destination] == "org.freedesktop.Notifications"
        assert fields[HeaderFields.interface] == "org.freedesktop.Notifications"
        if self.refuses is not None:
            return new_error(message, self.refuses)
        self.notes.put(message.body)
        return new_method_return(message, "u", (7,))
