"""Why does this sample look the way it does? The fifth of the autoencoder's five explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, codes_of, reconstruction_errors
from ganlens.explain.code.contributions import contributions, deletion_curve, insertion_curve
from ganlens.explain.preconditions import unsuited
from ganlens.figures.charts import heat_map, line_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, bootstrap_estimates, nearest_neighbours
from ganlens.probes.preconditions import reconstruction_measurement, sentences, why_not_believable
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

NEUTRALISED = 3
"""Axes set to the data's mean in each row of pictures, one after another."""

NEIGHBOUR = 5
"""The distance to this nearest training code says how untypical a code is."""

HALF_EXPLAINED = 0.5


class WhySettings(ProbeSettings):
    each: int = Field(
        2, ge=1, le=8, description="Samples of each kind: typical, off the manifold, unlike the data"
    )
    tested: int = Field(100, ge=10, description="Generated samples in the deletion test")
    random_orders: int = Field(
        5, ge=1, description="Random orders of the axes for each sample of the deletion test"
    )
    count: int = Field(
        5000, ge=20, description="The most samples of each kind from which the examples are chosen"
    )


@dataclass(frozen=True)
class _Test:
    """Areas under the curves of each of n samples, in units of the data's variance.

    Attributes:
        deletion, random_deletion: [n, k + 1] error as axes are neutralised, in order of contribution and at
            random.
        insertion, random_insertion, pca_insertion: [n, k + 1] error as axes are taken in, from none to all.
    """

    deletion: Tensor
    random_deletion: Tensor
    insertion: Tensor
    random_insertion: Tensor
    pca_insertion: Tensor


@dataclass(frozen=True)
class _Example:
    """One explained sample.

    Attributes:
        row: in the bank.
        kind: why it was chosen.
        code: [k] z-scores.
        contribution: [k] in units of the data's variance.
        explained: share of its departure from the data's mean that the reconstruction accounts for.
    """

    row: int
    kind: str
    code: Tensor
    contribution: Tensor
    explained: float

    @property
    def order(self) -> list[int]:
        """Axes, the largest contribution first."""
        order: list[int] = self.contribution.argsort(descending=True, stable=True).tolist()
        return order


@probes.register("why")
class Why(Probe):
    """Which axes of the code make a sample what it is?"""

    name: ClassVar[str] = "why"
    question: ClassVar[str] = (
        "Why does this sample look the way it does: which axes set it apart from the average?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 40
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = WhySettings
    method: ClassVar[str] = (
        "A generated sample is written along the axes of the autoencoder's code (uncorrelated over the "
        "training data, as in the probe axes); each coordinate is a z-score against the data. An axis "
        "contributes what the decoded sample changes when the axis alone is set to the data's mean, and "
        "when it alone is kept and all others are set to it; the mean of the two squared changes, in units "
        "of the data's variance. Examples are the most typical samples (smallest distance to their "
        "5th-nearest training code among the half with the smaller error), those farthest off the manifold "
        "(largest reconstruction error) and those least like the data in code (largest distance to the "
        "5th-nearest training code). Self-checks: the autoencoder must explain more of held-out real "
        "samples than PCA of the same width; and over 100 generated samples (setting tested), neutralising "
        "axes in the order of their contributions must move the decoded picture away from the sample "
        "faster than in random order: the ratio of the areas under the two curves, with a bootstrap "
        "interval over samples, must lie above 1, or the finding is not believable. Taking axes in one by "
        "one must also come nearer to the sample, on average over the number of axes, than PCA's "
        "components do, each sample with its own best order; where it does not with the whole interval, "
        "the verdict is caution. Where the code explains less than half of most examples, it is not believable."
    )
    self_check: ClassVar[str] = (
        "Not believable where neutralising the axes in the order of their contributions moves the sample "
        "no faster than a random order."
    )
    cost: ClassVar[str] = (
        "Up to 5,000 samples of each kind, 100 of them taken apart, and an autoencoder; seconds."
    )
    source: ClassVar[str] = "Samek et al. 2017 (arXiv 1509.06321) for the deletion test; ours"

    def examine(self, subject: Subject, settings: WhySettings, context: Context) -> Finding:
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        autoencoder, pca = code_spaces(bank)
        if autoencoder.width < 2:
            because = "the code of these data has a single axis, which explains every sample alike"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        examples = _examples(bank, autoencoder, settings)
        with context.progress.task("Testing the order of the axes", 1) as task:
            test = _test(bank, autoencoder, pca, settings, context.seed)
            task.advance()
        rng = torch_generator(context.seed, self.name, "bootstrap")
        ratio, explained, saved = _areas(test, rng)
        gate = sentences(
            why_not_believable(bank.autoencoder), _no_better_than_random(ratio), _mostly_unexplained(examples)
        )
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(gate, _result(examples, explained, ratio, saved, _few(test))),
            verdict=_verdict(saved, believable=not gate),
            measurements=[
                *_measurements(ratio, explained, saved, test),
                reconstruction_measurement(bank.autoencoder),
            ],
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
            figures=[
                _rows(subject, bank, autoencoder, examples),
                _heat_map(examples),
                _curves(test),
                _table(examples),
            ],
            arrays={
                "rows": torch.tensor([e.row for e in examples]),
                "codes": torch.stack([e.code for e in examples]),
                "contributions": torch.stack([e.contribution for e in examples]),
            },
        )


def _examples(bank: SampleBank, space: CodeSpace, settings: WhySettings) -> list[_Example]:
    codes = codes_of(bank, space, "fake", settings.count)
    error = reconstruction_errors(bank, space, "fake", settings.count)
    train = space.in_sample_units(codes_of(bank, space, "train", settings.count))
    lonely = nearest_neighbours(space.in_sample_units(codes), train, NEIGHBOUR).distances[:, -1]
    sound = error <= error.median()
    chosen: dict[int, str] = {}
    typical = torch.where(sound, lonely, torch.inf).argsort(stable=True)
    for kind, order in (
        ("typical", typical),
        ("off the manifold", error.argsort(descending=True, stable=True)),
        ("unlike the data", lonely.argsort(descending=True, stable=True)),
    ):
        fresh = [row for row in order.tolist() if row not in chosen][: settings.each]
        chosen.update(dict.fromkeys(fresh, kind))
    rows = torch.tensor(list(chosen))
    samples = bank.fakes(settings.count)[rows]
    away = space.distance(samples, space.sample_mean).clamp(min=1e-12)
    parts = contributions(space, codes[rows])
    return [
        _Example(row, kind, codes[row], part, 1 - float(error[row] / departure))
        for (row, kind), part, departure in zip(chosen.items(), parts, away, strict=True)
    ]


def _test(bank: SampleBank, space: CodeSpace, pca: CodeSpace, settings: WhySettings, seed: int) -> _Test:
    count = min(settings.tested, bank.size)
    samples = bank.fakes(count).tensor()
    codes = codes_of(bank, space, "fake", count)
    order = contributions(space, codes).argsort(dim=1, descending=True, stable=True)
    rng = torch_generator(seed, Why.name, "random orders")
    shuffled = [torch.rand(order.shape, generator=rng).argsort(dim=1) for _ in range(settings.random_orders)]
    pca_codes = codes_of(bank, pca, "fake", count)
    pca_order = contributions(pca, pca_codes).argsort(dim=1, descending=True, stable=True)
    pca_curve = insertion_curve(pca, samples, pca_codes, pca_order)
    missing = (
        space.width + 1 - pca_curve.shape[1]
    )  # a code in use more fully than the other: go on with its last value
    if missing > 0:
        pca_curve = torch.cat([pca_curve, pca_curve[:, -1:].expand(-1, missing)], dim=1)
    return _Test(
        deletion_curve(space, samples, codes, order),
        torch.stack([deletion_curve(space, samples, codes, o) for o in shuffled]).mean(dim=0),
        insertion_curve(space, samples, codes, order),
        torch.stack([insertion_curve(space, samples, codes, o) for o in shuffled]).mean(dim=0),
        pca_curve[:, : space.width + 1],
    )


def _areas(test: _Test, rng: torch.Generator) -> tuple[Estimate, Estimate, Estimate]:
    """(Growth of the error over that in random order, share the top axes explain, error saved over PCA.)"""
    inner = slice(1, -1)  # the curves' ends are the same in every order
    growth = (test.deletion - test.deletion[:, :1])[:, inner].mean(dim=1).double()
    random_growth = (test.random_deletion - test.random_deletion[:, :1])[:, inner].mean(dim=1).double()
    away, left = (test.insertion[:, m].double() for m in (0, _few(test)))
    saved = (test.pca_insertion - test.insertion)[:, 1:].mean(dim=1).double()

    def statistic(weights: Tensor) -> Tensor:
        total = weights.sum(dim=1)
        ratio = weights @ growth / (weights @ random_growth).clamp(min=1e-12)
        explained = 1 - weights @ left / (weights @ away).clamp(min=1e-12)
        return torch.stack([ratio, explained, weights @ saved / total], dim=1)

    ratio, explained, gain = bootstrap_estimates(statistic, len(growth), rng=rng, of="generated samples")
    return ratio, explained, gain


def _few(test: _Test) -> int:
    return min(NEUTRALISED, test.insertion.shape[1] - 1)


def _measurements(ratio: Estimate, explained: Estimate, saved: Estimate, test: _Test) -> list[Measurement]:
    few = _few(test)
    by_chance = 1 - float(
        test.random_insertion[:, few].sum() / test.random_insertion[:, 0].sum().clamp(min=1e-12)
    )
    return [
        ratio.measurement(
            "deletion: growth of the error in order of contribution over that in random order",
            better="higher",
            baseline=1.0,
            what="random orders of the axes",
        ),
        explained.measurement(
            f"share of a sample's departure from the data's mean explained by its {few} foremost axes",
            better="higher",
            baseline=by_chance,
            what=f"{few} axes at random",
        ),
        saved.measurement(
            "error saved over PCA's components, mean over the number of axes taken in",
            better="higher",
            baseline=0.0,
            what="PCA of the same width, each sample with its own best order",
            unit="of the data's variance",
        ),
    ]


def _no_better_than_random(ratio: Estimate) -> str:
    if ratio.low > 1:
        return ""
    return (
        "Not believable: neutralising the axes that are said to matter most changes samples no faster than a "
        "random order "
        f"(ratio {ratio.value:.2f}, {ratio.low:.2f} to {ratio.high:.2f})."
    )


def _mostly_unexplained(examples: list[_Example]) -> str:
    unexplained = sum(e.explained < HALF_EXPLAINED for e in examples)
    if 2 * unexplained <= len(examples):
        return ""
    return (
        f"Not believable: for {unexplained} of the {len(examples)} examples the code explains less than half of what "
        "sets the sample apart, so its axes are no reason for it."
    )


def _result(examples: list[_Example], explained: Estimate, ratio: Estimate, saved: Estimate, few: int) -> str:
    beside = "closer than" if saved.low > 0 else "no closer than" if saved.high >= 0 else "less close than"
    result = (
        f"The {few} foremost axes of a generated sample account for {explained.value:.0%} of its departure "
        "from the average sample; neutralising axes in order of "
        f"contribution changes it {ratio.value:.2f} times as fast as a random order ({ratio.low:.2f} to "
        f"{ratio.high:.2f}), and axis for axis the code comes {beside} PCA."
    )
    unexplained = [e for e in examples if e.explained < HALF_EXPLAINED]
    if not unexplained or _mostly_unexplained(examples):
        return result
    how_many = f"{len(unexplained)} of the {len(examples)} examples"
    return f"{result} For {how_many} the code explains less than half: do not read their axes."


def _verdict(saved: Estimate, *, believable: bool) -> Verdict:
    if not believable:
        return Verdict.NOT_BELIEVABLE
    return Verdict.GOOD if saved.low > 0 else Verdict.CAUTION


def _rows(subject: Subject, bank: SampleBank, space: CodeSpace, examples: list[_Example]) -> Figure:
    rows = []
    for example in examples:
        states = [example.code]
        for axis in example.order[:NEUTRALISED]:
            states.append(states[-1].clone())
            states[-1][axis] = 0
        redrawn = space.decode(torch.stack([*states, torch.zeros_like(example.code)]))
        rows.append(torch.cat([bank.fakes()[[example.row]], redrawn]))
    order = "; ".join(f"{e.kind} ({_names(e)})" for e in examples)
    return subject.modality.shown_walks(
        torch.stack(rows),
        "A row for each example: the generated sample, its reconstruction, the reconstruction as its "
        f"{len(states) - 1} foremost axes are set to the data's mean one by one, and the mean code. From the "
        f"second picture on you see what each axis does: {order}. Where the first two pictures differ, the "
        "code does not explain the sample.",
    )


def _names(example: _Example) -> str:
    return ", ".join(
        f"axis {axis + 1} at {float(example.code[axis]):+.1f}" for axis in example.order[:NEUTRALISED]
    )


def _heat_map(examples: list[_Example]) -> Plot:
    codes = torch.stack([e.code for e in examples])
    figure = heat_map(
        codes,
        rows=[f"{number}: {e.kind}" for number, e in enumerate(examples, start=1)],
        columns=[str(axis + 1) for axis in range(codes.shape[1])],
        x="axis of the code, those that change samples most first",
        y="example",
        scale="z-score",
    )
    return Plot(
        figure,
        "Strong colours are coordinates that are unusual for the data: beyond ±3 real samples hardly ever "
        "go.",
    )


def _curves(test: _Test) -> Plot:
    steps = list(range(test.deletion.shape[1]))
    figure = line_chart(
        steps,
        [
            Series("taken in by contribution", test.insertion.mean(dim=0)),
            Series("taken in at random", test.random_insertion.mean(dim=0)),
            Series("PCA's, by contribution", test.pca_insertion.mean(dim=0)),
            Series("neutralised by contribution", test.deletion.mean(dim=0)),
            Series("neutralised at random", test.random_deletion.mean(dim=0)),
        ],
        x="axes taken in, or neutralised",
        y="mean error, in units of the data's variance",
    )
    return Plot(
        figure,
        "Falling curves take axes in: the lower, the fewer axes it takes to make the sample; PCA's has to "
        "lie above. Rising curves neutralise axes: by contribution has to lie above random.",
    )


def _table(examples: list[_Example]) -> Table:
    rows = []
    for number, example in enumerate(examples, start=1):
        total = float(example.contribution.sum()) or 1.0
        shares = ", ".join(
            f"axis {axis + 1}: {float(example.contribution[axis]) / total:.0%} (z "
            f"{float(example.code[axis]):+.1f})"
            for axis in example.order[:NEUTRALISED]
        )
        rows.append((number, example.kind, f"{example.explained:.0%}", shares))
    return Table(
        (
            "example",
            "chosen as",
            "explained by the code",
            "foremost axes: share of all contributions (z-score)",
        ),
        tuple(rows),
        "Where the code explains less than half of a sample's departure from the average, its axes say "
        "little of the sample.",
    )
