"""Asking: every family, condition and seed is one job, whose answers are kept as soon as they are there."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from ganlens.errors import UserError
from ganlens.finding import Finding
from ganlens.probes import probes
from ganlens.probes.audit import audit
from ganlens.storage import write_json
from ganlens.subject import SampleBank
from planted.conditions import CONDITIONS, Condition
from planted.families import FAMILIES, Family
from planted.family_generator import FamilyGenerator
from planted.family_worlds import FamilyWorld, open_world
from planted.judge import Answer
from planted.recovery import cosines, rank_correlations, recovery

Entry = dict[str, Any]
WALKS = 1000


@dataclass(frozen=True)
class Job:
    """One subject to be asked.

    Attributes:
        family, level, condition: by name.
        scale: of the 10,000 samples.
        everything: whether every question is asked, or those that the condition is about.
    """

    family: str
    level: str
    condition: str
    seed: int
    scale: float
    everything: bool = False

    @property
    def probes(self) -> list[str]:
        """What is asked, of what there is in this version."""
        wanted = CONDITIONS[self.condition].probes
        return [name for name in probes.names() if self.everything or not wanted or name in wanted]

    def path(self, folder: Path) -> Path:
        """Where its answers are kept."""
        name = self.condition.replace(" ", "-").replace(",", "")
        return folder / self.family / self.level / f"{name}-{self.seed}.json"


def jobs_for(
    families: Sequence[Family],
    conditions: Sequence[str],
    *,
    level: str,
    seeds: Iterable[int],
    scale: float,
    everything: bool,
) -> list[Job]:
    """All of them, those that share their data one after another.

    Raises:
        UserError: there is no such condition or level, or none fits.
    """
    for name in conditions:
        if name not in CONDITIONS:
            raise UserError(f"there is no condition {name!r}; there are {', '.join(CONDITIONS)}")
    for family in families:
        if level not in {known.name for known in family.levels}:
            raise UserError(f"{family.name} has no level {level!r}")
    seeds = list(seeds)
    asked = [
        Job(family.name, level, name, seed, scale, everything)
        for family in families
        for seed in seeds
        for name in conditions or CONDITIONS
        if CONDITIONS[name].fits(family)
    ]
    if not asked:
        raise UserError("none of these conditions makes sense for any of these families")
    return asked


def kept_answers(job: Job, folder: Path) -> Entry | None:
    """What an earlier run kept of the same job, asked as much, without trouble; else None."""
    path = job.path(folder)
    if not path.is_file():
        return None
    entry: Entry = json.loads(path.read_text())
    same = entry["scale"] == job.scale and not entry["problem"] and set(job.probes) <= set(entry["asked"])
    return entry if same else None


def run_jobs(jobs: Sequence[Job], folder: Path, *, processes: int) -> Iterator[tuple[Job, Entry]]:
    """Every job's answers as they come; what is kept is not asked again."""
    waiting = []
    for job in jobs:
        entry = kept_answers(job, folder)
        if entry is None:
            waiting.append(job)
        else:
            yield job, entry
    if processes <= 1 or len(waiting) <= 1:
        for job in waiting:
            yield job, run_job(job, folder)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_job, job, folder): job for job in waiting}
        for done in as_completed(running):
            yield running[done], done.result()


def run_job(job: Job, folder: Path) -> Entry:
    """Ask one subject, in one thread, and keep what it said. What fails is kept as well, and is asked again."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    entry: Entry = {
        **asdict(job),
        "asked": job.probes,
        "absent": [name for name in CONDITIONS[job.condition].probes if name not in probes.names()],
        "answers": [],
        "recovery": [],
        "problem": "",
    }
    try:
        entry |= _asked(job, folder)
    except Exception as error:  # one job's fault must not hide what the others found
        traceback.print_exc()
        first = str(error).splitlines()[0] if str(error) else ""
        entry["problem"] = f"{type(error).__name__}: {first}"
    entry["seconds"] = round(time.perf_counter() - began, 1)
    path = job.path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, entry)
    return entry


def _asked(job: Job, folder: Path) -> Entry:
    family, condition = FAMILIES[job.family], CONDITIONS[job.condition]
    level = family.level(job.level)
    world = open_world(family, level, condition, job.seed, scale=job.scale, kept=folder / "instruments")
    bank = SampleBank(world.subject, samples=world.samples, seed=job.seed, cache=world.kept)
    findings = audit(world.subject, names=job.probes, seed=job.seed, bank=bank).findings
    return {
        "samples": world.samples,
        "plant": asdict(world.plant),
        "answers": [Answer.of(finding).record() for finding in findings],
        "recovery": recovered(condition, world, findings),
    }


def recovered(condition: Condition, world: FamilyWorld, findings: Sequence[Finding]) -> list[Entry]:
    """What every method of `directions` knows of the causes, beside how it scores itself.

    `recovered` and `purity` are of the causes. `recovered_of_all` and `purity_of_all` are of all scores that a sample
    is drawn from, the class's and nuisances' among them: a direction that is one of those alone is as pure as any.
    """
    generator = world.generator
    if not condition.recovery or not isinstance(generator, FamilyGenerator):
        return []
    found = {finding.probe: finding for finding in findings}.get("directions")
    rows = []
    for name, directions in (found.arrays if found is not None else {}).items():
        if not name.startswith("directions_"):
            continue
        method = name.removeprefix("directions_")
        near = direction_scores(directions, generator)
        truth, of_all = recovery(near[:, : len(generator.family.causes)]), recovery(near)
        own = found.arrays.get(f"together_{method}")  # type: ignore[union-attr]
        rows.append(
            {
                "method": method,
                "recovered": truth.recall,
                "found": truth.found,
                "of": len(generator.family.causes),
                "directions": len(directions),
                "purity": sum(truth.purity) / max(len(truth.purity), 1),
                "recovered_of_all": of_all.recall,
                "purity_of_all": sum(of_all.purity) / max(len(of_all.purity), 1),
                "self_score": None if own is None else float(own),
            }
        )
    return rows


def direction_scores(directions: torch.Tensor, generator: FamilyGenerator) -> torch.Tensor:
    """[k, s]: how near directions [k, L] are to each score, the causes first: |cos|, or |rank correlation| where the
    latent is bent."""
    true = generator.scores.directions
    if true is not None:
        return cosines(directions, true)
    return rank_correlations(directions, generator.all_scores, walks=WALKS)
