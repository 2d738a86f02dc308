"""Which nameable kinds of sample the generator never makes, makes too rarely or too often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.gaps.kinds import Counted, Fault, StatisticsTable, count
from ganlens.explain.gaps.redrawn_kinds import KINDS, attempts, beyond_or_rare, errors_of
from ganlens.explain.preconditions import unsuited
from ganlens.explain.readings.users import readings_with_ends, users_readings
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, frechet_distance, replicate_interval
from ganlens.probes.explain.cannot_generate.figures import bars, pictures, table
from ganlens.probes.preconditions import sentences
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.rules import Verdict
from ganlens.subject import Context, Subject
from ganlens.subject.sample_counts import too_few

BAD_SHARE = 0.02
"""Share of the data of a kind that is never made, from which the verdict is bad."""
BLOCKS = 4
FEWEST = 100
"""Training samples (half of them decide the kinds) and held-out ones below which no share is worth testing."""
NAMED = 2
MEASURED = 6


class CannotGenerateSettings(ProbeSettings):
    compared: int = Field(
        10_000, ge=100, description="The most samples of each kind to count, generated, held-out and training"
    )
    clusters: int = Field(20, ge=0, le=200, description="Clusters of real samples in features; 0 for none")
    code_axes: int = Field(6, ge=0, le=64, description="Axes of the autoencoder's code; 0 for none")
    ratio: float = Field(
        1.5, gt=1, description="A kind is made too rarely or too often where its share is this many times off"
    )
    statistics: str | None = Field(
        None,
        description="Your own: python:package.module:function of samples [n, …] that gives [n, k] numbers; its "
        "attribute names names them",
    )
    steps: int = Field(
        100,
        ge=0,
        le=5000,
        description="Steps of the search that inverts real samples of lacking kinds; 0 for none",
    )


@dataclass(frozen=True)
class _Distance:
    """Fréchet distance of the statistics, of generated and of training samples from held-out ones."""

    fakes: list[float]
    reals: list[float]
    n: int


@probes.register(
    "cannot-generate", summary="Which kinds of sample does it never make, or too rarely, or too often?"
)
class CannotGenerate(Probe):
    """Shares of nameable kinds, real against generated, with a control and the evidence of inversion."""

    name: ClassVar[str] = "cannot-generate"
    question: ClassVar[str] = (
        "Which nameable kinds of sample does it never make, or too rarely, or too often?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 32
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = CannotGenerateSettings
    method: ClassVar[str] = (
        "Statistics are read off every sample: the labeller's class, the cluster of real samples it is nearest "
        "to in features, for pictures area and stroke width of the foreground, its pieces and holes, brightness, "
        "place, lean and stretch, axes of the autoencoder's code, and the user's own. Each becomes kinds that a "
        "sample belongs to or not (a class, a count, the outer 5 % of an amount), decided on one half of the "
        "training samples. "
        "Shares are counted on the other half and on generated samples and compared by Fisher's exact test, two-sided, "
        "with Holm's correction over all kinds, level 1 %; bars carry Newcombe's intervals. A kind is at fault "
        "where the test is passed and the shares are a factor of 1.5 apart (setting ratio), and never made "
        "where its share is at most a tenth of the data's. Fréchet distance: of mean and covariance of the "
        f"statistics (amounts in standard deviations, classes and clusters as 0 and 1), on {BLOCKS} blocks of fresh "
        "samples against held-out ones, beside as many training samples. Typical real samples of up to "
        f"{KINDS} kinds that are lacking are inverted: they can't be redrawn where their median error is twice that of "
        "ordinary real samples and beyond 95 % of own samples'; else the kind is only rare. Verdict: bad where "
        f"a kind of {BAD_SHARE:.0%} of the data or more is never made, caution where any is at fault, else good."
    )
    self_check: ClassVar[str] = (
        "Held-out real samples in the generator's place, put to the same test, must come out with nothing: not "
        "believable where they show half as many faults as the generator or more."
    )
    cost: ClassVar[str] = (
        "Up to 10,000 generated, 20,000 training and 10,000 held-out samples, a labeller and an autoencoder, and about "
        "80 inversions where something is lacking; half a minute"
    )
    source: ClassVar[str] = (
        "Bau et al. 2019 (arXiv 1910.11626); Newcombe 1998 and Holm 1979 for the statistics"
    )

    def examine(self, subject: Subject, settings: CannotGenerateSettings, context: Context) -> Finding:
        bank = context.bank
        because = too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST) or unsuited(bank)
        if because:
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        readings = [*readings_with_ends(bank)]
        if settings.statistics:
            readings += users_readings(settings.statistics, subject.sample_shape)
        with context.progress.task("Reading statistics off samples", 3) as task:
            found = StatisticsTable(
                bank,
                readings,
                samples=settings.compared,
                clusters=settings.clusters,
                code_axes=settings.code_axes,
            )
            kinds = found.kinds()
            task.advance()
            real, fake = found.counted(), found.rows("fake")
            counted = count(kinds, real, fake, settings.ratio)
            task.advance()
            control = count(kinds, real, found.rows("held_out"), settings.ratio)
            task.advance()
        lacking = [c for c in counted if c.fault in ("never made", "under-made")]
        tried = attempts(
            bank, found, lacking, steps=settings.steps, seed=context.seed, progress=context.progress
        )
        gate = _finds_as_much_in_real(counted, control)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(gate, _result(counted, control), beyond_or_rare(tried)),
            verdict=Verdict.NOT_BELIEVABLE if gate else _verdict(counted),
            measurements=_measurements(counted, control, _distance(found)),
            method=(
                f"{self.described(settings)} Here {len(kinds)} kinds, counted on {len(real):,} training, "
                f"{len(fake):,} generated and {len(found.rows('held_out')):,} held-out samples."
            ),
            figures=[
                bars(counted),
                table(counted, control, tried),
                *pictures(bank, subject.modality, found, counted, tried),
            ],
            arrays={
                "real_share": torch.tensor([c.real_share for c in counted]),
                "fake_share": torch.tensor([c.other_share for c in counted]),
                "held_out_share": torch.tensor([c.other_share for c in control]),
                "p_value": torch.tensor([c.p_value for c in counted]),
                "missing": torch.tensor([c.fault == "never made" for c in counted]),
                "under_made": torch.tensor([c.fault == "under-made" for c in counted]),
                "over_made": torch.tensor([c.fault == "over-made" for c in counted]),
                "redrawing_errors": errors_of(tried),
            },
        )


def _distance(found: StatisticsTable) -> _Distance:
    """Distances of disjoint blocks of generated and of training samples from held-out ones, n the same in all."""
    held_out, fake, train = (found.vectors(of) for of in ("held_out", "fake", "train"))
    n = min(len(held_out), len(fake) // BLOCKS, len(train) // BLOCKS)
    varying = train.std(dim=0) > 0

    def distances(rows: Tensor) -> list[float]:
        blocks = [rows[i * n : (i + 1) * n][:, varying] for i in range(BLOCKS)]
        return [frechet_distance(block, held_out[:n][:, varying]) for block in blocks]

    return _Distance(distances(fake), distances(train), n)


def _measurements(counted: list[Counted], control: list[Counted], distance: _Distance) -> list[Measurement]:
    faults, false = _faults(counted), _faults(control)
    mean = sum(distance.fakes) / BLOCKS
    found = [
        Estimate(mean, replicate_interval(distance.fakes)).measurement(
            "Fréchet distance of the statistics",
            better="lower",
            baseline=sum(distance.reals) / BLOCKS,
            what=f"training samples, n = {distance.n:,}",
        )
    ]
    found += [
        Estimate(
            float(sum(c.fault == fault for c in faults)),
            "none: a count of decisions, each of which has its own test",
        ).measurement(
            f"kinds {fault}",
            better="lower",
            baseline=float(sum(c.fault == fault for c in false)),
            what="held-out real samples in the generator's place",
            unit=f"of {len(counted)} kinds",
        )
        for fault in ("never made", "under-made", "over-made")
    ]
    held_out = {c.kind.name: c.other_share for c in control}
    found += [
        Estimate(c.other_share, binomial_interval(c.other, c.of_other)).measurement(
            f"share of {c.kind.name}",
            better="neither",
            baseline=c.real_share,
            what="training samples",
            unit="of generated samples",
            controls={"held-out samples": held_out[c.kind.name]},
        )
        for c in faults[:MEASURED]
    ]
    return found


def _faults(counted: list[Counted]) -> list[Counted]:
    """Kinds at fault, the largest difference of shares first, what is never made before all else."""
    faulty = [c for c in counted if c.fault]
    return sorted(faulty, key=lambda c: (c.fault != "never made", -abs(c.real_share - c.other_share)))


def _finds_as_much_in_real(counted: list[Counted], control: list[Counted]) -> str:
    false, true = len(_faults(control)), len(_faults(counted))
    if not false or 2 * false < true:
        return ""
    return (
        "Not believable: held-out real samples, put in the generator's place, come out with "
        f"{false} kind{'s' * (false != 1)} at fault, where there should be none (the generator: {true})."
    )


def _result(counted: list[Counted], control: list[Counted]) -> str:
    false = len(_faults(control)) or "none"
    against = f"held-out real samples, put to the same test: {false}"
    if not _faults(counted):
        return (
            f"Of {len(counted)} kinds of sample (classes, clusters, shapes, code axes) none is clearly missing, "
            f"too rare or too frequent ({against})."
        )
    said = [
        part
        for part in (
            _listed(counted, "never made", "never made"),
            _listed(counted, "under-made", "made too rarely"),
            _listed(counted, "over-made", "made too often"),
        )
        if part
    ]
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]} ({against})."


def _listed(counted: list[Counted], fault: Fault, verb: str) -> str:
    chosen = [c for c in _faults(counted) if c.fault == fault]
    if not chosen:
        return ""
    named = [
        f"{c.kind.name} ({c.real_share:.1%} of the data, {c.other_share:.1%} of its samples)" for c in chosen
    ]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{verb}: {', '.join(named[:NAMED])}{more}"


def _verdict(counted: list[Counted]) -> Verdict:
    if any(c.fault == "never made" and c.real_share >= BAD_SHARE for c in counted):
        return Verdict.BAD
    return Verdict.CAUTION if _faults(counted) else Verdict.GOOD
