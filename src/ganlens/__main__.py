"""`python -m ganlens` is `ganlens`."""

import sys

from ganlens.cli.main import run

sys.exit(run())
