"""What is said of a file that can run code when it is opened."""

from __future__ import annotations

from pathlib import Path

from ganlens.errors import UserError


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
