"""Latent search for counterfactuals, all samples at once against one after the other.

    python benchmarks/counterfactual_speed.py runs/mnist

The classifier is the run's own labeller, the samples are generated (so that nothing is spent on inverting), the target
is each one's second choice. Measured in alternation: the search over all samples in one call; the same search in
one call for each sample; on some of the samples the search as it is published (100 steps of Adam, one sample at a
time, no early end); and the bare networks, a gradient for all samples at once against one after the other: the most
that any search can win by going through them in batches, if all else cost nothing. Times are of processor and of
wall clock; the goal is 10 in wall clock.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import write_record

from ganlens import Subject
from ganlens.explain.counterfactuals.boundary import TOGETHER
from ganlens.explain.counterfactuals.latent_search import Effort, Pool, latent_search
from ganlens.explain.counterfactuals.search_space import Question, SearchSpace
from ganlens.subject import SampleBank


def seconds(work: Callable[[], object]) -> dict[str, float]:
    wall, process = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "process": time.process_time() - process}


def published(space: SearchSpace, question: Question, steps: int = 100) -> None:
    """CE(target) + 0.3·distance², Adam at 0.01, for one sample after the other."""
    for row in range(len(question)):
        one = question.take(torch.tensor([row]))
        at = one.starts.clone().requires_grad_(True)
        adam = torch.optim.Adam([at], lr=0.01)
        for _ in range(steps):
            loss = F.cross_entropy(space.logits(at, None), one.targets)
            loss = loss + 0.3 * (at - one.starts).square().sum()
            (at.grad,) = torch.autograd.grad(loss, at)  # of the weights none is wanted
            adam.step()


def gradients(space: SearchSpace, question: Question, together: int) -> None:
    """One gradient of the logits for every sample, so many samples at once, and nothing else."""
    for rows in question.starts.split(together):
        at = rows.clone().requires_grad_(True)
        torch.autograd.grad(space.logits(at, None).sum(), at)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run folder of labelled data")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    first = Subject.load(args.run, device=args.device)
    labeller = SampleBank(first, cache=args.run / "instruments").labeller
    subject = Subject.load(args.run, classifier=labeller, device=args.device)
    bank = SampleBank(subject, samples=1000, cache=args.run / "instruments")
    space = SearchSpace.fit(subject, "z", bank.latents(), None)
    population = space.rows(bank.latents())
    pool = Pool(population, space.classified(population, None).argmax(dim=1))
    question = Question.asked(space, population[: args.samples], None, "auto")

    def search(asked: Question) -> int:
        rng = torch.Generator().manual_seed(0)
        return int(latent_search(space, asked, pool, Effort(), rng=rng).exists.sum())

    def one_by_one() -> None:
        for row in range(len(question)):
            search(question.take(torch.tensor([row])))

    search(question.take(torch.arange(2)))  # imports and first calls
    rounds = []
    for _ in range(args.rounds):
        some = question.take(torch.arange(min(10, len(question))))
        each = {"batched": seconds(lambda: search(question)), "one by one": seconds(one_by_one)}
        plain = seconds(lambda: published(space, some))  # noqa: B023
        each["published"] = {clock: value * len(question) / len(some) for clock, value in plain.items()}
        each["networks batched"] = seconds(lambda: gradients(space, question, TOGETHER))
        each["networks one by one"] = seconds(lambda: gradients(space, question, 1))
        rounds.append(each)
        print(
            "  ".join(
                f"{name} {taken['wall']:.2f} s ({taken['process']:.2f} s of processor)"
                for name, taken in each.items()
            )
        )
    found = search(question)
    ratios = {
        name: statistics.median(row[name]["wall"] / row["batched"]["wall"] for row in rounds)
        for name in ("one by one", "published")
    }
    ratios["the networks alone"] = statistics.median(
        row["networks one by one"]["wall"] / row["networks batched"]["wall"] for row in rounds
    )
    print(f"{found} of {len(question)} found; " + ", ".join(f"{n}: {r:.1f} times" for n, r in ratios.items()))
    record = {"samples": len(question), "found": found, "rounds": rounds, "median_ratio": ratios, "goal": 10}
    print(write_record("counterfactual_speed", record | {"device": args.device}))


if __name__ == "__main__":
    main()
