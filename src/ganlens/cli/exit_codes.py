"""How the command line ends: the exit code and the one line that a failure means."""

from __future__ import annotations

import errno
import sys

from ganlens.errors import GANLensError, UserError
from ganlens.printable import printable

HOW_TO_DEBUG = " (run again with --debug for the traceback)"
LONGEST_LINE = 2000
BROKEN_PIPE = 141
"""What a shell reports of a program whose reader has gone (128 + SIGPIPE)."""


class Ended(SystemExit):
    """A verb ends with an exit code and has said all there is to say. (Foreign code raises SystemExit itself.)"""


def ending(error: BaseException) -> tuple[int, str]:
    """The exit code that an error means, and its one line."""
    if isinstance(error, UserError):
        return 2, str(error)
    if isinstance(error, GANLensError):  # training can't go on, or no question of an audit has an answer
        return 1, str(error)
    if isinstance(error, SystemExit):
        return 2, (
            f"foreign code that was loaded or called ended the program (sys.exit({error.code!r})); keep what it does "
            'when it is imported behind `if __name__ == "__main__":`'
        )
    if isinstance(error, OSError):
        from ganlens.system_errors import concerns_a_file, said_of  # not before something went wrong

        if concerns_a_file(error):
            return 2, said_of(error)
    first_line = str(error).strip().split("\n")[0]
    if _lacks_memory(error):
        reason = f" ({first_line})" if first_line else ""
        return 2, (
            f"there is not enough memory{reason}; ask for fewer samples (--samples, -n), a smaller batch or smaller "
            "pictures"
        )
    return 1, f"{type(error).__name__}{': ' if first_line else ''}{first_line}{HOW_TO_DEBUG}"


def is_broken_pipe(error: BaseException) -> bool:
    """Whether who read the output has gone (`ganlens list | head -1`); typer ends by a SystemExit then."""
    cause = error.__context__ if isinstance(error, SystemExit) else error
    return isinstance(cause, OSError) and cause.errno == errno.EPIPE


def one_line(message: str) -> str:
    """A message as one line without control characters, of a length that can still be read."""
    line = printable(" ".join(part.strip() for part in message.splitlines()))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
