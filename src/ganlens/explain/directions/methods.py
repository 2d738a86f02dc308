"""All methods, asked one after the other: what each needs, what it gives, or why it is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ganlens.explain.code.code_space import code_spaces, codes_of
from ganlens.explain.code.interventions import axis_directions
from ganlens.explain.directions.boundaries import boundaries
from ganlens.explain.directions.direction_set import DirectionSet, LeftOut, random_set
from ganlens.explain.directions.latent_clr import contrasted_directions
from ganlens.explain.directions.principal import ganspace, jacobian
from ganlens.explain.directions.reconstructor import learned_directions
from ganlens.explain.directions.sefa import sefa
from ganlens.explain.directions.walk import Walk
from ganlens.explain.preconditions import FEWEST, unsuited
from ganlens.explain.readings.panel import Panel
from ganlens.progress import Task
from ganlens.randomness import torch_generator

TITLES = {
    "random": "random",
    "ganspace": "GANSpace",
    "sefa": "SeFa",
    "jacobian": "Jacobian",
    "boundaries": "boundary",
    "learned": "learned",
    "latentclr": "LatentCLR",
    "code_axes": "code axis",
    "readings": "reading",
}
"""Every method, in the order of the tables."""

ASKED = tuple(method for method in TITLES if method not in ("learned", "latentclr"))
"""Those that are asked where nobody says which. What the other two are trained for is that directions can be told
apart, which mixtures can be as well: where causes are known, they recover hardly more than random directions do."""

CHUNK = 512
WIDEST_REGRESSION = 2048
"""Numbers in a point beyond which nothing is regressed on them."""


@dataclass
class Table:
    """The bank's generated samples as regressions want them, worked out once for all methods that ask.

    Attributes:
        walk, panel: where the samples come from, and what is read off them.
    """

    walk: Walk
    panel: Panel

    @cached_property
    def rows(self) -> Tensor:
        """Standardised points [n, z]."""
        return self.walk.rows()

    @cached_property
    def readings(self) -> Tensor:
        """Standardised readings [n, r]."""
        chunks = self.walk.bank.fakes(self.walk.count).chunks(CHUNK)
        return torch.cat([self.panel(chunk) for chunk in chunks])


@dataclass(frozen=True)
class Request:
    """What every method is asked for.

    Attributes:
        k: directions of each, at most.
        steps, batch: of training, for those that are trained.
        layer: for GANSpace; "auto" is the space itself or the first layer.
        conditional: whether boundaries are made orthogonal to each other.
        seed: of the fit: another one draws other latents and other starts.
        half: whether to regress on a random half of the samples, as a second fit does that has to differ.
    """

    k: int
    steps: int
    batch: int
    layer: str
    conditional: bool
    seed: int
    half: bool = False

    def chosen(self, values: Tensor) -> Tensor:
        """The rows of [n, …] that a regression is to see."""
        if not self.half:
            return values
        order = torch.randperm(len(values), generator=torch_generator(self.seed, "directions", "half"))
        return values[order[: len(values) // 2]]


def find_directions(method: str, table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    """The directions of one method by its key in `TITLES`."""
    return _METHODS[method](table, request, task)


def is_trained(method: str) -> bool:
    """Whether it takes steps (and time)."""
    return method in ("learned", "latentclr")


def _random(table: Table, request: Request, task: Task) -> DirectionSet:
    rng = torch_generator(request.seed, "directions", "random set")
    return random_set(request.k, table.walk.size, table.walk.space.name, rng)


def _ganspace(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    return ganspace(table.walk, request.k, request.layer, request.seed)


def _sefa(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    return sefa(table.walk, min(request.k, table.walk.size))


def _jacobian(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    return jacobian(table.walk, min(request.k, table.walk.size), request.seed)


def _boundaries(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    title = TITLES["boundaries"]
    if not table.panel.classes:
        because = (
            table.panel.class_source or "there is neither labelled data nor a classifier to name classes"
        )
        return LeftOut("boundaries", title, because)
    if table.walk.count < 4 * FEWEST:
        return LeftOut("boundaries", title, f"{table.walk.count} samples are too few to tell sides by")
    rows = request.chosen(table.rows)
    scores = request.chosen(table.readings)[:, table.panel.of_classes]
    return boundaries(
        rows,
        scores,
        table.panel.classes,
        table.walk.space.name,
        request.seed,
        conditional=request.conditional,
    )


def _learned(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    if not table.walk.subject.has_gradients:
        return LeftOut("learned", TITLES["learned"], "no gradients pass through this generator")
    return learned_directions(table.walk, request.k, request.steps, request.batch, request.seed, task)


def _latentclr(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    if not table.walk.subject.has_gradients:
        return LeftOut("latentclr", TITLES["latentclr"], "no gradients pass through this generator")
    if request.k < 2:
        return LeftOut("latentclr", TITLES["latentclr"], "it contrasts directions, and one was asked for")
    return contrasted_directions(table.walk, request.k, request.steps, request.seed, task)


def _code_axes(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    title, data = TITLES["code_axes"], table.walk.subject.data
    if data is None or not len(data.held_out):
        return LeftOut("code_axes", title, "there are no real data to fit an autoencoder to")
    if because := unsuited(table.walk.bank) or too_wide(table.walk):
        return LeftOut("code_axes", title, because)
    space = code_spaces(table.walk.bank).autoencoder
    codes = request.chosen(codes_of(table.walk.bank, space, "fake", table.walk.count))
    unit = axis_directions(request.chosen(table.rows), codes).unit[: request.k]
    how = f"regression of the autoencoder's axes on {len(codes):,} points"
    return DirectionSet("code_axes", title, table.walk.space.name, unit, how)


def _readings_set(table: Table, request: Request, task: Task) -> DirectionSet | LeftOut:
    """Regression of what is read off samples on their points: the most supervised method of all.

    Source: the linear walks of Jahanian et al. 2020 (arXiv 1907.07171), by regression in place of gradients.
    """
    title = TITLES["readings"]
    wanted = [place for place, reading in enumerate(table.panel.readings) if reading.of_class is None]
    if not wanted:
        return LeftOut("readings", title, "nothing but classes can be read off its samples")
    if because := too_wide(table.walk):
        return LeftOut("readings", title, because)
    values = request.chosen(table.readings)[:, wanted]
    fastest = axis_directions(request.chosen(table.rows), values)
    strongest = fastest.slope.argsort(descending=True, stable=True)[: request.k].sort().values
    return DirectionSet(
        "readings",
        title,
        table.walk.space.name,
        fastest.unit[strongest],
        f"regression of what is read off samples on {len(values):,} points",
        tuple(table.panel.readings[wanted[int(i)]].name for i in strongest),
    )


def too_wide(walk: Walk) -> str:
    """Why nothing is regressed on the points of a space, or ""."""
    if walk.size <= WIDEST_REGRESSION:
        return ""
    return f"the space has {walk.size:,} numbers, too many to regress on"


_METHODS: dict[str, Callable[[Table, Request, Task], DirectionSet | LeftOut]] = {
    "random": _random,
    "ganspace": _ganspace,
    "sefa": _sefa,
    "jacobian": _jacobian,
    "boundaries": _boundaries,
    "learned": _learned,
    "latentclr": _latentclr,
    "code_axes": _code_axes,
    "readings": _readings_set,
}
