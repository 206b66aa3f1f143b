"""Whatever escapes a command, as one of our errors: usage, the operating system, or our own defect."""

from __future__ import annotations

import errno
import re

from e2esync.cli.ask import Declined
from e2esync.cli.main import CANCELLED, is_set
from e2esync.cli.output import Output
from e2esync.errors import DiskFull, E2ESyncError, UsageError


class InternalError(E2ESyncError):
    """A defect of this program."""

    code = "internal"
    default_why = "this is a defect of e2esync, not a mistake of yours"
    default_fix = "run the same command again with E2ESYNC_DEBUG=1, and report what it prints"


class SystemFailure(E2ESyncError):
    """The operating system refused something."""

    code = "system"
    default_fix = "e2esync doctor"


class Cancelled(E2ESyncError):
    """The command was cancelled."""

    exit_code = CANCELLED
    code = "cancelled"


def output_for(arguments: list[str]) -> Output:
    """Return a voice for errors of a command that may not have begun to understand its options."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return Output(is_json="--json" in own or is_set("E2ESYNC_JSON"))


def tell(out: Output, error: E2ESyncError) -> int:
    """Print an error; return the exit code."""
    if is_set("E2ESYNC_DEBUG"):
        out.trace()
    if isinstance(error, Declined):
        out.note(f"{error.what}")
        out.document("declined")
    else:
        out.error(error)
    return error.exit_code


def converted(error: Exception) -> E2ESyncError:
    """Return an exception as one of ours."""
    if isinstance(error, E2ESyncError):
        return error
    if hasattr(error, "format_message"):  # of the command line parser
        return _usage(error)
    if isinstance(error, OSError):
        return _system(error)
    return InternalError(f"something went wrong inside e2esync ({type(error).__name__}: {error})")


def _system(error: OSError) -> E2ESyncError:
    what = error.strerror or str(error)
    place = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"the local disk is full{place}", why=what)
    return SystemFailure(f"{what}{place}", why="the operating system refused it")


def _usage(error: Exception) -> UsageError:
    import difflib

    from e2esync.cli.catalogue import NAMES

    message = _message(error)
    command = _command_of(error)
    fix = f"e2esync {command} --help".replace("  ", " ")
    if missing := re.match(r"No such command '([^']*)'", message):
        near = difflib.get_close_matches(missing[1], NAMES, n=1, cutoff=0.5)
        message = f"there is no command {missing[1]!r}"
        fix = f"e2esync {near[0]}" if near else "e2esync help"
    elif possible := list(getattr(error, "possibilities", None) or ()):
        message = f"there is no option {getattr(error, 'option_name', '')}"
        fix = f"e2esync {command} {possible[0]}"
    return UsageError(message, why="the command line was not understood", fix=fix)


def _message(error: Exception) -> str:
    text: str = error.format_message()  # type: ignore[attr-defined]
    return text.rstrip(".") or str(error)


def _command_of(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    path = str(context.command_path) if context is not None else ""
    return path.removeprefix("e2esync").strip()
