"""What starting costs: `import ganlens` beyond `import torch`, and `ganlens --help`, in alternation.

python benchmarks/start_up.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from machine import write_record

ROUNDS = 7


def seconds_of(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    commands = {
        "import torch": ("-c", "import torch"),
        "import torch, ganlens": ("-c", "import torch, ganlens"),
        "ganlens --help": ("-m", "ganlens", "--help"),
    }
    for arguments in commands.values():
        seconds_of(*arguments)
    rows = [{name: seconds_of(*arguments) for name, arguments in commands.items()} for _ in range(ROUNDS)]
    beyond = [row["import torch, ganlens"] - row["import torch"] for row in rows]
    shown = [row["ganlens --help"] for row in rows]
    print(f"import ganlens beyond torch: median {statistics.median(beyond):.3f} s, at most 0.3 asked for")
    print(f"ganlens --help: median {statistics.median(shown):.2f} s, at most 1 asked for")
    print(f"recorded in {write_record('start_up', {'rounds': rows, 'beyond_torch': beyond})}")


if __name__ == "__main__":
    main()
