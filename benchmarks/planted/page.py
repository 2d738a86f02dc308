"""docs/planted_truth.md, written from the record: no figure on that page is typed by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ganlens.modality import Images
from planted.family_page import family_picture, family_sections, pictured
from planted.faults import CORNER, marked
from planted.generators import MARK_UNIT, PlantedGenerator, World
from planted.pictures import scatter
from planted.tables import table
from planted.worlds import WORLDS

DOCS = Path(__file__).parents[2] / "docs"
Entry = dict[str, Any]


def _pictured() -> dict[str, Callable[[World], World]]:
    """Worlds whose samples differ, by name: not those that differ in the discriminator alone."""
    return {name: plant for name, plant in WORLDS.items() if plant is not marked or name == "marked"}


INTRODUCTION = f"""\
# Do the explanations find what is there?

An explanation of a trained generator can't be marked: nobody knows what the generator does. So here the generators are
written down. Each turns twelve numbers from N(0, I) into one sprite by six known factors (shape, scale, orientation,
place, shade), through a first layer in which two random rotations hide them; the renderer is that of the data set
`sprites`, made differentiable. In a *warped* world the latent is bent first (z + 0.3·tanh(Az)); with *equal scales*
principal components have nothing to hold on to; in the *aligned* one nothing is rotated, and each factor has a latent
coordinate of its own. Others have a fault put in:

- *never made*: no triangles. *Over-made*: squares twice as often as in the data.
- *marked*: every second picture carries a bright mark at the top left, which the data don't have. Of the layer
  `paint`, and of `bend` behind it, unit {MARK_UNIT} alone draws it. The discriminator sees the {CORNER}×{CORNER}
  pixels of that corner and nothing else. *Two places*: the same generator beside a discriminator to which light in
  the corner is fake and light in the middle real, a third as much. *Texture*: the same beside one that looks at the
  whole picture, at the energy that four small filters find, more at the bottom than at the top.
- *shortcut*: a patch at the bottom right goes with 95 % of the triangles and 5 % of the rest, in the data and in the
  generator. The classifier says "triangle" where the patch is, whatever the shape.

The probes see none of this: they are given a generator, data, and where it matters a discriminator or a classifier.

![Samples of each world, none picked](images/planted_worlds.png)

*From top to bottom: {", ".join(_pictured())}. The same latents in every row; scales change no picture.*"""

LEGEND = """\
**Recovered** is the mean over the six factors of the score of a factor's own direction; a direction stands for one
factor at most. The score is |cos| with the true direction where the world is linear; in the warped one it is the |rank
correlation| of the place along the direction with the factor, the walk starting anywhere. **Found** counts factors at
0.9 or more. **Purity** is how near each direction the method offers is to *some* factor, on average: that is what a
self-score can speak of. **Itself** is the mean of the method's own scores, which know nothing of the truth. Random
directions stand in the table: in six of twelve dimensions they are not far from something."""


ATTRIBUTIONS = """\
Three discriminators whose reasons are known pixel by pixel: two are linear in the pixels, one is quadratic, so what a
pixel adds to the evidence for "fake" against the sample's baseline has a closed form. **Truth** is the cosine of a
map's evidence with it, mean over samples. **Itself** is the self-score by the probe's own rule, which knows nothing of
the truth. Methods that are all right say nothing of a self-score; so beside the *methods* stand maps that *never look*
at the discriminator, and exact ones *made worse* on purpose: mixed with noise or edges, of another sample, moved,
in blocks, without their sign, turned round, and those of discriminators whose weights were shuffled. Where the
picture itself gives the place away a map that never looks has much of the truth, too; a self-score of 0 says that a map
knows no more than that. In the line on all methods the maps made worse don't count, and they are not in the first
drawing."""


def write_page(record: Entry) -> Path:
    """Write the page and its pictures."""
    images = DOCS / "images"
    images.mkdir(parents=True, exist_ok=True)
    _worlds_picture().save(images / "planted_worlds.png", optimize=True)
    rows = record["rows"]
    answers = [row for row in rows if row.get("kind", "method") != "made worse"]
    judged = [row for row in rows if row["family"] == "discriminator"]
    for name, shown in (("planted_scores", answers), ("planted_attributions", judged)):
        (images / f"{name}.svg").write_text(scatter(_scored(shown)), encoding="utf-8")
    parts = [
        INTRODUCTION,
        _setting(record),
        "## What is required",
        table(("", "line", "figures"), ([x["state"], x["what"], x["figures"]] for x in record["lines"])),
        "## Directions",
        LEGEND,
        _directions(rows),
        "![Self-scores against the truth](images/planted_scores.svg)",
        "*One dot a method and world: how good it says it is, and how much of the truth is in what it offers.*",
        "## Attributions of the discriminator",
        ATTRIBUTIONS,
        _attributions(judged),
        "![Self-scores of attributions against the truth](images/planted_attributions.svg)",
        "*One dot a map and world, those made worse on purpose among them.*",
        "## Faults",
        faults_table(answers),
        *family_sections(record),
        *_family_pictures(record, images),
        *_runs(record),
        "The page is written by `python benchmarks/explain.py --page` from `benchmarks/records/explain.json`.",
    ]
    path = DOCS / "planted_truth.md"
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    return path


def _family_pictures(record: Entry, images: Path) -> list[str]:
    """Each family of pictures, drawn beside the page: every condition that changes its samples is a row."""
    parts = []
    for family in pictured(record.get("families", [])):
        name = f"planted_{family.name}.png"
        family_picture(family).save(images / name, optimize=True)
        parts += [
            f"![{family.summary}](images/{name})",
            f"*{family.name.capitalize()}: a row for every condition that changes its samples, none picked.*",
        ]
    return parts


def _setting(record: Entry) -> str:
    machine = record.get("machine", {})
    where = f"{machine['processor']}, {record['threads']} threads, {machine['date']}" if machine else ""
    seeds = f"{record['seeds']} seed{'s' if record['seeds'] > 1 else ''}"
    size = f"{record['size']}×{record['size']}"
    return (
        f"{record['samples']:,} pictures of {size} and as many samples; {seeds}, not chosen; settings are the probes' "
        f"defaults. {where}"
    )


def _directions(rows: list[Entry]) -> str:
    def line(world: str, method: str, found: list[Entry]) -> list[str]:
        counts = [row["detail"]["factors found"] for row in found]
        return [
            world,
            method,
            _spread(row["recovered"] for row in found),
            f"{_range(counts)} of {found[0]['detail']['of']}",
            _range([row["detail"]["directions"] for row in found]),
            _spread(row["purity"] for row in found),
            _spread(row["self_score"] for row in found),
            f"{sum(row['seconds'] for row in found) / len(found):.0f}",
        ]

    groups = _grouped(row for row in rows if row["family"] == "directions" and not row["problem"])
    body = [line(world, method, found) for (world, method), found in groups.items()]
    columns = (
        "world",
        "method",
        "recovered",
        "found",
        "directions",
        "purity",
        "itself",
        "s, all methods together",
    )
    return table(columns, body)


def _attributions(rows: list[Entry]) -> str:
    def line(world: str, method: str, found: list[Entry]) -> list[str]:
        if found[0]["problem"]:
            return [world, method, "—", "—", "—", found[0]["problem"]]
        inside = _spread(row["recovered"] for row in found) if world == "marked" else "—"
        truth, own = (_spread(row[key] for row in found) for key in ("purity", "self_score"))
        return [world, method, found[0].get("kind", "method"), truth, own, inside]

    body = [line(world, method, found) for (world, method), found in _grouped(rows).items()]
    return table(("world", "map", "what it is", "truth", "itself", "share in the corner"), body)


def faults_table(rows: list[Entry]) -> str:
    """A line for each method; the verdict and the headline, which all methods of a finding share, once."""
    said: set[tuple[str, str]] = set()

    def line(world: str, method: str, found: list[Entry]) -> list[str]:
        if found[0]["problem"]:
            return [world, method, "—", "—", "—", "—", "—", found[0]["problem"]]
        named = [row["named"] for row in found if row["named"] is not None]
        where = ", ".join(f"{place or 'nowhere'} ({named.count(place)})" for place in dict.fromkeys(named))
        headline = found[0]["headline"]
        verdict, words = ("″", "″") if (world, headline) in said else (found[0]["verdict"], headline)
        said.add((world, headline))
        return [
            world,
            method,
            f"{found[0]['measure']}: {_spread(row['recovered'] for row in found)}",
            where or "—",
            _spread(row["self_score"] for row in found),
            f"{sum(row['seconds'] for row in found) / len(found):.0f}",
            verdict,
            words,
        ]

    groups = _grouped(row for row in rows if row["family"] != "directions" and not _is_reference(row))
    body = [line(world, method, found) for (world, method), found in groups.items()]
    columns = (
        "world",
        "asked",
        "truth recovered",
        "named in",
        "itself",
        "s",
        "verdict",
        "headline (first seed)",
    )
    return table(columns, body)


def _is_reference(row: Entry) -> bool:
    return str(row.get("kind", "method")) != "method"


def _runs(record: Entry) -> list[str]:
    parts: list[str] = []
    for run in record.get("runs", []):
        if "problem" in run:
            continue
        body = ([f["probe"], f["verdict"], f"{f['seconds']:.0f}", f["headline"]] for f in run["findings"])
        parts += [
            f"### {run['run']}",
            f"{run['samples']:,} samples, {run['seconds']:.0f} s in all.",
            table(("probe", "verdict", "s", "headline"), body),
        ]
    if not parts:
        return []
    text = "The same questions about generators that were trained. The answers are not known; these are the headlines."
    return ["## Trained generators", text, *parts]


def _scored(rows: list[Entry]) -> list[tuple[str, str, float, float]]:
    """(world, method, self-score, truth), seeds averaged, as `planted.lines` correlates them."""
    points = []
    for (world, method), found in _grouped(rows).items():
        pairs = [
            (row["self_score"], row["purity"] if row["purity"] is not None else row["recovered"])
            for row in found
            if row["self_score"] is not None
        ]
        pairs = [pair for pair in pairs if pair[1] is not None]
        if pairs:
            own, truth = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
            points.append((world, method, own, truth))
    return points


def _worlds_picture() -> Any:
    """A row of samples for each world, from the same latents."""
    latents = torch.randn(16, PlantedGenerator.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = [PlantedGenerator(plant(World()))(latents) for plant in _pictured().values()]
    picture = Images().strips(torch.stack(made))
    return picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST)


def _grouped(rows: Iterable[Entry]) -> dict[tuple[str, str], list[Entry]]:
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for row in rows:
        groups[row["world"], row["method"]].append(row)
    return groups


def _spread(values: Iterable[float | None]) -> str:
    """Mean, and lowest to highest where seeds differ."""
    known = [value for value in values if value is not None]
    if not known:
        return "—"
    low, high = f"{min(known):.2f}", f"{max(known):.2f}"
    mean = f"{sum(known) / len(known):.2f}"
    return mean if low == high else f"{mean} ({low}–{high})"


def _range(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"
