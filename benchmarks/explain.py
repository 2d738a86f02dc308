"""Do the explanations find what is there, and do they know when they don't? Asked of a world whose truth is planted.

    python benchmarks/explain.py                                  every trial, one seed
    python benchmarks/explain.py --scale 0.1 --only directions    a trial of some of it, not recorded
    python benchmarks/explain.py --seeds 3 --runs runs/sprites runs/mnist --page
    python benchmarks/explain.py --only units --merge --page      one family anew, the rest as recorded
    python benchmarks/explain.py --only runs --runs runs/mnist    keeps the recorded trials, adds the runs
    python benchmarks/explain.py --list                           families of further worlds, and their conditions
    python benchmarks/explain.py --families figures,ring --conditions healthy,"bright dot" --seeds 3 --jobs 2
    python benchmarks/explain.py --record --page                  puts what families' runs kept into the record

The generators are written down (`benchmarks/planted`): their factors are known, hidden behind random rotations, and
their faults were put in. For every method the table says how much of the truth it recovered, how it scored itself,
and its seconds. Below it stand the required lines, passed or failed. The explain section asked about trained
generators is recorded beside it; there the truth is not known. Families of other worlds (`benchmarks/planted/families`)
are asked one subject at a time, and can be stopped and taken up again.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from machine import write_record
from planted.family_runs import add_options, concerns_families, run_families
from planted.lines import Line, required_lines
from planted.page import write_page
from planted.rows import Row
from planted.trials import TRIALS
from planted.worlds import Universe, there

from ganlens import Subject
from ganlens.errors import UserError
from ganlens.probes import probes

RECORD = "explain"


def main() -> None:
    args = _arguments()
    if concerns_families(args):
        try:
            families_of_worlds(args)
        except UserError as error:
            raise SystemExit(str(error)) from None
        return
    torch.set_num_threads(args.threads)
    began = time.perf_counter()
    record: dict[str, Any] = {
        "scale": args.scale,
        "size": args.size,
        "threads": args.threads,
        "families": kept_record().get("families", []),
    }
    families = {trial.family for trial in TRIALS}
    if args.only == ["runs"]:
        record = kept_record()
    else:
        if args.merge:
            record = kept_record() | record
        universe = Universe(args.scale, args.size, args.cache)
        rows = (
            [Row(**row) for row in kept_record()["rows"] if row["family"] not in args.only]
            if args.merge
            else []
        )
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            rows += planted(universe, seed, set(args.only) or families)
            record |= {
                "seeds": len({row.seed for row in rows}),
                "samples": universe.samples,
                "training_seconds": universe.training_seconds,
                "seconds_of_last_run": time.perf_counter() - began,
                "rows": [row.record() for row in rows],
                "lines": [line.record() for line in required_lines(rows)],
            }
            record = saved(record, args)  # after every seed: a long run that is stopped leaves what it has
        print_table(rows)
        print_lines(required_lines(rows))
    if args.runs:
        record["runs"] = [trained(run, args.samples) for run in args.runs]
        record = saved(record, args)
    if args.page:
        print(write_page(record))


def families_of_worlds(args: argparse.Namespace) -> None:
    """Ask about families, and write into the record and the page what is asked for; all else there stays."""
    record = run_families(args, kept_record())
    if record is not None:
        sprites_machine = record.pop("machine", None)
        path = write_record(RECORD, record)
        written = json.loads(path.read_text())
        written |= {"families_machine": written["machine"], "machine": sprites_machine or written["machine"]}
        path.write_text(json.dumps(written, indent=2) + "\n")
        print(f"recorded in {path}")
    if args.page:
        print(write_page(kept_record()))


def saved(record: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """The record as it was written (with the machine); a part of the trials is written where `--out` says or not."""
    if args.out is not None:
        args.out.write_text(json.dumps(record, indent=2) + "\n")
        print(f"recorded in {args.out}")
        return record
    if args.only and args.only != ["runs"] and not args.merge:
        print("a part of the trials: not recorded")
        return record
    record = {key: value for key, value in record.items() if key != "machine"}
    path = write_record(RECORD, record)
    print(f"recorded in {path}")
    written: dict[str, Any] = json.loads(path.read_text())
    return written


def planted(universe: Universe, seed: int, families: set[str]) -> list[Row]:
    """Every trial of those families, world by world, so that what questions share is made once."""
    rows: list[Row] = []
    asked = [trial for trial in TRIALS if trial.family in families]
    for name in dict.fromkeys(world for trial in asked for world in trial.worlds):
        world = universe.open(name, seed)
        for trial in asked:
            if name in trial.worlds:
                rows += answers(trial, world, seed)
    return rows


def answers(trial: Any, world: Any, seed: int) -> list[Row]:
    """The rows of one trial. What fails is a row as well."""
    print(f"… {trial.probe} on {world.name}, seed {seed}", flush=True)
    if not there(trial.probe):
        return [Row.failed(trial.family, world.name, trial.probe, seed, "there is no such probe")]
    try:
        found = list(trial.ask(world, seed))
    except Exception as error:  # one probe's fault must not hide what the others found
        traceback.print_exc()
        problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return [Row.failed(trial.family, world.name, trial.probe, seed, problem)]
    return found or [Row.failed(trial.family, world.name, trial.probe, seed, "the finding holds no answer")]


def trained(run: Path, samples: int) -> dict[str, Any]:
    """The explain section's claims about a trained generator."""
    print(f"… {run}", flush=True)
    names = [name for name in probes.names() if probes[name].section == "explain"]
    try:
        audit = Subject.load(run).audit(probes=names, samples=samples)
    except UserError as error:
        print(f"  {error}")
        return {"run": run.name, "problem": str(error)}
    findings = []
    for finding in audit.findings:
        print(f"  {finding.probe:<20}{finding.verdict.value:<16}{finding.seconds:7.1f} s  {finding.claim}")
        kept = ("probe", "verdict", "claim", "seconds")
        findings.append({key: value for key, value in finding.record().items() if key in kept})
    return {"run": run.name, "samples": samples, "seconds": audit.seconds, "findings": findings}


def kept_record() -> dict[str, Any]:
    """What stands in the record."""
    path = Path(__file__).parent / "records" / f"{RECORD}.json"
    record: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return record


def print_table(rows: list[Row]) -> None:
    print(
        f"\n{'world':14}{'method':26}{'recovered':>10}{'purity':>8}{'itself':>8}{'s':>8}  what was measured"
    )
    for row in rows:
        figures = "".join(
            f"{'—' if value is None else format(value, '.2f'):>{width}}"
            for value, width in ((row.recovered, 10), (row.purity, 8), (row.self_score, 8))
        )
        said = row.problem or f"{row.measure}{_more(row)}; {row.verdict}"
        print(f"{row.world:14}{row.method:26}{figures}{row.seconds:8.1f}  {said}")


def _more(row: Row) -> str:
    if "factors found" in row.detail:
        return f", {row.detail['factors found']} of {row.detail['of']} factors by {row.detail['directions']}"
    return "" if row.named is None else f", in the {row.named}" if row.named else ", nowhere"


def print_lines(lines: list[Line]) -> None:
    print()
    for line in lines:
        print(f"{line.state:8}{line.what}: {line.figures}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    families = sorted({trial.family for trial in TRIALS})
    parser.add_argument("--scale", type=float, default=1.0, help="of the 10,000 pictures and samples")
    parser.add_argument("--size", type=int, default=32, help="of the pictures, in pixels")
    parser.add_argument("--seeds", type=int, default=1, help="how many; each turns the world's rotations")
    parser.add_argument(
        "--first-seed", type=int, default=0, help="recorded runs begin at 0: develop on others, as 101"
    )
    parser.add_argument("--only", nargs="*", default=[], choices=[*families, "runs"], help="some trials")
    parser.add_argument(
        "--merge", action="store_true", help="with --only: put them in their place in the record"
    )
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="run folders to ask as well")
    parser.add_argument("--samples", type=int, default=10_000, help="generated samples for the runs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cache", type=Path, help="keep what is trained on the data here between runs")
    parser.add_argument("--out", type=Path, help="write the record here; default: benchmarks/records")
    parser.add_argument("--page", action="store_true", help="write docs/planted_truth.md from the record")
    add_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
