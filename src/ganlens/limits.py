"""How much a file may ask of this machine. Every limit is stated, and an environment variable raises it.

A small file can ask for a lot: an archive that unpacks to gigabytes, a picture of 13,300 × 13,300, a declared shape of
terabytes. What is asked for is compared with a limit before it is given.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ganlens.errors import UserError

LIMITS: dict[str, Limit] = {}
"""Every limit by the environment variable that raises it."""


@dataclass(frozen=True)
class Limit:
    """The most of something that a file may ask for.

    Attributes:
        variable: the environment variable that sets another value.
        default: the value where it is not set.
        unit: what is counted, after the number ("bytes", "pixels"). Bytes are shown as MiB or GiB.
        what: what takes so much, as the subject of a sentence ("one array").
        reason: when it is right to raise it, as the beginning of a sentence.
    """

    variable: str
    default: int
    unit: str
    what: str
    reason: str = "if you trust the file"

    def __post_init__(self) -> None:
        LIMITS[self.variable] = self

    @property
    def value(self) -> int:
        """The limit in force.

        Raises:
            UserError: the environment variable holds no whole number from 1 on.
        """
        given = os.environ.get(self.variable)
        if given is None:
            return self.default
        try:
            value = int(given)
        except ValueError:
            value = 0
        if value < 1:
            raise UserError(f"{self.variable}={given!r}: expected a whole number of {self.unit} from 1 on")
        return value

    def check(self, asked: int, where: str) -> None:
        """See that what is asked for is within the limit.

        Args:
            where: what asks for it, for the message.

        Raises:
            UserError: it is more; the message names the variable that raises the limit.
        """
        if asked > self.value:
            raise UserError(
                f"{where}: {self.what} would take {self.shown(asked)}, and the limit is {self.shown(self.value)}; "
                f"{self.reason}, set {self.variable}={asked} and try again"
            )

    def shown(self, amount: int) -> str:
        """An amount in words: "4.0 GiB", "3 EiB", "64,000,000 pixels"."""
        if self.unit != "bytes":
            return f"{amount:,} {self.unit}"
        if amount >= 2**60:
            return f"{amount // 2**60:,} EiB"
        return f"{amount / 2**30:,.1f} GiB" if amount >= 2**30 else f"{amount / 2**20:,.1f} MiB"


ARRAY_BYTES = Limit("GANLENS_MAX_ARRAY_BYTES", 4 * 2**30, "bytes", "one array or unpacked file")
PICTURE_PIXELS = Limit("GANLENS_MAX_PICTURE_PIXELS", 64_000_000, "pixels", "one picture")
NETWORK_NUMBERS = Limit(
    "GANLENS_MAX_NETWORK_NUMBERS",
    500_000_000,
    "numbers",
    "a network or its input",
    "if you trust its description",
)
TEXT_BYTES = Limit("GANLENS_MAX_TEXT_BYTES", 16 * 2**20, "bytes", "a text file")
METRICS_LOG_BYTES = Limit("GANLENS_MAX_METRICS_BYTES", 64 * 2**20, "bytes", "the metrics of a run")
SETTINGS_BYTES = Limit("GANLENS_MAX_SETTINGS_BYTES", 2**20, "bytes", "a settings file")
SETTINGS_VALUES = Limit("GANLENS_MAX_SETTINGS_VALUES", 10_000, "values", "settings, with what they repeat,")
SAMPLE_BYTES = Limit(
    "GANLENS_MAX_SAMPLE_BYTES", 4 * 2**30, "bytes", "so many samples", "if this machine has the memory"
)
NESTING = Limit("GANLENS_MAX_NESTING", 100, "levels", "nested values")
PROGRAM_BYTES = Limit("GANLENS_MAX_PROGRAM_BYTES", 64 * 2**20, "bytes", "the graph or code of a program")
ARCHIVE_FILES = Limit("GANLENS_MAX_ARCHIVE_FILES", 20_000, "files", "the archive of a program")
