"""The sections of docs/planted_truth.md on families of worlds, written from the record: misses as plainly as hits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from PIL import Image

from ganlens.modality import Images
from planted.conditions import CONDITIONS
from planted.families import FAMILIES, Family
from planted.family_data import family_data
from planted.family_generator import FamilyGenerator, untrained_generator
from planted.family_record import family_lines, recovery_rows
from planted.judge import Outcome
from planted.tables import table

Entry = dict[str, Any]
SHOWN, SEED = 14, 0
RECOVERED = """\
**Causes** and **all scores**: how much of the named causes, and of all that a sample is drawn from (the class and what
has no name among them), the method's directions recovered. **Purity** is how near each of its directions is to some one
of all those. **Itself** is the method's own score, which knows nothing of the truth."""
MEANINGS = {
    Outcome.NAMED: "a claim names it, under a verdict that fits",
    Outcome.DETAIL: "a detail names it, no claim does",
    Outcome.ALARM: "a question that ought to answer raises an alarm, nothing names it",
    Outcome.MISSED: "no question that ought to answer says anything of it",
    Outcome.ACQUITTED: "a question that ought to answer says that all is good",
}

INTRODUCTION = """\
Sprites are one world, and the questions were developed on it. So there are families of others, as different from it and
from each other as could be made, each with every fault that makes sense for it. Their latents are bent by a swirl that
leaves N(0, I) as it is, so that a healthy generator makes exactly what the data are drawn from. What a fault falls on
(which class, cause, corner, unit, colour) is drawn from the seed. What counts as naming it was written down, as regular
expressions, before any answer was read (`benchmarks/planted/wordings.py`); since then they were made stricter once, and
never wider. Where one class becomes the next a quick but unbroken way leads from one to the other, in the data and in
the generator. Seed 0 of the families developed on was in view while the last faults of the product were mended; the
family held back was asked once, when that was done, and nothing was mended by its answers."""


def family_sections(record: Entry) -> list[str]:
    """All sections, as Markdown; none where no family was asked."""
    entries: list[Entry] = record.get("families", [])
    if not entries:
        return []
    developed = [entry for entry in entries if not entry["held_back"]]
    held_back = [entry for entry in entries if entry["held_back"]]
    lines = [line.record() for line in family_lines(entries)]
    parts = [
        "## Families of worlds",
        INTRODUCTION,
        _families(entries),
        "### What is required of them",
        table(("", "line", "figures"), ([x["state"], x["what"], x["figures"]] for x in lines)),
        *_part("Families developed on", developed),
    ]
    if held_back:
        parts += _part("The family held back", held_back)
    return [part for part in parts if part]


def _part(title: str, entries: Sequence[Entry]) -> list[str]:
    if not entries:
        return []
    return [
        f"### {title}: what became of every planted fault",
        "; ".join(f"**{outcome.value}**: {meaning}" for outcome, meaning in MEANINGS.items()) + ".",
        outcome_table(entries),
        f"### {title}: what was not named",
        miss_table(entries),
        f"### {title}: false alarms",
        "What was said of healthy subjects and is not *good*, by the rule that said it, of all questions that had an "
        "answer.",
        false_alarm_table(entries),
        f"### {title}: directions, and how they score themselves",
        recovery_table(entries),
        *_troubles(title, entries),
    ]


def _families(entries: Sequence[Entry]) -> str:
    def line(name: str) -> list[str]:
        family, own = FAMILIES[name], [entry for entry in entries if entry["family"] == name]
        seeds = len({entry["seed"] for entry in own})
        levels = ", ".join(dict.fromkeys(entry["level"] for entry in own))
        scales = ", ".join(dict.fromkeys(f"{entry['scale']:g}" for entry in own))
        held = "held back" if family.held_back else "developed on"
        causes = ", ".join(cause.name for cause in family.causes)
        return [name, family.summary, causes, str(len(family.classes)), held, levels, scales, str(seeds)]

    names = dict.fromkeys(entry["family"] for entry in entries if entry["family"] in FAMILIES)
    columns = ("family", "samples", "causes", "classes", "", "level", "scale", "seeds")
    return table(columns, map(line, names))


def outcome_table(entries: Sequence[Entry]) -> str:
    """A line for each planted fault, a column for each family, and how often it came to what."""
    families = list(dict.fromkeys(entry["family"] for entry in entries))
    cells: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for entry in entries:
        for each in entry["judgements"]:
            cells[each["label"]][entry["family"]][each["outcome"]] += 1
    body = [[label, *(_outcomes(row[family]) for family in families)] for label, row in cells.items()]
    return table(("fault", *families), body) if body else "No fault was asked about."


def _outcomes(counts: Counter[str]) -> str:
    total = sum(counts.values())
    if not total:
        return "—"
    parts = [f"{outcome.value} {counts[outcome.value]}" for outcome in Outcome if counts[outcome.value]]
    return f"{', '.join(parts)} of {total}"


def miss_table(entries: Sequence[Entry]) -> str:
    """Every fault that no claim names, and what was said instead."""
    body = [
        [
            entry["family"],
            f"{entry['condition']} (seed {entry['seed']})",
            each["fault"],
            each["outcome"],
            f"`{each['probe']}`, {each['verdict']}: {each['claim']}"
            if "probe" in each
            else "nothing was asked",
        ]
        for entry in entries
        for each in entry["judgements"]
        if each["outcome"] != Outcome.NAMED.value
    ]
    columns = ("family", "condition", "planted", "outcome", "what was said")
    return table(columns, body) if body else "All were."


def false_alarm_table(entries: Sequence[Entry]) -> str:
    """A line for each condition and family: how many questions, and which rules spoke up how often."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry["healthy"]:
            groups[entry["family"], entry["condition"]].append(entry)
    body = []
    for (family, condition), own in groups.items():
        alarms = [alarm for entry in own for alarm in entry["false_alarms"]]
        rules = Counter(f"`{alarm['probe']}` {alarm['verdict']}: {alarm['rule']}" for alarm in alarms)
        said = "; ".join(f"{rule} ({times})" for rule, times in rules.most_common())
        verdicts = Counter(alarm["verdict"] for alarm in alarms)
        counts = [str(verdicts[verdict]) for verdict in ("caution", "bad", "not believable")]
        questions = sum(entry["answered"] for entry in own)
        body.append([family, condition, str(len(own)), str(questions), *counts, said or "—"])
    columns = ("family", "condition", "seeds", "questions", "caution", "bad", "not believable", "rules")
    return table(columns, body) if body else "Nothing healthy was asked about."


def recovery_table(entries: Sequence[Entry]) -> str:
    """A line for each method, family and condition: the truth in it beside its self-score."""
    body = [
        [
            row["family"],
            row["condition"],
            row["method"],
            *(
                _figure(row[name])
                for name in ("recovered", "recovered_of_all", "purity_of_all", "self_score")
            ),
            f"{_figure(row['found'], '.1f')} of {row['of']}",
        ]
        for row in recovery_rows(entries)
    ]
    columns = ("family", "condition", "method", "causes", "all scores", "purity", "itself", "causes found")
    return f"{RECOVERED}\n\n{table(columns, body)}" if body else "Directions were not asked about."


def _troubles(title: str, entries: Sequence[Entry]) -> list[str]:
    body = [
        [entry["family"], entry["condition"], str(entry["seed"]), what]
        for entry in entries
        for what in (
            *([entry["problem"]] if entry["problem"] else []),
            *(f"`{answer['probe']}`: {answer['detail']}" for answer in entry["failed"]),
        )
    ]
    if not body:
        return []
    columns = ("family", "condition", "seed", "trouble")
    return [f"### {title}: what could not be asked", table(columns, body)]


def _figure(value: float | None, form: str = ".2f") -> str:
    return "—" if value is None else format(value, form)


def family_picture(family: Family) -> Image.Image:
    """A row of samples for every condition whose pictures differ, from the same latents where they can be."""
    level, rows, seen = family.levels[1], [], set()
    data = family_data(family, level, count=200, seed=SEED)
    for condition in CONDITIONS.values():
        plant = condition.plant(family, level, SEED)
        drawn = repr({**vars(plant), "classifier": "", "discriminator": "", "channel": 0, "corner": ""})
        if not condition.fits(family) or drawn in seen:
            continue
        seen.add(drawn)
        rows.append(_row(family, plant, data.train.samples))
    picture = Images().strips(torch.stack(rows))
    return picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST)


@torch.no_grad()
def _row(family: Family, plant: Any, train: Any) -> torch.Tensor:
    level, rng = family.levels[1], torch.Generator().manual_seed(SEED)
    if plant.untrained:
        network = untrained_generator(family, level, seed=SEED)
        return network(torch.randn(SHOWN, network[0].in_features, generator=rng))  # type: ignore[index, no-any-return]
    generator = FamilyGenerator(family, level, plant, seed=SEED, train=train)
    labels = torch.arange(SHOWN) % len(family.classes) if generator.num_classes else None
    return generator.synthesize(generator.sample_latent(SHOWN, rng=rng), labels)


def pictured(entries: Iterable[Entry]) -> list[Family]:
    """Families of pictures that the record holds."""
    names = dict.fromkeys(entry["family"] for entry in entries)
    return [FAMILIES[name] for name in names if name in FAMILIES and FAMILIES[name].channels]
