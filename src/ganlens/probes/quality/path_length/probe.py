"""Whether samples change smoothly as the latent moves: how far a way wanders, and whether it tears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.paths.latent_paths import Ways, between, pair_up
from ganlens.explain.paths.tears import FINEST, STEPS, Steepest, Way, find_steepest
from ganlens.features import FeatureSpace
from ganlens.figures.charts import histogram_lines
from ganlens.figures.figure import Figure
from ganlens.figures.palette import GENERATED, SERIES
from ganlens.finding import Finding
from ganlens.measures import (
    Estimate,
    Interval,
    binomial_interval,
    bootstrap_interval,
    nearest_neighbours,
    perceptual_path_length,
)
from ganlens.probes.probe import Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

FEWEST = 16
PATHS_AT_ONCE = 64
STORED = 2000
"""Samples that the lookup gives back."""
STOPS, MANY_STOPS = 3, 7
TEAR, OFTEN = 0.1, 0.05
SAME = 1e-6
"""Samples no further apart than this share of their own size are all one, but for rounding."""
REPEATABLE = 0.01
SHOWN_STEPS = 13
FADED = "the same ends faded into each other"
LOOKED_UP = "stored samples, looked up by the nearest latent"


class PathLengthSettings(ProbeSettings):
    paths: int = Field(500, ge=FEWEST, description="Ways whose speed is measured at a random place")
    walked: int = Field(100, ge=FEWEST, description="Ways that are walked in steps, looking for tears")
    epsilon: float = Field(1e-4, gt=0, le=0.1, description="Share of the way over which a speed is measured")
    shown: int = Field(6, ge=1, le=16, description="Steepest ways to show")


@dataclass(frozen=True)
class _Length:
    """The path length in one space, and what it has to be read against."""

    space: str
    title: str
    lengths: Tensor
    interval: Interval
    straight: float
    faded: float
    stopping: float

    @property
    def value(self) -> float:
        return float(self.lengths.mean())

    @property
    def ratio(self) -> float:
        """As a multiple of the shortest possible."""
        return self.value / self.straight


@dataclass
class _Once:
    """A function of latents that makes the same samples once when they are asked for twice in a row."""

    make: Callable[[Tensor], Tensor]
    latents: Tensor | None = None
    samples: Tensor = field(default_factory=lambda: torch.empty(0))

    def __call__(self, latents: Tensor) -> Tensor:
        if self.latents is None or not torch.equal(self.latents, latents):
            self.latents, self.samples = latents, self.make(latents)
        return self.samples


@probes.register("path-length", summary="Does it change smoothly as its latent moves?")
class PathLengthProbe(Probe):
    """Speeds at random places of ways between latents, and a search for jumps along them."""

    name: ClassVar[str] = "path-length"
    question: ClassVar[str] = "Does it change smoothly as its latent moves?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 50
    method: ClassVar[str] = (
        "The perceptual path length (Karras et al. 2019): the mean squared speed of the features at a random "
        "place of the way between two latents, spherical for Gaussian latents and straight otherwise, of one "
        "class where classes are asked for. Its scale is the features', so it is read as a multiple of the "
        "shortest possible: no way between two samples has a mean squared speed below their squared distance, "
        "that of a straight line at an even pace (Cauchy–Schwarz). A way over m unrelated samples has about "
        "(m + 1)² times that; fading one end into the other shows what the feature space adds by itself. "
        f"Random places miss tears. So ways are walked in {STEPS} steps, and the largest step is halved down to "
        f"1/{FINEST:,} of the way: it is torn when that bit still holds a jump of {TEAR:.0%} of the mean distance "
        "between two samples (so that at most one tear of a way is found). Stored samples, looked up by the "
        "nearest latent, show what tears look like; fading must show none, or the features themselves tear. "
        f"Judged in the first feature space. Good: no tear, and at most {(STOPS + 1) ** 2}× the shortest ({STOPS} "
        "unrelated samples on the way). "
        f"Bad: surely more than {OFTEN:.0%} of the ways are torn, or surely beyond {(MANY_STOPS + 1) ** 2}× "
        f"({MANY_STOPS} samples). Smooth is not good by itself: a blur is smooth."
    )
    self_check: ClassVar[str] = (
        "Fading between the same two samples must show no tear, or the features tear themselves and say "
        "nothing of the generator; stored samples show that real tears are found."
    )
    cost: ClassVar[str] = "About 4,000 samples of its own, on 500 ways of which 100 are walked; seconds."
    source: ClassVar[str] = "Karras et al. 2019 (arXiv 1812.04948); ours for the shortest way and the tears"
    Settings: ClassVar[type[ProbeSettings]] = PathLengthSettings

    def examine(self, subject: Subject, settings: PathLengthSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        ways = pair_up(bank, settings.paths)
        main = bank.spaces[0]
        if because := _no_way(bank, ways, main):
            return Finding.not_applicable(self.name, self.question, because)
        scale = _scale(ways, main)
        walks = _walk(bank, ways, main, min(settings.walked, len(ways)))
        if because := _astray(ways, walks["made"], main, scale):
            return Finding.not_applicable(self.name, self.question, because)
        torn = {who: walk.jump >= TEAR * scale for who, walk in walks.items()}
        refused, lengths = "", []
        try:
            lengths = _measure_lengths(bank, ways, settings, context.seed)
        except UserError as error:
            refused = f"there is no speed to measure: {error}"
        if refused and not torn["made"].any():
            return Finding.not_applicable(self.name, self.question, refused)
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        for length in lengths:
            _add_length(finding, length)
        _add_walks(finding, walks, torn, bank.title(main), context.seed)
        finding.figures = _figures(ways, walks, torn["made"], settings.shown)
        finding.arrays = {"steepest_place": walks["made"].place, "jump": walks["made"].jump / scale}
        if lengths:
            finding.arrays["lengths"] = lengths[0].lengths
        kind = "spherical" if ways.spherical else "straight"
        finding.method = (
            f"{self.described(settings)} Here: {len(ways)} {kind} ways, {len(torn['made'])} of them walked, a step of "
            f"{settings.epsilon:g}.{f' No path length: {refused}.' if refused else ''} "
            f"{bank.describe(*_spaces(bank))}"
        )
        _judge(finding, lengths, torn)
        return finding


def _no_way(bank: SampleBank, ways: Ways, space: str) -> str:
    """Why there is nothing to walk along, or ""."""
    if not ways.start.is_floating_point():
        return "its latents are whole numbers, and there is no way from one to the next"
    if len(ways) < FEWEST:
        return f"it needs at least {FEWEST} ways between samples, and {bank.size} samples make {len(ways)}"
    size = float(ways.end_features(space)[0].double().norm(dim=1).mean())
    if _scale(ways, space) <= SAME * size:
        return "its samples are all the same, so that nothing changes along any way"
    return ""


def _scale(ways: Ways, space: str) -> float:
    """The mean distance between two samples."""
    first, last = ways.end_features(space)
    return float((last.double() - first.double()).norm(dim=1).mean())


def _astray(ways: Ways, walk: Steepest, space: str, scale: float) -> str:
    """Why the ends that were walked from are not the samples they should be, or ""."""
    first = ways.end_features(space)[0][: len(walk.ends)]
    away = float((walk.ends.double() - first.double()).norm(dim=1).max()) / scale
    if away <= REPEATABLE:
        return ""
    return (
        f"the same latent gives another sample each time, {away:.0%} of the distance between two samples away; "
        "fix its noise"
    )


def _spaces(bank: SampleBank) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*bank.spaces, "raw")))


# ---- tears


def _walk(bank: SampleBank, ways: Ways, space: str, count: int) -> dict[str, Steepest]:
    """The generator's ways, the same ends faded into each other, and the nearest of the stored samples."""
    opened = bank.space(space)
    pool = min(STORED, bank.size)
    latents, features = bank.latents(pool).flatten(1).float(), bank.features(space, "fake", pool)

    def made(which: Tensor, places: Tensor) -> Tensor:
        return _extract(bank, opened, ways.samples(which, places))

    def faded(which: Tensor, places: Tensor) -> Tensor:
        start, end = ways.ends(which)
        share = places.float().view(-1, *[1] * (start.ndim - 1))
        return _extract(bank, opened, start * (1 - share) + end * share)

    def looked_up(which: Tensor, places: Tensor) -> Tensor:
        latent = between(ways.start[which], ways.end[which], places, spherical=ways.spherical)
        return features[nearest_neighbours(latent.flatten(1).float(), latents).indices[:, 0]]

    found: dict[str, Way] = {"made": made, FADED: faded, LOOKED_UP: looked_up}
    return {who: find_steepest(way, count) for who, way in found.items()}


def _extract(bank: SampleBank, space: FeatureSpace, samples: Tensor) -> Tensor:
    with torch.no_grad():
        parts = [space.extract(part.to(bank.device)).flatten(1).float().cpu() for part in samples.split(256)]
    return torch.cat(parts)


# ---- speed


def _measure_lengths(bank: SampleBank, ways: Ways, settings: PathLengthSettings, seed: int) -> list[_Length]:
    """Every space's path length, from the same samples.

    Raises:
        UserError: the samples don't move smoothly.
    """
    spaces = {name: bank.space(name) for name in _spaces(bank)}
    made: dict[str, list[Tensor]] = {name: [] for name in spaces}
    faded: dict[str, list[Tensor]] = {name: [] for name in spaces}
    for number, part in enumerate(torch.arange(len(ways)).split(PATHS_AT_ONCE)):
        synthesize = _Once(_synthesize(ways, part))
        start, end = ways.ends(part)

        def length(
            make: Callable[[Tensor], Tensor],
            ends: tuple[Tensor, Tensor],
            space: FeatureSpace,
            spherical: bool,
        ) -> Tensor:
            return perceptual_path_length(
                make,
                *ends,
                lambda a, b: (_extract(bank, space, a) - _extract(bank, space, b)).double().norm(dim=1),
                rng=torch_generator(seed, "path-length", number),  # noqa: B023
                epsilon=settings.epsilon,
                interpolation="spherical" if spherical else "linear",
                batch_size=PATHS_AT_ONCE,
            ).lengths

        for name, space in spaces.items():
            latents = ways.start[part], ways.end[part]
            made[name].append(length(synthesize, latents, space, ways.spherical))
            as_latents = start.flatten(1), end.flatten(1)
            faded[name].append(length(_as_samples(start), as_latents, space, False))
    found = []
    for name in spaces:
        lengths = torch.cat(made[name])
        first, last = ways.end_features(name)
        rng = torch_generator(seed, "path-length", "interval", name)
        found.append(
            _Length(
                name,
                bank.title(name),
                lengths,
                bootstrap_interval(lengths, rng=rng),
                straight=_squared(first, last),
                faded=float(torch.cat(faded[name]).mean()),
                stopping=_stopping(first, last),
            )
        )
    return found


def _synthesize(ways: Ways, part: Tensor) -> Callable[[Tensor], Tensor]:
    """Makes samples of latents that come as several batches of one for each way of `part`."""
    labels = None if ways.labels is None else ways.labels[part]
    return lambda rows: ways.bank.synthesize(
        rows, None if labels is None else labels.repeat(len(rows) // len(part))
    )


def _as_samples(like: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda rows: rows.view(-1, *like.shape[1:])


def _squared(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).square().sum(dim=1).mean())


def _stopping(first: Tensor, last: Tensor) -> float:
    """The mean squared speed of ways that go over `STOPS` other samples, in equal times."""
    places = [first, *(first.roll(1 + stop, dims=0) for stop in range(STOPS)), last]
    legs = [_squared(a, b) for a, b in pairwise(places)]
    return len(legs) * sum(legs)


# ---- what is said


def _add_length(finding: Finding, length: _Length) -> None:
    finding.measurements.append(
        Estimate(length.value, length.interval).measurement(
            f"Path length, {length.title}",
            better="lower",
            baseline=length.straight,
            what="the shortest possible: straight between the same ends",
            controls={FADED: length.faded, f"over {STOPS} other samples on the way": length.stopping},
        )
    )


def _add_walks(
    finding: Finding, walks: dict[str, Steepest], torn: dict[str, Tensor], title: str, seed: int
) -> None:
    largest, jumps = walks["made"].largest, torn["made"]
    finding.measurements.append(
        Estimate(
            float(largest.mean()),
            bootstrap_interval(largest, rng=torch_generator(seed, "path-length", "interval", "steps")),
        ).measurement(
            f"Largest of {STEPS} steps, {title}",
            better="lower",
            baseline=float(walks[FADED].largest.mean()),
            what=FADED,
            unit="of the way",
            controls={LOOKED_UP: float(walks[LOOKED_UP].largest.mean())},
        )
    )
    finding.measurements.append(
        Estimate(float(jumps.double().mean()), binomial_interval(int(jumps.sum()), len(jumps))).measurement(
            f"Torn ways, {title}",
            better="lower",
            baseline=float(torn[FADED].double().mean()),
            what=FADED,
            unit="share",
            controls={LOOKED_UP: float(torn[LOOKED_UP].double().mean())},
        )
    )


def _figures(ways: Ways, walks: dict[str, Steepest], torn: Tensor, shown: int) -> list[Figure]:
    made, modality = walks["made"], ways.bank.modality
    worst = made.jump.argsort(descending=True, stable=True)[:shown]
    places = torch.linspace(0, 1, SHOWN_STEPS, dtype=torch.float64)
    strips = ways.samples(worst.repeat_interleave(SHOWN_STEPS), places.repeat(len(worst)))
    where = ", ".join(f"{place:.0%}" for place in made.place[worst].tolist())
    figures: list[Figure] = [
        modality.shown_walks(
            strips.unflatten(0, (len(worst), SHOWN_STEPS)),
            f"The {len(worst)} steepest of {len(torn)} ways, each from one sample to another. They change most at "
            f"{where} of the way. A tear shows as one sample that turns into quite another in a single step.",
        )
    ]
    if torn.any():
        worst = worst[: int(torn.sum())]
        before, after = (ways.samples(worst, made.place[worst] + step).clone() for step in (0.0, 1 / FINEST))
        figures.append(
            modality.shown_pairs(
                before,
                after,
                f"The tears: the sample just before (above, or “first”) and just after (below, or “second”), "
                f"1/{FINEST:,} of the way apart, and where they differ.",
                difference=True,
            )
        )
    groups = [
        ("generated", GENERATED, (100 * made.largest).tolist()),
        (FADED, SERIES[2], (100 * walks[FADED].largest).tolist()),
        (LOOKED_UP, SERIES[3], (100 * walks[LOOKED_UP].largest).tolist()),
    ]
    figures.append(
        histogram_lines(
            groups,
            bins=30,
            x_title=f"largest of {STEPS} steps (% of the way)",
            y_title="ways (%)",
            caption=(
                f"How evenly it goes: {100 / STEPS:.1f} % is an even pace, 100 % a way that is one jump."
            ),
        )
    )
    return figures


def _judge(finding: Finding, lengths: list[_Length], torn: dict[str, Tensor]) -> None:
    count, walked = int(torn["made"].sum()), len(torn["made"])
    if torn[FADED].any():
        finding.verdict = Verdict.NOT_BELIEVABLE
        finding.headline = (
            "Don't rely on this: the features themselves jump while one sample fades into another, on "
            f"{int(torn[FADED].sum())} of {walked} ways."
        )
        return
    if count:
        often = binomial_interval(count, walked).low > OFTEN
        finding.verdict = Verdict.BAD if often else Verdict.CAUTION
        said = "ways it jumps from one sample to another at once"
        finding.headline = f"Its latent space is torn: on {count} of {walked} {said}."
        return
    main = lengths[0]
    surely = main.interval.low / main.straight
    read = (
        f"its path length is {main.ratio:.1f}× the shortest possible ({main.title}; a way over {STOPS} unrelated "
        f"samples has {main.stopping / main.straight:.1f}×)"
    )
    if main.ratio <= (STOPS + 1) ** 2:
        finding.headline = f"It changes smoothly as its latent moves: no tear on {walked} ways, and {read}."
    elif surely > (MANY_STOPS + 1) ** 2:
        finding.verdict = Verdict.BAD
        finding.headline = f"It changes wildly as its latent moves: no tear on {walked} ways, but {read}."
    else:
        finding.verdict = Verdict.CAUTION
        finding.headline = f"It wanders as its latent moves: no tear on {walked} ways, but {read}."
