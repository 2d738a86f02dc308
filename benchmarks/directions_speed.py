"""SeFa and principal components at 512 dimensions against the same algebra by the libraries alone, A B A B.

    python benchmarks/directions_speed.py

A mapping network of two layers takes z to w, both of 512 numbers, and a synthesis network draws from w; nothing is
trained, for what takes time is the algebra. A is what the probe `directions` calls, from the subject to unit
directions of its space: SeFa in w, the principal components of w, and those of the synthesis's first layer with
points of w regressed on them. B is given the same weights and the same latents and does the same with numpy's
singular values and scikit-learn's PCA. Required: SeFa and each PCA in under 5 s. The ratio says what the rest costs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from machine import write_record
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from ganlens import Subject
from ganlens.explain.directions.direction_set import DirectionSet, LeftOut
from ganlens.explain.directions.principal import SAMPLES, ganspace
from ganlens.explain.directions.sefa import sefa
from ganlens.explain.directions.walk import Walk
from ganlens.subject import SampleBank

GOAL = 5.0
SIDE = 16


class Styled(nn.Module):
    """Latents [n, width] through a mapping to w [n, width], and from there to pictures [n, 1, 16, 16]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.latent_shape = (width,)
        self.map = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, width))
        self.first = nn.Linear(width, width)
        self.draw = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(width, SIDE * SIDE), nn.Tanh())

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, *self.latent_shape, generator=rng)

    def mapping(self, latent: Tensor) -> Tensor:
        return self.map(latent)  # type: ignore[no-any-return]

    def synthesis(self, w: Tensor) -> Tensor:
        return self.draw(self.first(w)).unflatten(1, (1, SIDE, SIDE))  # type: ignore[no-any-return]

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.synthesis(self.mapping(latent))

    def forward(self, latent: Tensor) -> Tensor:
        return self.synthesize(latent)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--components", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=8, help="how often A and B take turns")
    parser.add_argument("--dry", action="store_true", help="record nothing")
    args = parser.parse_args()
    torch.manual_seed(0)
    generator = Styled(args.width).eval()
    subject = Subject.wrap(generator, range=(-1.0, 1.0))
    walk = Walk.through(subject, SampleBank(subject, samples=10_000), "w")
    results = {
        name: compare(name, ours, alone, args.rounds)
        for name, (ours, alone) in cases(walk, generator, args.components).items()
    }
    if not args.dry:
        record = {
            "width": args.width,
            "components": args.components,
            "samples": SAMPLES,
            "threads": torch.get_num_threads(),
            "goal": GOAL,
            **results,
        }
        print(write_record("directions_speed", record))


def cases(
    walk: Walk, generator: Styled, k: int
) -> dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]]:
    """By name: what the probe calls, and the libraries' own; both give unit directions [k, width]."""
    # The latents that the probe draws by itself: fixed by the bank's seed, so that both see the same.
    latents = walk.bank.sample_latents(SAMPLES, "directions", "ganspace", 0)
    deviation = walk.scale.deviation.numpy()

    def unit(rows: np.ndarray) -> Tensor:
        return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    def weights() -> Tensor:
        rows = generator.first.weight.detach().double().numpy()
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit(np.linalg.svd(rows)[2][:k] / deviation)

    @torch.no_grad()
    def of_w() -> Tensor:
        points = generator.mapping(latents).double().numpy()
        return unit(PCA(k).fit(points).components_ / deviation)

    @torch.no_grad()
    def of_layer() -> Tensor:
        points = generator.mapping(latents)
        coordinates = PCA(k).fit_transform(generator.first(points).double().numpy())
        return unit(Ridge(1.0).fit(coordinates, walk.scale.rows(points).numpy()).coef_.T)

    return {
        "sefa": (lambda: units(sefa(walk, k)), weights),
        "principal components of w": (lambda: units(ganspace(walk, k, "auto", 0)), of_w),
        "principal components of a layer": (lambda: units(ganspace(walk, k, "first", 0)), of_layer),
    }


def units(found: DirectionSet | LeftOut) -> Tensor:
    """The directions, for a method that had to be able to answer."""
    if isinstance(found, LeftOut):
        raise SystemExit(f"{found.title} was left out: {found.because}")
    return found.unit


def compare(
    name: str, ours: Callable[[], Tensor], alone: Callable[[], Tensor], rounds: int
) -> dict[str, object]:
    """Wall-clock and processor seconds of both, in turns, and how alike their first ten directions are."""
    alike = (ours()[:10] * alone()[:10]).sum(dim=1).abs()
    wall: dict[str, list[float]] = {"libraries": [], "ganlens": []}
    processor: dict[str, list[float]] = {"libraries": [], "ganlens": []}
    for _ in range(rounds):
        for who, work in (("libraries", alone), ("ganlens", ours)):
            began, used = time.perf_counter(), time.process_time()
            work()
            wall[who].append(time.perf_counter() - began)
            processor[who].append(time.process_time() - used)
    ratios = [a / b for a, b in zip(wall["ganlens"], wall["libraries"], strict=True)]
    slowest, state = max(wall["ganlens"]), "passed" if max(wall["ganlens"]) < GOAL else "failed"
    print(
        f"{name}: {median(wall['ganlens']):.2f} s (slowest {slowest:.2f}, goal under {GOAL:g}: {state}), the "
        f"libraries alone {median(wall['libraries']):.2f} s, ratio {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}); the first ten directions agree: cosine ≥ {float(alike.min()):.4f}"
    )
    return {
        "seconds": wall,
        "processor_seconds": processor,
        "ratio_of_each_round": ratios,
        "ratio": median(ratios),
        "smallest_cosine_of_the_first_ten": float(alike.min()),
        "goal": state,
    }


if __name__ == "__main__":
    main()
