"""The entry point: run a command, and turn whatever goes wrong into three lines and an exit code."""

from __future__ import annotations

import os
import sys

CANCELLED = 130
_FALSE = ("", "0", "false", "no", "off")


def run() -> None:
    """Run the command line of this process."""
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.exit(code)


def main(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    if arguments in (["--version"], ["-V"]):  # before anything that takes time to load
        from e2esync import __version__

        print(f"e2esync {__version__}")  # noqa: T201
        return 0
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)  # noqa: T201
        return CANCELLED
    except BrokenPipeError:  # whoever read our answer has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: list[str]) -> int:
    from e2esync.cli import quick

    try:
        call = quick.understand(arguments)
        if call is not None:
            return quick.run(call)
        from e2esync.cli import app

        return app.invoke(arguments)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last line of defence; KeyboardInterrupt passes
        from e2esync.cli import failures

        return failures.tell(failures.output_for(arguments), failures.converted(error))


def is_set(name: str) -> bool:
    """Return whether an environment variable says yes."""
    return os.environ.get(name, "").lower() not in _FALSE
