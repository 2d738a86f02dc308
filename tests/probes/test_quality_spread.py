"""Planted faults of spread: a cause held still, cut off, overdone or moved, in all samples or in one class."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.spread.axes import Axis
from ganlens.explain.spread.explanation import Explained, FaultReport
from ganlens.explain.spread.faults import Fault
from ganlens.explain.spread.search import ClassFault, Search
from ganlens.figures.figure import Picture, Plot, Table
from ganlens.modality import Images, Points
from ganlens.probes.audit import examine
from ganlens.probes.quality.spread.conclusion import RULES, Evidence
from ganlens.probes.quality.spread.settings import SpreadSettings
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject

from .conftest import CENTRES, SHARES, SPREAD, Planted

POINTS = {"code_axes": 0}


def of_noise(change) -> Planted:
    """The clouds of the lab with their noise [n, 8] changed."""

    def make(uniform: Tensor, noise: Tensor) -> Tensor:
        labels = torch.searchsorted(SHARES.cumsum(0)[:-1].contiguous(), uniform, right=True)
        return CENTRES[labels] + SPREAD * change(noise.clone(), labels)

    return Planted(make)


def asked(lab, generator: Planted, samples: int = 2000, **settings):
    bank = lab.bank(generator, samples=samples)
    return examine(bank.subject, "spread", bank=bank, settings=POINTS | settings)


def still(noise: Tensor, labels: Tensor) -> Tensor:
    noise[:, 6] = 0.3
    return noise


def cut(noise: Tensor, labels: Tensor) -> Tensor:
    """Coordinate 7 as in the data below their upper third: the rest is drawn anew below it."""
    below = 0.5 * (1 + torch.erf(noise[:, 6] / 2**0.5)) * 0.67
    noise[:, 6] = 2**0.5 * torch.erfinv(2 * below - 1)
    return noise


def wide(noise: Tensor, labels: Tensor) -> Tensor:
    noise[:, 6] *= 2.2
    return noise


def moved(noise: Tensor, labels: Tensor) -> Tensor:
    noise[:, 6] += 1
    return noise


def twice_as_often(noise: Tensor, labels: Tensor) -> Tensor:
    """Values about the median come twice as often as they should."""
    noise[:, 6] = torch.where(noise[:, 7] > 0, 0.4 * noise[:, 6], noise[:, 6])
    return noise


def still_in_beta(noise: Tensor, labels: Tensor) -> Tensor:
    noise[labels == 1, 6] = 0.3
    return noise


@pytest.mark.parametrize(
    ("change", "verdict", "claim"),
    [
        (still, Verdict.BAD, "It hardly varies in coordinate 7."),
        (cut, Verdict.CAUTION, "It is cut off above in coordinate 7."),
        (wide, Verdict.CAUTION, "It varies too much in coordinate 7."),
        (moved, Verdict.CAUTION, "It lies too high in coordinate 7."),
        (still_in_beta, Verdict.CAUTION, "It hardly varies in coordinate 7 for “beta”."),
    ],
)
def test_a_planted_fault_is_named(lab, change, verdict, claim) -> None:
    finding = asked(lab, of_noise(change))
    assert (finding.claim, finding.verdict) == (claim, verdict)
    assert not claim_faults(finding.claim) and not detail_faults(finding.detail)


def test_values_that_come_too_often_are_found(lab) -> None:
    finding = asked(lab, of_noise(twice_as_often))
    assert finding.verdict is Verdict.CAUTION
    assert "coordinate 7" in finding.claim
    assert finding.arrays["elsewhere"][6] > 0.15 > finding.arrays["elsewhere"][:6].max()


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_generator_is_good(lab, seed) -> None:
    subject = Subject.wrap(lab.honest(), data=lab.data)
    bank = SampleBank(subject, samples=2000, seed=seed, labeller=lab.bank(lab.honest()).labeller)
    finding = examine(subject, "spread", bank=bank, seed=seed, settings=POINTS)
    assert (finding.verdict, finding.rule) == (Verdict.GOOD, "as-the-data")
    assert finding.detail.startswith(
        "In 9 of 9 readings half of the spread missing would surely have been seen"
    )


def test_a_trifle_is_no_fault_however_many_samples_show_it(lab) -> None:
    def trifle(noise: Tensor, labels: Tensor) -> Tensor:
        noise[:, 6] = 0.9 * noise[:, 6] + 0.1
        return noise

    assert asked(lab, of_noise(trifle), samples=10_000, compared=10_000).verdict is Verdict.GOOD


def test_classes_with_other_shares_are_no_matter_of_spread(lab) -> None:
    finding = asked(lab, lab.honest(torch.tensor([0.05, 0.3, 0.15, 0.1, 0.4])))
    assert finding.verdict is Verdict.GOOD


def test_with_few_samples_it_says_that_little_would_show(lab) -> None:
    finding = asked(lab, lab.honest(), samples=60)
    assert (finding.verdict, finding.rule) == (Verdict.GOOD, "weak")


def test_one_tight_cloud_hardly_varies_in_anything(lab) -> None:
    bank = lab.bank(Planted(lambda uniform, noise: torch.full((len(noise), 8), 0.5) + 1e-3 * noise))
    finding = examine(bank.subject, "spread", bank=bank, settings=POINTS)
    assert (finding.verdict, finding.claim) == (Verdict.BAD, "Its samples hardly vary in anything.")


def test_held_out_samples_from_elsewhere_are_not_believed(lab) -> None:
    held_out = lab.data.held_out
    other = Split(SampleArray(held_out.samples.tensor().numpy() + 2), held_out.labels)
    data = Dataset("clouds", lab.data.modality, lab.data.train, other, lab.data.class_names)
    bank = SampleBank(
        Subject.wrap(lab.honest(), data=data), samples=2000, labeller=lab.bank(lab.honest()).labeller
    )
    finding = examine(bank.subject, "spread", bank=bank, settings=POINTS)
    assert (finding.verdict, finding.rule) == (Verdict.NOT_BELIEVABLE, "real-samples-at-fault")


# ---- pictures: readings that all depend on each other


def squares(n: int, seed: int, change=lambda causes: causes) -> np.ndarray:
    """Bright squares [n, 1, 16, 16] of some size, place and shade on a ground of some shade."""
    rng = np.random.default_rng(seed)
    size, x, y, ground, shade = change(rng.uniform(size=(5, n)))[:, :, None, None]
    line = (np.arange(16) + 0.5) / 8 - 1
    across = np.abs(line[None, None, :] - 0.5 * (x - 0.5))
    down = np.abs(line[None, :, None] - 0.5 * (y - 0.5))
    inside = np.clip(0.5 - 8 * (np.maximum(across, down) - 0.2 - 0.2 * size), 0, 1)
    return (inside * (0.3 + 0.6 * shade) + (1 - inside) * (-0.9 + 0.6 * ground))[:, None].astype(np.float32)


def constant(number: int):
    def change(causes: np.ndarray) -> np.ndarray:
        causes[number] = 0.4
        return causes

    return change


def asked_of_squares(change=lambda causes: causes):
    data = Dataset(
        "squares", Images(), Split(SampleArray(squares(1000, 1))), Split(SampleArray(squares(300, 2)))
    )
    fakes = torch.from_numpy(squares(4000, 3, change))

    def generator(latents: Tensor) -> Tensor:
        share = (1 + torch.erf(latents[:, 0].double() / 2**0.5)) / 2
        return fakes[(share * len(fakes)).long().clamp(max=len(fakes) - 1)]

    subject = Subject.wrap(generator, latent=2, data=data)
    bank = SampleBank(subject, samples=1000, features=["raw"])
    return examine(subject, "spread", bank=bank, settings={"code_axes": 0, "shown": 8})


@pytest.mark.parametrize(
    ("cause", "named"),
    [(1, "place across"), (2, "place down"), (3, "brightness at the top left")],
)
def test_of_many_readings_that_a_constant_cause_moves_the_cause_is_named(cause, named) -> None:
    finding = asked_of_squares(constant(cause))
    assert finding.verdict is Verdict.BAD
    assert finding.claim.startswith("It hardly varies in ")
    if cause != 3:
        assert finding.claim == f"It hardly varies in {named}."
    else:  # of the ground, which any corner shows
        assert "brightness" in finding.claim or "ground" in finding.claim
        assert any("The same explains what is off in" in remark for remark in finding.remarks)


def test_the_strip_holds_real_samples_above_generated_ones_from_low_to_high() -> None:
    figures = asked_of_squares(constant(1)).figures
    picture, histogram = figures[:2]
    assert isinstance(picture, Picture) and isinstance(histogram, Plot)
    assert "real ones above, generated ones below" in picture.caption
    assert histogram.figure["layout"]["xaxis"]["title"]["text"] == "place across"
    assert isinstance(figures[-1], Table) and figures[-1].rows[0][-1] == "hardly varies"


# ---- rules


def fault(kind, *, excess=0.3, axis=None) -> Fault:
    axis = axis or Axis("strength of what is drawn", "reading", 0.02)
    return Fault(0, axis, kind, 0.2, (0.1, 0.3), 0.2, excess, (0.0, 1.0), (0.5, 0.2), 1e-6)


def evidence(
    *faults, false=(), in_classes=(), unexplained=(), axes=1, seen=(0.6, 0.7), goes_with=None
) -> Evidence:
    row = torch.full((1,), 0.9, dtype=torch.float64)
    comparison = SimpleNamespace(ratio=row, lost_above=row, lost_below=row, excess=row)

    def search(faults, in_classes=(), unexplained=()):
        explained = tuple(Explained(f, ()) for f in faults)
        report = FaultReport(comparison, (*faults, *unexplained), explained, tuple(unexplained), row)
        return Search(report, tuple(in_classes), 0, {})

    return Evidence(
        [fault("is too low").axis] * axes,
        search(faults, in_classes, unexplained),
        search(false),
        seen,
        goes_with,
        SpreadSettings(),
    )


CODE = Axis("code axis 3", "code", 0.02)
IN_CLASS = ClassFault("a name of many words", 0, fault("is cut off below"), ())


@pytest.mark.parametrize(
    ("measured", "rule", "claim"),
    [
        (
            evidence(fault("is too low"), false=[fault("is too low")]),
            "real-samples-at-fault",
            "Real samples, put to the same test, come out at fault.",
        ),
        (evidence(fault("hardly varies")), "still", "Its samples hardly vary in anything."),
        (
            evidence(fault("is too low"), unexplained=[fault("is too high")]),
            "nearly-all",
            "Its samples vary otherwise than the data's in nearly everything.",
        ),
        (
            evidence(fault("hardly varies", excess=0.9), axes=4),
            "hardly-varies-by-far",
            "It hardly varies in strength of what is drawn.",
        ),
        (
            evidence(fault("hardly varies", axis=CODE), axes=4, goes_with=("size", 0.4)),
            "hardly-varies",
            "It hardly varies in what no reading names.",
        ),
        (
            evidence(fault("is cut off above"), axes=4),
            "cut-off",
            "It is cut off above in strength of what is drawn.",
        ),
        (
            evidence(fault("is cut off above", excess=0.5, axis=CODE), axes=4),
            "cut-off-by-far",
            "It is cut off in what no reading names.",
        ),
        (
            evidence(in_classes=[IN_CLASS], axes=4),
            "cut-off",
            "It is cut off below in strength of what… in one class.",
        ),
        (
            evidence(fault("varies too little"), axes=4),
            "too-little",
            "It varies too little in strength of what is drawn.",
        ),
        (
            evidence(fault("varies too little", excess=0.5), axes=4),
            "too-little-by-far",
            "It varies too little in strength of what is drawn.",
        ),
        (
            evidence(fault("varies too much"), axes=4),
            "too-much",
            "It varies too much in strength of what is drawn.",
        ),
        (
            evidence(fault("varies too much", excess=0.5), axes=4),
            "too-much-by-far",
            "It varies too much in strength of what is drawn.",
        ),
        (
            evidence(fault("is too low"), axes=4),
            "moved",
            "It lies too low in strength of what is drawn.",
        ),
        (
            evidence(fault("is too low", excess=0.5, axis=CODE), axes=4),
            "moved-by-far",
            "It lies off in what no reading names.",
        ),
        (
            evidence(fault("is overdone"), axes=4),
            "overdone",
            "It overdoes some values of strength of what is drawn.",
        ),
        (
            evidence(fault("is overdone", excess=0.5), axes=4),
            "overdone-by-far",
            "It overdoes some values of strength of what is drawn.",
        ),
        (evidence(seen=(0.2,)), "weak", "No fault of spread shows; with few samples only great ones would."),
        (evidence(seen=(0.6,)), "as-the-data", "Its samples vary, reach and fall as the data's do."),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule, claim) -> None:
    conclusion = RULES.conclude(measured)
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []


def test_what_has_no_name_is_said_by_what_it_goes_with() -> None:
    remarks = evidence(fault("hardly varies", axis=CODE), goes_with=("size", 0.4)).remarks
    assert remarks == [
        "What no reading names goes most with size (rank correlation 0.40); look at its strip."
    ]


def test_rounding_about_a_constant_is_no_spread() -> None:
    def points(n: int, seed: int, rounding: float = 0.0) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        drawn = torch.randn(n, 4, generator=rng)
        drawn[:, 2], drawn[:, 3] = 0.0, 1.5
        drawn[:, 2:] += rounding * torch.randn(n, 2, generator=rng)
        return drawn

    splits = [Split(SampleArray(points(n, seed).numpy())) for n, seed in ((600, 1), (300, 2))]
    fakes = points(2000, 3, 1e-6)

    def generator(latents: Tensor) -> Tensor:
        share = (1 + torch.erf(latents[:, 0].double() / 2**0.5)) / 2
        return fakes[(share * len(fakes)).long().clamp(max=len(fakes) - 1)]

    subject = Subject.wrap(generator, latent=2, data=Dataset("still", Points(), *splits))
    bank = SampleBank(subject, samples=600, features=["raw"])
    assert examine(subject, "spread", bank=bank, settings=POINTS).verdict is Verdict.GOOD
