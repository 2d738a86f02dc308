"""What `missed` says of hand-made comparisons: each rule, and that the first that holds speaks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ganlens.explain.gaps.classes import Classes
from ganlens.explain.gaps.planted_gaps import ClassGaps, PlantedGap
from ganlens.explain.gaps.regions import Comparison, Kind, Region
from ganlens.measures import NeighbourCoverage
from ganlens.probes.explain.missed.conclusion import RULES, Gaps, InCode, remarks
from ganlens.probes.explain.missed.settings import MissedSettings
from ganlens.rules import Verdict, claim_faults, detail_faults

SIZE = 1000


def comparison(*proposals: tuple[Kind, int, int], p_value: float = 0.0) -> Comparison:
    """Regions with so many real and other samples of 1,000, proposed as missed or invented."""
    regions = [
        Region(n, real, SIZE, other, SIZE, kind, p_value) for n, (kind, real, other) in enumerate(proposals)
    ]
    rest = [SIZE - sum(getattr(region, side) for region in regions) for side in ("real", "other")]
    regions.append(Region(len(regions), rest[0], SIZE, rest[1], SIZE, None, 1.0))
    places = [
        torch.arange(len(regions)).repeat_interleave(torch.tensor([getattr(r, side) for r in regions]))
        for side in ("real", "other")
    ]
    rows = torch.arange(SIZE)
    says = torch.tensor([{"missed": 1.0, "invented": 0.0, None: 0.5}[region.proposed] for region in regions])
    real, other = places
    return Comparison(
        regions, torch.zeros(len(proposals), 2), rows, rows, real, other, says[real], says[other], 2 / 3
    )


def coverage(by_generated: int, p_value: float) -> NeighbourCoverage:
    rows = torch.arange(100)
    return NeighbourCoverage(rows < by_generated, rows < 90, torch.ones(100), p_value)


NOTHING = comparison()
MISSING = comparison(("missed", 200, 10))
FEW = comparison(("missed", 60, 20))
INVENTED = comparison(("missed", 60, 20), ("invented", 0, 200))
OF_ONE_CLASS = (torch.arange(SIZE) >= 200).long()
OF_TWO_CLASSES = torch.where(torch.arange(SIZE) >= 200, 2, torch.arange(SIZE) % 2)
FINE = {
    "autoencoder": SimpleNamespace(beats_pca=True, held_out_r2=0.9, pca_held_out_r2=0.8),
    "in_code": InCode(NOTHING, NOTHING),
    "class_names": ("triangle", "ellipse"),
    "classes": Classes((), None, None),
    "region_names": {number: f"region {number + 1}" for number in range(3)},
    "planted": PlantedGap(0.11, True),
    "class_gaps": ClassGaps(tuple(range(10)), tuple(range(9))),
    "coverage": coverage(88, 0.5),
    "settings": MissedSettings(),
}


@pytest.mark.parametrize(
    ("changes", "rule", "claim"),
    [
        (
            {"autoencoder": SimpleNamespace(beats_pca=False, held_out_r2=0.7, pca_held_out_r2=0.8)},
            "autoencoder-no-better-than-pca",
            "The autoencoder redraws real samples no better than PCA: it explains nothing.",
        ),
        (
            {"in_code": InCode(MISSING, FEW)},
            "nothing-named-as-often",
            "The same search finds gaps where nothing is missing.",
        ),
        (
            {
                "in_code": InCode(MISSING, NOTHING),
                "classes": Classes(("triangle", "ellipse"), OF_ONE_CLASS, None),
            },
            "much-of-a-class",
            "It misses samples that are mostly class “triangle”.",
        ),
        (
            {"in_code": InCode(comparison(("missed", 980, 10)), NOTHING)},
            "misses-nearly-all",
            "It misses nearly all kinds of real sample.",
        ),
        (  # two classes: either alone would be half the truth
            {
                "in_code": InCode(MISSING, NOTHING),
                "classes": Classes(("triangle", "ellipse", "square"), OF_TWO_CLASSES, None),
            },
            "much",
            "It misses some kinds: 19% of the data.",
        ),
        (
            {"in_code": InCode(MISSING, NOTHING), "traits": {"missed": "very dark samples"}},
            "much-with-a-trait",
            "It misses very dark samples.",
        ),
        (  # the trait is of the other fault
            {"in_code": InCode(MISSING, NOTHING), "traits": {"invented": "very dark samples"}},
            "much",
            "It misses some kinds: 19% of the data.",
        ),
        (
            {"in_code": InCode(FEW, NOTHING), "traits": {"missed": "samples that lean far to the right"}},
            "some-with-a-trait",
            "It makes too few samples that lean far to the right.",
        ),
        (  # as much as that comes out where nothing is missing
            {"in_code": InCode(MISSING, comparison(("missed", 100, 0), p_value=1.0))},
            "some",
            "It misses some kinds: 19% of the data.",
        ),
        (
            {"in_code": InCode(INVENTED, NOTHING), "coverage": coverage(9, 0.001)},
            "much",
            "It invents some kinds: 20% of all it makes.",
        ),
        (
            {"in_code": InCode(FEW, NOTHING), "coverage": coverage(9, 0.001)},
            "poorly-covered",
            "Only 9% of unseen real samples have a generated neighbour.",
        ),
        (
            {
                "in_code": InCode(FEW, NOTHING),
                "classes": Classes(("triangle", "ellipse"), OF_ONE_CLASS, None),
            },
            "some-of-a-class",
            "It makes too few samples that are mostly class “triangle”.",
        ),
        (
            {"in_code": InCode(FEW, NOTHING), "coverage": coverage(70, 0.001)},
            "some",
            "It makes too few of some kinds: 4% of the data.",
        ),
        (
            {"coverage": coverage(70, 0.001), "planted": PlantedGap(0.2, False)},
            "thinly-covered",
            "Too few unseen real samples have a generated neighbour.",
        ),
        (
            {"planted": PlantedGap(0.2, False), "class_gaps": ClassGaps((0, 1), ())},
            "any-gap-overlooked",
            "No gap shows; one of 20% would have gone unnoticed.",
        ),
        (
            {"class_gaps": ClassGaps((0, 1, 2), (1,))},
            "classes-overlooked",
            "No gap shows; most single classes would go unnoticed.",
        ),
        ({}, "nothing-missed", "No kind of sample is clearly missed or invented."),
    ],
)
def test_the_first_rule_that_holds_gives_verdict_and_words(
    changes: dict[str, object], rule: str, claim: str
) -> None:
    gaps = Gaps(**{**FINE, **changes})  # type: ignore[arg-type]
    conclusion = RULES.conclude(gaps)
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


@pytest.mark.parametrize(
    ("class_gaps", "detail"),
    [
        (None, "A gap of 11% would have been noticed."),
        (
            ClassGaps(tuple(range(10)), tuple(range(10))),
            "A gap of 11% would have been noticed, and each of 10 classes.",
        ),
        (
            ClassGaps(tuple(range(10)), tuple(range(9))),
            "A gap of 11% would have been noticed, and each of 10 classes but one.",
        ),
        (
            ClassGaps(tuple(range(10)), tuple(range(7))),
            "A gap of 11% would have been noticed, and each of 10 classes but 3.",
        ),
    ],
)
def test_silence_says_what_it_is_worth(class_gaps: ClassGaps | None, detail: str) -> None:
    gaps = Gaps(**{**FINE, "class_gaps": class_gaps})  # type: ignore[arg-type]
    assert RULES.conclude(gaps).detail == detail


def test_remarks_list_both_sides_and_the_control() -> None:
    gaps = Gaps(**{**FINE, "in_code": InCode(INVENTED, NOTHING), "class_gaps": None})  # type: ignore[arg-type]
    assert remarks(gaps) == [
        "Made too rarely: 1 region of the code (region 1; 4.0% of the mass, 2.1% to 6.1%).",
        "Invented: 1 region of the code (region 2; 20.0% of the mass, 17.3% to 23.0%).",
        "Held-out real samples, put to the same test: none.",
    ]


@pytest.mark.parametrize(
    ("class_gaps", "detail"),
    [
        (None, "A gap of 20%, cut into real samples, was not noticed."),
        (
            ClassGaps((0, 1, 2), (1,)),
            "A gap of 20%, cut into real samples, was not noticed; of 3 classes, cut out one at a time, 1 were.",
        ),
    ],
)
def test_a_search_of_low_power_says_so_and_is_no_caution(class_gaps: ClassGaps | None, detail: str) -> None:
    changes = {"planted": PlantedGap(0.2, False), "class_gaps": class_gaps}
    conclusion = RULES.conclude(Gaps(**{**FINE, **changes}))  # type: ignore[arg-type]
    assert (conclusion.verdict, conclusion.detail) == (Verdict.GOOD, detail)
