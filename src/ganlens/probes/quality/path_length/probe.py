"""Whether samples change smoothly as the latent moves: how far a way wanders, and whether it tears."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.paths.kinds import TornKinds, away_from_other_classes, torn_kinds
from ganlens.explain.paths.latent_paths import Ways, pair_up
from ganlens.explain.paths.lengths import PathLength, measure_lengths, spaces_of
from ganlens.explain.paths.tears import FINEST, STEPS, Steepest
from ganlens.explain.paths.walks import FADED, GENERATED, LOOKED_UP, walk
from ganlens.finding import Finding
from ganlens.instruments.labeller import Labeller, is_skilled
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, bootstrap_interval
from ganlens.probes.probe import Probe, probes
from ganlens.probes.quality.path_length.conclusion import FEWEST, RULES, Evidence, PathLengthSettings
from ganlens.probes.quality.path_length.figures import path_figures
from ganlens.probes.repetition import without_repetition
from ganlens.randomness import torch_generator
from ganlens.subject import Context, SampleBank, Subject

SAME = 1e-6
"""Samples no further apart than this share of their own size are all one, but for rounding."""
REPEATABLE = 0.01
"""How far apart, as a share of the distance between two samples, the samples of one latent may be."""


@probes.register("path-length", summary="Does it change smoothly as its latent moves?")
class PathLengthProbe(Probe):
    """Speeds at random places of ways between latents, and a search for jumps along them."""

    name: ClassVar[str] = "path-length"
    question: ClassVar[str] = "Does it change smoothly as its latent moves?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 50
    method: ClassVar[str] = (
        "The perceptual path length (Karras et al.): the mean squared speed of the features at a random "
        "place of the way between two latents, spherical for Gaussian latents and straight otherwise, of one "
        "class where classes are asked for. Its scale is the features', so it is read as a multiple of the "
        "shortest possible: no way between two samples has a mean squared speed below their squared distance, "
        "that of a straight line at an even pace (Cauchy–Schwarz). A way over unrelated samples in m legs has "
        "about m² times that; fading one end into the other shows what the feature space adds by itself. "
        "Random places miss tears. So ways are walked in steps, and the largest step is halved again and again: "
        "a way is torn when the tiny bit that is left still holds a jump of {tear:.0%} of the mean distance "
        "between two samples (so that at most one tear of a way is found). Stored samples, looked up by the "
        "nearest latent, show what tears look like; fading must show none, or the features themselves tear. "
        "Judged in the first feature space that sees planted damage of real samples. Where data are of separate "
        "classes, a faithful generator can't but jump from one to another; so a tear counts where the labeller, whose "
        "errors are allowed for, names one class on both its sides; and a length counts by the places that have no "
        "other class near, where it may be quick. Bad: surely more than {often:.0%} of the ways are "
        "torn within a class, or nothing changes at surely more than {still:.0%} of the places, or the path length is "
        "surely beyond the squared legs of a way over {many_stops} unrelated samples. Caution: tears within a class, "
        "or where no classes are known, or a length surely beyond that over {stops} samples. Smooth is not good by "
        "itself: a blur is smooth."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "Fading between the same two samples must show no tear, or the features tear themselves and say "
        "nothing of the generator; stored samples show that real tears are found."
    )
    cost: ClassVar[str] = "About 4,000 samples of its own, on 500 ways of which 100 are walked; seconds."
    source: ClassVar[str] = "Karras et al. 2019 (arXiv 1812.04948); ours for the shortest way and the tears"
    Settings: ClassVar[type[PathLengthSettings]] = PathLengthSettings

    def examine(self, subject: Subject, settings: PathLengthSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(because)
        bank = context.bank
        ways = pair_up(bank, settings.paths)
        main = bank.judging[0]
        if because := _no_way(bank, ways, main):
            return Finding.not_applicable(because)
        scale = _scale(ways, main)
        walks = walk(bank, ways, main, min(settings.walked, len(ways)))
        generated = walks[GENERATED]
        if because := _astray(ways, generated, main, scale):
            return Finding.not_applicable(because)
        torn = {title: steepest.jump >= settings.tear * scale for title, steepest in walks.items()}
        refused, lengths = "", []
        try:
            lengths = measure_lengths(
                bank, ways, epsilon=settings.epsilon, stops=settings.stops, seed=context.seed
            )
        except UserError as error:
            refused = f"there is no speed to measure: {error}"
        if refused and not torn[GENERATED].any():
            return Finding.not_applicable(refused)
        evidence = Evidence(
            settings,
            walked=len(torn[GENERATED]),
            torn=int(torn[GENERATED].sum()),
            faded_torn=int(torn[FADED].sum()),
            kinds=_kinds(bank, ways, generated, torn[GENERATED], settings.naming_skill),
            length=next((length for length in lengths if length.space == main), None),
        )
        if evidence.hurries:
            evidence = replace(evidence, away=_away(bank, ways, evidence.length, settings.naming_skill))
        arrays = {"steepest_place": generated.place, "jump": generated.jump / scale}
        if lengths:
            arrays["lengths"] = next(length.lengths for length in lengths if length.space == main)
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[
                *(_length(length, settings.stops) for length in lengths),
                _largest_step(walks, bank.title(main), context.seed),
                _torn_share(torn, bank.title(main)),
            ],
            figures=path_figures(ways, walks, torn[GENERATED], settings.shown),
            arrays=arrays,
            method=_method(self.described(settings), ways, evidence, refused, bank),
        )


def _method(described: str, ways: Ways, evidence: Evidence, refused: str, bank: SampleBank) -> str:
    shape = "spherical" if ways.spherical else "straight"
    return (
        f"{described} Here: {len(ways)} {shape} ways, {evidence.walked} of them walked in {STEPS} steps, of which the "
        f"largest is halved down to 1/{FINEST:,} of the way; speeds over a step of {evidence.settings.epsilon:g}."
        f"{f' No path length: {refused}.' if refused else ''} {bank.describe(*spaces_of(bank))}"
    )


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


def _kinds(bank: SampleBank, ways: Ways, steepest: Steepest, torn: Tensor, skill: float) -> TornKinds | None:
    """Which tears lie between classes; None where there are none, or no labeller that can be relied on."""
    labeller = _namer(bank, skill) if torn.any() else None
    return None if labeller is None else torn_kinds(ways, steepest, torn, labeller)


def _away(bank: SampleBank, ways: Ways, length: PathLength | None, skill: float) -> Tensor | None:
    """Which of the measured places have no other class near; None without a labeller that can be relied on."""
    labeller = _namer(bank, skill)
    if length is None or labeller is None:
        return None
    return away_from_other_classes(ways, length.places, labeller)


def _namer(bank: SampleBank, skill: float) -> Labeller | None:
    """The labeller, where it can be relied on to name classes."""
    labeller = bank.labeller
    return labeller if labeller is not None and is_skilled(labeller, skill) else None


def _scale(ways: Ways, space: str) -> float:
    """The mean distance between two samples."""
    first, last = ways.end_features(space)
    return float((last.double() - first.double()).norm(dim=1).mean())


def _astray(ways: Ways, walked: Steepest, space: str, scale: float) -> str:
    """Why the ends that were walked from are not the samples they should be, or ""."""
    first = ways.end_features(space)[0][: len(walked.ends)]
    away = float((walked.ends.double() - first.double()).norm(dim=1).max()) / scale
    if away <= REPEATABLE:
        return ""
    return (
        f"the same latent gives another sample each time, {away:.0%} of the distance between two samples away; "
        "fix its noise"
    )


def _length(length: PathLength, stops: int) -> Measurement:
    return Estimate(length.value, length.interval).measurement(
        f"Path length, {length.title}",
        better="lower",
        baseline=length.straight,
        what="the shortest possible: straight between the same ends",
        controls={FADED: length.faded, f"over {stops} other samples on the way": length.stopping},
    )


def _largest_step(walks: dict[str, Steepest], title: str, seed: int) -> Measurement:
    largest = walks[GENERATED].largest
    return Estimate(
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


def _torn_share(torn: dict[str, Tensor], title: str) -> Measurement:
    jumps = torn[GENERATED]
    return Estimate(
        float(jumps.double().mean()), binomial_interval(int(jumps.sum()), len(jumps))
    ).measurement(
        f"Torn ways, {title}",
        better="lower",
        baseline=float(torn[FADED].double().mean()),
        what=FADED,
        unit="share",
        controls={LOOKED_UP: float(torn[LOOKED_UP].double().mean())},
    )
