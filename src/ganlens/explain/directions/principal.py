"""Directions of largest variation: of a space or a layer (GANSpace), and of the samples (mean JᵀJ)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from ganlens.explain.directions.direction_set import DirectionSet, LeftOut
from ganlens.explain.directions.walk import Walk, unit_rows
from ganlens.measures import fit_ridge
from ganlens.subject.hooks import layer_named, output_of

SAMPLES = 2000
"""Points for GANSpace; the authors take 300,000 for spaces of 512 numbers and 80 components."""

STEP = 0.25
"""Half-width of the differences that stand for the Jacobian, in standard deviations."""

MADE_FOR_JACOBIAN = 4096
FEWEST_PLACES, MOST_PLACES = 4, 64
WIDEST = 1024
"""Numbers in a point beyond which the mean JᵀJ, two samples a number and place, is left out."""

UNIMPORTANT = 1e-8
"""A component with less than this share of the first one's variance is no direction."""


def ganspace(walk: Walk, k: int, layer: str, seed: int) -> DirectionSet | LeftOut:
    """Principal components of the space itself (w), or of an early layer, with the latents regressed on them.

    Args:
        layer: name of a layer, or "auto": w itself where that is the space, else the first layer.
        seed: another one takes other points.

    Source: Härkönen et al. 2020, GANSpace (arXiv 2004.02546).
    """
    if walk.space.name != "z" and layer == "auto":
        points = walk.points(_latents(walk, seed), walk.bank.conditions(SAMPLES)).flatten(1).double()
        spread, vectors = torch.linalg.eigh(torch.cov(points.T, correction=0))
        count = min(k, int((spread > UNIMPORTANT * spread.max()).sum()))
        steps = vectors.flip(1)[:, :count].T
        return DirectionSet(
            "ganspace",
            "GANSpace",
            walk.space.name,
            walk.unit(steps),
            f"principal components of {walk.space.name}",
        )
    if not walk.subject.layers:
        return LeftOut("ganspace", "GANSpace", "this generator's layers can't be reached")
    name = walk.subject.layers[0] if layer == "auto" else layer
    module = walk.subject.generator.module
    assert module is not None  # it has layers
    layer_named(module, name)
    latents, labels = _latents(walk, seed), walk.bank.conditions(SAMPLES)
    points = walk.points(latents, labels)
    coordinates = _layer_coordinates(walk, points, labels, name, k)
    if coordinates.shape[1] == 0:
        return LeftOut("ganspace", "GANSpace", f"nothing varies in the layer {name}")
    unit = unit_rows(fit_ridge(coordinates, walk.scale.rows(points)).weight)
    how = f"latents regressed on the principal components of the layer {name}, {len(points):,} samples"
    return DirectionSet("ganspace", "GANSpace", walk.space.name, unit, how)


def jacobian(walk: Walk, k: int, seed: int) -> DirectionSet | LeftOut:
    """Eigenvectors of the mean of JᵀJ, J the change of the sample for each number of the point.

    The directions that change samples most on average. Differences stand for derivatives, so that a black
    box has them as well.

    Source: Ramesh et al. 2018 (arXiv 1812.01161); Wang & Ponce 2021 (arXiv 2101.06006), whose metric it is.
    """
    if walk.size > WIDEST:
        because = f"the space has {walk.size:,} numbers, and differences in each of them would take too long"
        return LeftOut("jacobian", "Jacobian", because)
    places = min(max(MADE_FOR_JACOBIAN // (2 * walk.size), FEWEST_PLACES), MOST_PLACES)
    latents = walk.bank.sample_latents(places, "directions", "jacobian", seed)
    labels = walk.bank.conditions(places)
    points = walk.points(latents, labels)
    steps = STEP * torch.diag(walk.scale.deviation).to(points.dtype).reshape(-1, *points.shape[1:])
    total = torch.zeros(walk.size, walk.size, dtype=torch.float64)
    for row in range(len(points)):
        label = None if labels is None else labels[row : row + 1].expand(walk.size)
        ahead, behind = (walk.samples(points[row] + side * steps, label) for side in (1, -1))
        change = ((ahead - behind) / (2 * STEP)).flatten(1).double()
        total += change @ change.T
    _, vectors = torch.linalg.eigh(total)
    how = f"eigenvectors of the mean JᵀJ by differences at {len(points)} points"
    return DirectionSet("jacobian", "Jacobian", walk.space.name, vectors.flip(1)[:, :k].T.contiguous(), how)


def _latents(walk: Walk, seed: int) -> Tensor:
    return walk.bank.sample_latents(min(SAMPLES, walk.bank.size), "directions", "ganspace", seed)


def _layer_coordinates(walk: Walk, points: Tensor, labels: Tensor | None, name: str, k: int) -> Tensor:
    """Coordinates [n, ≤ k] of a layer along its principal components: two passes, a chunk at a time."""
    from sklearn.decomposition import IncrementalPCA

    def activations() -> Iterator[Tensor]:
        module = walk.subject.generator.module
        assert module is not None
        batch = max(walk.bank.batch, k)
        for start in range(0, len(points), batch):
            part = slice(start, start + batch)
            given = points[part], None if labels is None else labels[part]
            with torch.no_grad():
                output = output_of(module, name, partial(walk.space.synthesize, *given))
            yield output.detach().float().cpu().flatten(1)

    fitted: IncrementalPCA | None = None
    for chunk in activations():
        if fitted is None:
            fitted = IncrementalPCA(n_components=min(k, chunk.shape[1], len(chunk)))
        if len(chunk) >= fitted.n_components:
            fitted.partial_fit(chunk.numpy())
    assert fitted is not None
    components = torch.cat([torch.from_numpy(fitted.transform(chunk.numpy())) for chunk in activations()])
    spread = torch.from_numpy(fitted.explained_variance_)
    return components.double()[:, spread > UNIMPORTANT * max(float(spread.max()), 1e-12)]
