"""Why does this sample look the way it does: which axes set it apart from the average?"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from ganlens.explain.code.code_space import code_spaces
from ganlens.explain.code.sample_explanations import areas_of, explained_examples, order_test
from ganlens.explain.preconditions import unsuited
from ganlens.finding import Finding
from ganlens.probes.explain.why.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.explain.why.figures import coordinates, example_table, order_curves, taken_apart
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.preconditions import reconstruction_measurement
from ganlens.probes.probe import Need, Probe, probes, threshold
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, Subject


class WhySettings(LearnedSettings):
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
    enough: float = threshold(
        0.5,
        "Share of what sets a sample apart that the code has to explain, or its axes are no reason for it: more is "
        "explained than is not",
        ge=0,
        le=1,
    )


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
    Settings: ClassVar[type[LearnedSettings]] = WhySettings
    method: ClassVar[str] = (
        "A generated sample is written along the axes of the autoencoder's code (uncorrelated over the "
        "training data, as in the probe axes); each coordinate is a z-score against the data. An axis "
        "contributes what the decoded sample changes when the axis alone is set to the data's mean, and "
        "when it alone is kept and all others are set to it; the mean of the two squared changes, in units "
        "of the data's variance. Examples are the most typical samples (smallest distance to a near "
        "training code among the half with the smaller error), those farthest off the manifold "
        "(largest reconstruction error) and those least like the data in code (largest distance to a near "
        "training code). Self-checks: the autoencoder must explain more of held-out real "
        "samples than PCA of the same width; and over {tested} generated samples, neutralising "
        "axes in the order of their contributions must move the decoded picture away from the sample "
        "faster than in random order: the ratio of the areas under the two curves, with a bootstrap "
        "interval over samples, must lie above one, or the finding is not believable. Taking axes in one by "
        "one must also come nearer to the sample, on average over the number of axes, than PCA's "
        "components do, each sample with its own best order; where it does not with the whole interval, "
        "the verdict is caution. Where the code explains less than {enough:.0%} of most examples, it is not believable."
    )
    rules: ClassVar[Any] = RULES
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
            return Finding.not_applicable(because)
        if code_spaces(bank).autoencoder.width < 2:
            because = "the code of these data has a single axis, which explains every sample alike"
            return Finding.not_applicable(because)
        examples = explained_examples(bank, each=settings.each, count=settings.count)
        with context.progress.task("Testing the order of the axes", 1) as task:
            test = order_test(
                bank, tested=settings.tested, random_orders=settings.random_orders, seed=context.seed
            )
            task.advance()
        areas = areas_of(test, torch_generator(context.seed, self.name, "bootstrap"))
        evidence = Evidence(bank.autoencoder, areas, examples, settings.enough)
        conclusion = RULES.conclude(evidence)
        refused = conclusion.verdict is Verdict.NOT_BELIEVABLE
        return Finding.concluded(
            conclusion,
            measurements=[*measurements_of(areas), reconstruction_measurement(bank.autoencoder)],
            figures=[
                taken_apart(bank, examples),
                coordinates(examples),
                order_curves(test),
                example_table(examples),
            ],
            arrays={
                "rows": torch.tensor([example.row for example in examples]),
                "codes": torch.stack([example.code for example in examples]),
                "contributions": torch.stack([example.contribution for example in examples]),
            },
            remarks=[] if refused else evidence.remarks,
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
        )
