"""The part of `benchmarks/explain.py` that asks about families of worlds: its options, and what it does with them."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from planted.conditions import CONDITIONS
from planted.families import FAMILIES, chosen_families
from planted.family_record import family_lines, judged_entry, kept_entries, merged
from planted.family_trials import jobs_for, run_jobs

Entry = dict[str, Any]
KEPT = Path("runs") / "planted_families"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of families, in a group of their own."""
    group = parser.add_argument_group("families of worlds")
    group.add_argument("--list", action="store_true", help="what there is, and nothing else")
    group.add_argument("--families", type=_names, help="comma-separated; all: every family not held back")
    group.add_argument("--conditions", type=_names, default=[], help="comma-separated; default: all that fit")
    group.add_argument("--level", default="medium", help="easy, medium or hard")
    group.add_argument("--jobs", type=int, default=1, help="subjects at once, each in one thread")
    group.add_argument(
        "--keep", type=Path, default=KEPT, help="answers are kept here, and not asked for again"
    )
    group.add_argument("--everything", action="store_true", help="ask every question of every subject")
    group.add_argument("--held-back", action="store_true", help="the family that is held back, too")
    group.add_argument("--record", action="store_true", help="put what is kept in its place in the record")


def concerns_families(args: argparse.Namespace) -> bool:
    """Whether the families were asked for, and not the sprites."""
    return bool(args.list or args.families or args.conditions or args.record)


def run_families(args: argparse.Namespace, record: Entry) -> Entry | None:
    """Ask, tell, and give the record with what is kept in its place; None where nothing is to be recorded.

    Args:
        record: what stands in the record.

    Raises:
        UserError: there is no such family, level or condition, or the family is held back.
    """
    if args.list:
        print("\n".join(listing()))
        return None
    if args.families or args.conditions:
        names = [] if args.families in (None, ["all"]) else args.families
        families = chosen_families(names, held_back=args.held_back)
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        asked = jobs_for(
            families,
            args.conditions,
            level=args.level,
            seeds=seeds,
            scale=args.scale,
            everything=args.everything,
        )
        _ask(asked, args)
    if not args.record:
        return None
    new = [judged_entry(entry) for entry in kept_entries(args.keep, held_back=args.held_back)]
    return record | {"families": merged(record.get("families", []), new)}


def _ask(asked: list[Any], args: argparse.Namespace) -> None:
    judged = []
    for number, (job, entry) in enumerate(run_jobs(asked, args.keep, processes=args.jobs), start=1):
        judged.append(judged_entry(entry))
        where = f"{job.family}, {job.level}, {job.condition}, seed {job.seed}"
        print(
            f"{number} of {len(asked)}: {where}: {outcome_of(judged[-1])} ({entry['seconds']:.0f} s)",
            flush=True,
        )
    print()
    for line in family_lines(judged):
        print(f"{line.state:8}{line.what}: {line.figures}")


def outcome_of(entry: Entry) -> str:
    """What became of one subject, in a line."""
    if entry["problem"]:
        return entry["problem"]
    told = [f"{each['fault']}: {each['outcome']}" for each in entry["judgements"]]
    if entry["healthy"]:
        rules = Counter(f"{a['probe']}/{a['rule']} ({a['verdict']})" for a in entry["false_alarms"])
        told.append(
            f"{sum(rules.values())} of {entry['answered']} questions not good: {', '.join(rules) or 'none'}"
        )
    told += [f"{answer['probe']} approves" for answer in entry["approved"]]
    told += [f"{row['method']} {row['recovered']:.2f}" for row in entry["recovery"]]
    return "; ".join(told) or "asked"


def listing() -> list[str]:
    """Families and conditions, a line each."""
    lines = ["families:"]
    for family in FAMILIES.values():
        held = " (held back: --held-back)" if family.held_back else ""
        levels = ", ".join(f"{level.name} {level.size}" for level in family.levels)
        lines.append(f"  {family.name:12}{family.summary}; {levels}{held}")
    lines.append("conditions:")
    for condition in CONDITIONS.values():
        fitting = [family.name for family in FAMILIES.values() if condition.fits(family)]
        where = "" if len(fitting) == len(FAMILIES) else f" ({', '.join(fitting)})"
        lines.append(f"  {condition.name:30}{condition.summary}{where}")
    return lines


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
