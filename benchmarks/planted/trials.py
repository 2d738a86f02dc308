"""Every explanation asked about the world that it should see through, and its answer compared with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from ganlens.data.sprites import FACTORS, SHAPES
from ganlens.explain.code.interventions import LatentScale
from ganlens.explain.directions.methods import TITLES
from ganlens.explain.dissection.concepts import concepts_for
from planted.attributions import attributions
from planted.faults import NEVER_MADE, OVER_MADE, SHORTCUT_CLASS
from planted.generators import LATENT, MARK_UNIT, mark_map
from planted.recovery import cosines, mass_inside, named, rank_correlation, rank_correlations, recovery
from planted.rows import Row
from planted.worlds import Planted

FAULTS = {
    "never made": (NEVER_MADE, rf"(never|miss|lack|can't|cannot)[^;]*\b{NEVER_MADE}s?\b"),
    "over-made": (OVER_MADE, rf"(too often|over-made|too many)[^;]*\b{OVER_MADE}s?\b"),
}
"""The shape that each world's fault is about, and what an answer must say to have named it."""

SHORTCUT = SHAPES.index(SHORTCUT_CLASS)

Trial = Callable[[Planted, int], Iterator[Row]]


def directions(world: Planted, seed: int) -> Iterator[Row]:
    """Every method of the probe `directions`: how near are its directions to the factors' own?"""
    finding = world.ask("directions", methods=list(TITLES))
    generator = world.generator
    linear = generator.bent_by is None
    for name, found in finding.arrays.items():
        if not name.startswith("directions_"):
            continue
        method = name.removeprefix("directions_")
        scores = (
            cosines(found, generator.directions)
            if linear
            else rank_correlations(found, lambda latents: generator.truth(latents).scores)
        )
        truth = recovery(scores)
        own = finding.arrays.get(f"self_score_{method}")
        yield Row.of(
            finding,
            "directions",
            world.name,
            method,
            seed,
            recovered=truth.recall,
            measure="|cos| with the true directions" if linear else "|rank correlation| along walks",
            detail={
                "factors found": truth.found,
                "of": len(FACTORS),
                "directions": len(found),
                "each": dict(zip(FACTORS, truth.each, strict=True)),
                "purity": truth.purity,
                "self": [] if own is None else own.tolist(),
            },
            purity=sum(truth.purity) / max(len(truth.purity), 1),
            self_score=None if own is None else float(own.double().mean()),
        )


def shares(probe: str) -> Trial:
    """A trial of a probe that should name the shape that is never made, or made too often, as such."""

    def trial(world: Planted, seed: int) -> Iterator[Row]:
        finding = world.ask(probe)
        shape, said = FAULTS[world.name]
        where = named(finding, said)
        yield Row.of(
            finding,
            "faults",
            world.name,
            probe,
            seed,
            recovered=float(bool(where)),
            measure=f"{shape} named as {world.name}",
            detail={},
            named=where,
        )

    return trial


def inversion(world: Planted, seed: int) -> Iterator[Row]:
    """Are pictures of the shape that is never made redrawn worse than the others, and is it named?"""
    finding = world.ask("inversion")
    where = named(finding, FAULTS[world.name][1])
    errors = finding.arrays["held_out_errors"]
    labels = world.bank.real_labels("held_out", len(errors))
    assert labels is not None
    yield Row.of(
        finding,
        "faults",
        world.name,
        "inversion",
        seed,
        recovered=float(roc_auc_score((labels == SHAPES.index(NEVER_MADE)).numpy(), errors.numpy())),
        measure=f"AUC of the error for telling {NEVER_MADE}s",
        detail={},
        named=where,
    )


def units(world: Planted, seed: int) -> Iterator[Row]:
    """Is the unit that draws the mark first by its effect on it, and named?

    Asked twice: as anyone would ask (when it counts as naming it to say where it draws, or that samples are better
    without it), and by a user who has a word for the mark.
    """
    for title, settings, word in (
        ("units", {}, "top left|upper left|nearer to real"),
        ("units, asked for the mark", {"concepts": "python:planted.faults:mark_concept"}, "mark"),
    ):
        finding = world.ask("units", **settings)
        where = named(finding, rf"\bunit {MARK_UNIT}\b", r"\b(paint|bend)\b", word)
        effects = {
            name.removeprefix("effect_"): values
            for name, values in finding.arrays.items()
            if name.startswith("effect_")
        }
        layer = next((name for name in ("bend", "paint") if name in effects), None)
        first, own = False, None
        if layer is not None:
            first = bool((effects[layer].abs().argmax(dim=0) == MARK_UNIT).any())
            scores = finding.arrays.get(f"self_score_{layer}")
            own = None if scores is None else float(scores[MARK_UNIT])
        yield Row.of(
            finding,
            "units",
            world.name,
            title,
            seed,
            recovered=float(first),
            measure=f"unit {MARK_UNIT} is first of its layer by its effect on some concept",
            detail={"layers": sorted(effects)},
            self_score=own,
            named=where,
        )


def classifier(world: Planted, seed: int) -> Iterator[Row]:
    """Is the patch that decides where the classifier's dependence exceeds the labeller's most, and is it named?

    What covering a patch does by itself is no shortcut: a white patch beside a shape confuses who reads shapes, too.
    Whether the largest effect as it stands lies in the patch is noted beside it.
    """
    finding = world.ask("classifier")
    where = named(finding, r"(lower|bottom)[ -]right")
    patch = mark_map(world.generator.world)[0, 0]
    effect = finding.arrays["patch_effect"].float()
    beyond = effect - finding.arrays.get("patch_effect_jury", torch.zeros_like(effect)).float()

    def peak_inside(found: Tensor) -> bool:
        return bool(found[patch > 0].max() >= found.max() - 1e-6)

    yield Row.of(
        finding,
        "classifier",
        world.name,
        "classifier",
        seed,
        recovered=float(peak_inside(beyond)),
        measure="the largest effect beyond the labeller's lies in the patch",
        detail={"largest effect as it stands lies in the patch": peak_inside(effect)},
        named=where,
    )


def counterfactuals(world: Planted, seed: int) -> Iterator[Row]:
    """Do the nearest pictures across the shortcut's border differ in the patch, and is it named?"""
    finding = world.ask("counterfactuals", target=SHORTCUT_CLASS)
    where = named(finding, r"(lower|bottom)[ -]right|\bmark\b")
    arrays = finding.arrays
    found = arrays["found"].reshape(len(arrays["found"]), -1)[:, 0]
    scale = LatentScale.of(world.bank.latents())
    starts = arrays["starts"].double() * scale.deviation + scale.mean
    with torch.no_grad():
        before = world.generator(starts.float())
    across = (arrays["sources"] == SHORTCUT) != (arrays["targets"] == SHORTCUT)
    # The answers lie so close behind the border that only the probe's own pictures of them are on its far side.
    changed = (arrays["samples"].reshape(before.shape) - before)[:, 0][found & across].square()
    patch = mark_map(world.generator.world)[0, 0]
    own = arrays.get("self_score_latent")
    yield Row.of(
        finding,
        "counterfactuals",
        world.name,
        f"counterfactuals, to {SHORTCUT_CLASS}",
        seed,
        recovered=float(mass_inside(changed, patch).mean()) if len(changed) else 0.0,
        measure=f"share of the squared change in the patch ({float(patch.mean()):.1%} of the picture)",
        detail={"answers": int((found & across).sum()), "asked": int(across.sum())},
        self_score=None if own is None else float(own.double().mean()),
        named=where,
    )


def latent_attribution(world: Planted, seed: int) -> Iterator[Row]:
    """Do the indices of the latent's coordinates follow their true weight in each continuous factor?

    Where each factor has a coordinate of its own, that must come first. In the rotated world the weights are spread
    over all coordinates, and none deserves a claim.
    """
    finding = world.ask("latent-attribution")
    names = ("the whole sample", *concepts_for(world.bank, "auto").names)
    total, true = finding.arrays["total"], world.generator.directions.square()
    aligned = world.generator.world.aligned
    each = {}
    for place, factor in enumerate(FACTORS):
        if factor in names and total.shape == (LATENT, len(names)):
            found = total[:, names.index(factor)]
            pair = rank_correlation(found.tolist(), true[place].tolist())
            first = float(found.argmax() == true[place].argmax())
            each[factor] = first if aligned else pair.rho if pair is not None else 0.0
    what = "factors whose own coordinate comes first" if aligned else "rank correlation with the true weights"
    yield Row.of(
        finding,
        "latent",
        world.name,
        "latent-attribution",
        seed,
        recovered=sum(each.values()) / len(each) if each else None,
        measure=f"{what}, mean of {len(each)}",
        detail={"each": each},
    )


def concepts(world: Planted, seed: int) -> Iterator[Row]:
    """Asked about the patch, does it say that the classifier uses it?"""
    finding = world.ask("concepts", concept="python:planted.faults:patch_concept")
    where = named(finding, r"in the classifier[^;]*patch")
    yield Row.of(
        finding,
        "concepts",
        world.name,
        "concepts, asked for the patch",
        seed,
        recovered=float(bool(where)),
        measure="the patch is said to move the classifier",
        detail={},
        named=where,
    )


@dataclass(frozen=True)
class Planned:
    """A probe, the worlds it is asked about, and how its answer is compared with the truth."""

    family: str
    probe: str
    worlds: tuple[str, ...]
    ask: Trial


TRIALS = (
    Planned("directions", "directions", ("linear", "equal scales", "warped"), directions),
    Planned("latent", "latent-attribution", ("aligned", "linear"), latent_attribution),
    Planned("faults", "cannot-generate", ("never made", "over-made"), shares("cannot-generate")),
    Planned("faults", "missed", ("never made", "over-made"), shares("missed")),
    Planned("faults", "inversion", ("never made",), inversion),
    Planned("units", "units", ("marked",), units),
    Planned("discriminator", "discriminator", ("marked", "two places", "texture"), attributions),
    Planned("classifier", "classifier", ("shortcut",), classifier),
    Planned("counterfactuals", "counterfactuals", ("shortcut",), counterfactuals),
    Planned("concepts", "concepts", ("shortcut",), concepts),
)
