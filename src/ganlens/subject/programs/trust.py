"""What is said of a file that can run code when it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganlens.errors import UserError
from ganlens.subject.adapted_generator import first_line
from ganlens.subject.programs.plain_export import NotPlainError
from ganlens.subject.programs.weights_file import what_it_holds


@contextmanager
def refusals(path: Path, kind: str, advice: str = "") -> Iterator[None]:
    """Whatever goes wrong while a program file is opened in the block, as one sentence about the file.

    Args:
        kind: what it should be ("TorchScript").
        advice: what to do instead, at the end of the sentence.

    Raises:
        UserError: it holds more than tensors and plain code, it holds something else, or it is damaged.
    """
    try:
        yield
    except UserError:
        raise
    except NotPlainError as refused:
        raise needs_trust(path, str(refused)) from None
    except (Exception, SystemExit) as error:
        if held := what_it_holds(path):
            raise UserError(f"{path} {held}") from None
        raise UserError(f"{path} is not a whole {kind} program ({first_line(error)}){advice}") from error


def needs_trust(path: Path, held: str) -> UserError:
    """The refusal of a file, in one sentence.

    Args:
        held: what it holds that isn't plain, as the object of "holds".
    """
    return UserError(
        f"{path} holds {held}; opened, it could do all that you can do on this machine, so it was not opened. If you "
        "trust who made it as you trust a program that you install, say --trust (trust=True in Python); "
        "docs/security.md says more"
    )
