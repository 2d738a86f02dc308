"""docs/security.md lists every limit. `python tests/test_docs_security.py` writes the table anew."""

from __future__ import annotations

import re
from pathlib import Path

import ganlens.subject  # noqa: F401  (limits are listed where they are defined, which is on import)
from ganlens.limits import LIMITS

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
_START, _END = "<!-- limits: written by tests/test_docs_security.py -->\n", "<!-- end of limits -->"
PLACE = re.compile(f"(?<={re.escape(_START)}).*(?={re.escape(_END)})", re.DOTALL)


def table() -> str:
    rows = [
        f"| {limit.what} | {limit.shown(limit.default)} | `{name}` |"
        for name, limit in sorted(LIMITS.items())
    ]
    return "\n".join(["| what | at most | raised by |", "|---|---|---|", *rows, ""])


def test_every_limit_is_in_the_table_with_its_value_and_its_variable() -> None:
    found = PLACE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table(), "write it anew: python tests/test_docs_security.py"


if __name__ == "__main__":
    PAGE.write_text(PLACE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
