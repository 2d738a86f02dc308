"""The README's picture: the first screen of a real report, about a GAN that GANLens did not make.

    python benchmarks/front_page.py MNIST_FOLDER

Trains the networks of examples/someone_elses_gan by their own script (minutes), audits them with `ganlens audit` and
all defaults (minutes), and writes docs/example_report.html, docs/images/first_screen.png (of a headless Chromium) and
records/front_page.json: the command, the seed, every claim with its verdict, which of them can be read in the
picture, and the checksums of both files. Then it writes the lines under the picture in the README from that record.
`--work DIR` keeps what is trained and audited there and goes on with it. Nothing is picked: seed 0, the first try.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from machine import write_record
from PIL import Image
from readme_figures import README, between, record

from ganlens.report import load_findings
from ganlens.rules import Verdict

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "someone_elses_gan"
REPORT = ROOT / "docs" / "example_report.html"
PICTURE = ROOT / "docs" / "images" / "first_screen.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH = 1100
LARGEST = 5_500_000
"""Bytes that a report in the repository may have."""
AUDIT = (
    "audit", "python:networks.py:generator", "--data", "idx:mnist",
    "--discriminator", "python:networks.py:discriminator",
    "--classifier", "python:networks.py:classifier", "--classifier-range", "0,1",
)  # fmt: skip

READ = """
<script>addEventListener("load", () => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  let read = "";
  while (walk.nextNode()) {
    range.selectNodeContents(walk.currentNode);
    const place = range.getBoundingClientRect();
    const shown = walk.currentNode.parentElement.checkVisibility({visibilityProperty: true});
    if (shown && place.width && place.bottom <= HEIGHT) read += walk.currentNode.data;
  }
  document.body.innerHTML = "<pre id='read'></pre>";
  document.getElementById("read").textContent = read;
})</script>
"""
"""Leaves of a page only the text that stands in its first HEIGHT pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="MNIST_FOLDER", help="with the data's own four files")
    parser.add_argument(
        "--work", type=Path, help="where to train and audit; kept. Default: a temporary folder"
    )
    parser.add_argument(
        "--height", type=int, default=1500, help="of the first screen, in pixels at a width of 1,100"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        audit = audited(args.data.resolve(), work.resolve())
        report = (audit / "report.html").read_text(encoding="utf-8")
        publish(audit, report, args.height, Path(temporary))
    README.write_text(
        between(README.read_text(encoding="utf-8"), "first screen", caption(record("front_page")))
    )


def audited(data: Path, work: Path) -> Path:
    """The folder of the audit. Commands are given relative names, so that the report holds no path of this machine."""
    work.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLE / "networks.py", work)
    if not (work / "mnist").exists():
        (work / "mnist").symlink_to(data)
    if not (work / "weights.pt").exists():
        run(EXAMPLE / "train.py", "mnist", "--out", "weights.pt", cwd=work)
    if not (work / "audit" / "report.html").exists():
        run("-m", "ganlens", *AUDIT, "--out", "audit", cwd=work)
    return work / "audit"


def publish(audit: Path, report: str, height: int, temporary: Path) -> None:
    """The report, the picture and the record, all of them or none."""
    size = len(report.encode())
    if size > LARGEST:
        raise SystemExit(f"the report has {size:,} bytes; the repository takes {LARGEST:,}")
    named = re.findall(r"(?<![\w.:/-])/(?:home|root|tmp|work|Users)/[\w./-]+", report)
    if named:
        raise SystemExit(f"the report names paths of this machine: {sorted(set(named))[:5]}")
    findings = load_findings(audit)
    page, picture = temporary / "report.html", temporary / "first_screen.png"
    page.write_text(report, encoding="utf-8")
    photograph(page, picture, height)
    read = first_screen(report, height, temporary)
    claims = [
        {
            "probe": f.probe,
            "verdict": f.verdict.value,
            "claim": f.claim,
            "in_picture": squeezed(f.claim) in read,
        }
        for f in findings
    ]
    refused = [c for c in claims if c["in_picture"] and c["verdict"] == Verdict.NOT_BELIEVABLE.value]
    if not refused:
        raise SystemExit(
            f"no refused explanation can be read in the first {height} pixels; try --height {height + 400}"
        )
    shutil.copy(page, REPORT)
    shutil.copy(picture, PICTURE)
    write_record(
        "front_page",
        {
            "commands": [
                "python examples/someone_elses_gan/train.py mnist",
                shlex.join(["ganlens", *AUDIT]),
            ],
            "seed": 0,
            "pixels": [WIDTH, height],
            "seconds": sum(f.seconds for f in findings),
            "claims": claims,
            "sha256": {path.name: checksum(path) for path in (REPORT, PICTURE)},
        },
    )


def photograph(page: Path, picture: Path, height: int) -> None:
    browse(f"--window-size={WIDTH},{height}", f"--screenshot={picture}", page.as_uri())
    with Image.open(picture) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


def first_screen(report: str, height: int, temporary: Path) -> str:
    """The text that can be read in the first `height` pixels, asked of the browser itself."""
    page = temporary / "asked.html"
    without_policy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report)
    asking = READ.replace("HEIGHT", str(height))
    page.write_text(without_policy.replace("</body>", f"{asking}</body>"), encoding="utf-8")
    shown = browse(f"--window-size={WIDTH},{height}", "--dump-dom", page.as_uri())
    found = re.search(r"<pre id=\"read\">(.*?)</pre>", shown, re.DOTALL)
    if found is None:
        raise SystemExit("the browser did not say what can be read")
    return squeezed(html.unescape(found[1]))


def browse(*words: str) -> str:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"needs one of {', '.join(BROWSERS)}")
    flags = ["--headless", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=10000"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium has none for root
    return subprocess.run([browser, *flags, *words], check=True, text=True, capture_output=True).stdout


def run(*words: str | Path, cwd: Path) -> None:
    subprocess.run([sys.executable, *words], check=True, cwd=cwd)


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def squeezed(text: str) -> str:
    """Without white space, which a page may set anew."""
    return "".join(text.split())


def caption(facts: dict[str, Any]) -> str:
    """What the README says under the picture."""
    claims = facts["claims"]
    counts = Counter(claim["verdict"] for claim in claims)
    verdicts = ", ".join(f"{counts[v.value]} {v.value}" for v in Verdict if counts[v.value])
    refused = next(
        claim for claim in claims if claim["in_picture"] and claim["verdict"] == Verdict.NOT_BELIEVABLE.value
    )
    others = ", among others" if counts[Verdict.NOT_BELIEVABLE.value] > 1 else ""
    return (
        "[![First screen of the report about someone else's MNIST GAN](docs/images/first_screen.png)]"
        "(docs/example_report.html)\n\n"
        f"*{len(claims)} questions to a textbook DCGAN that plain PyTorch trained on MNIST ([its code]"
        f"(examples/someone_elses_gan)): {verdicts}. Refused{others}: "
        f"“{refused['claim']}” (`{refused['probe']}`). The whole report is one file: "
        "[docs/example_report.html](docs/example_report.html); save it and open it.*"
    )


if __name__ == "__main__":
    main()
