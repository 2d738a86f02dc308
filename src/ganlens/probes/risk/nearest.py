"""Whether it copies training samples: distances to training samples against distances to unseen real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.copying.pairs import beside_training
from ganlens.explain.copying.unseen import Unseen
from ganlens.figures.charts import histogram_lines
from ganlens.figures.figure import Figure, Table
from ganlens.figures.palette import GENERATED, REAL
from ganlens.finding import Finding
from ganlens.measures import Estimate, Interval, binomial_interval, median_interval, nearest_neighbours
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.risk.acquittal import few_different, leak
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.draws import Of
from ganlens.subject.sample_counts import too_few

FEWEST, FEWEST_GENERATED = 40, 20
RARE = 0.01
RARE_COUNT = 5
RAISED, COPYING = 3.0, 0.2
DRAWN_IN = 0.9
FEWEST_PLACES = 20
SAME = 0.02


class NearestSettings(ProbeSettings):
    compared: int = Field(
        2000, ge=FEWEST, description="Generated samples whose nearest training sample is looked up"
    )
    training: int = Field(100_000, ge=FEWEST, description="Most training samples to look among")
    shown: int = Field(8, ge=1, le=16, description="Most suspicious samples to show")


@dataclass(frozen=True)
class _Closeness:
    """How near each query lies to the training set, as a multiple of its distance to unseen real samples.

    Attributes:
        ratio: [n]; small means suspiciously near to a training sample.
        train, train_row: [n] distance to the nearest training sample, and which one.
        apart, unseen_row: [n] distance to the nearest of the unseen samples, and which one.
    """

    ratio: Tensor
    train: Tensor
    train_row: Tensor
    apart: Tensor
    unseen_row: Tensor

    def place_by_place(self) -> Tensor:
        """The median quotient around each unseen sample: a crowd in one place is one piece of evidence."""
        return torch.stack([self.ratio[self.unseen_row == row].median() for row in self.unseen_row.unique()])


@dataclass(frozen=True)
class _Space:
    """One feature space: the generated samples and two halves of the held-out ones as controls for each
    other.

    Attributes:
        threshold: the ratio that only a `rarity` share of the first half of the held-out samples goes below.
    """

    name: str
    fake: _Closeness
    first: _Closeness
    second: _Closeness
    rarity: float

    @property
    def tells(self) -> bool:
        """Whether a copy would be noticed: real samples lie apart from each other and from the training samples.

        Where they coincide (constant samples, a feature space that sees nothing), or distances are too large for
        floats, nothing lies below the threshold.
        """
        return self.threshold > 0 and float(self.first.apart.median()) > 0

    @property
    def threshold(self) -> float:
        return float(self.first.ratio.quantile(self.rarity))

    @property
    def suspicious(self) -> int:
        return int((self.fake.ratio < self.threshold).sum())

    @property
    def share(self) -> float:
        return self.suspicious / len(self.fake.ratio)

    @property
    def real_share(self) -> float:
        return float((self.second.ratio < self.threshold).double().mean())

    @property
    def interval(self) -> Interval:
        return binomial_interval(self.suspicious, len(self.fake.ratio))

    @property
    def real(self) -> Tensor:
        """The quotients of all held-out samples."""
        return torch.cat([self.first.ratio, self.second.ratio])

    @property
    def drawn_in(self) -> bool:
        """Whether samples as a whole, not single ones, lie nearer to the training samples than real ones."""
        made = self.fake.place_by_place()
        real = torch.cat([self.first.place_by_place(), self.second.place_by_place()])
        if min(len(made), len(real)) < FEWEST_PLACES:
            return False
        return median_interval(made).high < DRAWN_IN * median_interval(real).low


@probes.register("nearest", summary="Did it copy its training samples?")
class Nearest(Probe):
    """Distance to the training set over distance to unseen samples, which a copy alone makes small."""

    name: ClassVar[str] = "nearest"
    question: ClassVar[str] = "Did it copy its training samples?"
    section: ClassVar[str] = "risk"
    order: ClassVar[int] = 10
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "For each sample: the distance to the nearest training sample over the distance to the nearest of "
        "one half of the held-out ones. The quotient matters, since blurred samples are near to "
        "everything, but only copies are nearer to the training samples alone. The other half of the "
        "held-out samples shows what is usual: a sample is suspicious when its quotient is below that of "
        f"all but {RARE:.0%} of them (or all but {RARE_COUNT}, if that is more). The halves change places "
        f"to give the reference. Bad: the share of suspicious samples is surely above {COPYING:.0%} in any "
        f"feature space. Caution: surely above {RAISED:g}× the expected share, or a median quotient surely "
        f"below {DRAWN_IN:g}× the real one, taken place by place so that a crowd in one place counts once. "
        "Finding nothing this way is no proof of privacy: rare or partial copies, and what a discriminator "
        "betrays, need other tests."
    )
    self_check: ClassVar[str] = (
        "One half of the held-out samples measured against the other is the reference: what real samples "
        "do by chance is no copying."
    )
    cost: ClassVar[str] = (
        "2,000 of the audit's samples against up to 100,000 training samples in each feature space; seconds."
    )
    source: ClassVar[str] = (
        "Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675) for the comparison with unseen samples; ours"
    )
    Settings: ClassVar[type[ProbeSettings]] = NearestSettings

    def examine(self, subject: Subject, settings: NearestSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST_GENERATED, training=2, held_out=FEWEST):
            return Finding.not_applicable(self.name, self.question, because)
        unseen = Unseen.of(bank)
        if len(unseen) < FEWEST:
            return self._nothing_to_compare(
                f"{unseen.known:,} of {unseen.held_out:,} held-out samples are training samples too, and the other "
                f"{len(unseen):,} are too few to know what is usual (at least {FEWEST} are needed)"
            )
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        names = dict.fromkeys((*bank.spaces, "raw"))  # copies show in the raw samples, whatever is judged by
        looked = [_look_up(bank, name, unseen, settings) for name in names]
        spaces = [space for space in looked if space.tells]
        if not spaces:
            where = " and ".join(bank.title(name) for name in names)
            return self._nothing_to_compare(
                f"real samples that it never saw are no farther from each other, or from training samples, than a "
                f"copy would be ({where})"
            )
        for space in spaces:
            _measure(finding, space, bank)
        for raw in (space for space in spaces if space.name == "raw"):
            _measure_copies(finding, raw, bank)
        finding.figures = _figures(bank, unseen, spaces, settings.shown)
        main = spaces[0]
        order = main.fake.ratio.argsort()
        finding.arrays = {
            "quotient": main.fake.ratio,
            "most_suspicious": order[: settings.shown],
            "nearest_training_row": bank.real_rows("train")[main.fake.train_row],
        }
        finding.method = (
            f"{self.described(settings)} Here: {len(main.fake.ratio):,} generated samples, "
            f"{min(settings.training, len(bank.reals('train'))):,} training samples, held-out halves of "
            f"{len(main.first.ratio):,}. {unseen.note}{'. ' if unseen.note else ''}{bank.describe(*names)}"
        )
        _judge(finding, spaces, bank)
        doubt = leak(unseen) or few_different(bank.features("raw", "fake", settings.compared))
        if finding.verdict is Verdict.GOOD and doubt:
            finding.verdict = Verdict.NOT_BELIEVABLE
            finding.headline = f"{doubt}{finding.headline}"
        blind = [bank.title(space.name) for space in looked if not space.tells]
        if blind:
            finding.headline += f" Nothing can be told by {' and '.join(blind)}, where real samples coincide."
        return finding

    def _nothing_to_compare(self, because: str) -> Finding:
        headline = f"Not believable, whatever it makes: {because}."
        return Finding(self.name, self.question, headline, Verdict.NOT_BELIEVABLE)


def _look_up(bank: SampleBank, space: str, unseen: Unseen, settings: NearestSettings) -> _Space:
    half = min(len(unseen) // 2, settings.compared)
    train = bank.features(space, "train", settings.training)
    held_out = unseen.features(space, 2 * half)
    first, second = held_out[:half], held_out[half : 2 * half]
    return _Space(
        space,
        fake=_closeness(bank.features(space, "fake", settings.compared), train, second),
        first=_closeness(first, train, second),
        second=_closeness(second, train, first),
        rarity=max(RARE, RARE_COUNT / half),
    )


def _closeness(queries: Tensor, train: Tensor, unseen: Tensor) -> _Closeness:
    to_train = nearest_neighbours(queries, train)
    nearest_unseen = nearest_neighbours(queries, unseen)
    to_unseen = nearest_unseen.distances[:, 0].double()
    distance = to_train.distances[:, 0].double()
    # A sample that equals an unseen one as well is no sign of copying: 0 over 0 counts as usual.
    ratio = torch.where(to_unseen > 0, distance / to_unseen.clamp_min(1e-30), torch.ones_like(distance))
    return _Closeness(ratio, distance, to_train.indices[:, 0], to_unseen, nearest_unseen.indices[:, 0])


def _measure(finding: Finding, space: _Space, bank: SampleBank) -> None:
    title = bank.title(space.name)
    finding.measurements.append(
        Estimate(space.share, space.interval).measurement(
            f"Suspiciously close samples, {title}",
            better="lower",
            baseline=space.real_share,
            what="real samples that it never saw",
            unit="share",
        )
    )
    finding.measurements.append(
        Estimate(float(space.fake.ratio.median()), median_interval(space.fake.ratio)).measurement(
            f"Distance to training over distance to unseen (median), {title}",
            better="higher",
            baseline=float(space.real.median()),
            what="real samples that it never saw",
        )
    )


def _measure_copies(finding: Finding, raw: _Space, bank: SampleBank) -> None:
    """Samples that no eye could tell from a training sample."""
    real = torch.cat([raw.first.train, raw.second.train])
    near = SAME * float(real.median())
    copies, n = int((raw.fake.train <= near).sum()), len(raw.fake.train)
    finding.measurements.append(
        Estimate(copies / n, binomial_interval(copies, n)).measurement(
            f"Copies of training samples, {bank.title(raw.name)}",
            better="lower",
            baseline=float((real <= near).double().mean()),
            what="real samples that it never saw",
            unit="share",
        )
    )


def _figures(bank: SampleBank, unseen: Unseen, spaces: list[_Space], shown: int) -> list[Figure]:
    main = spaces[0]
    half = len(main.first.ratio)
    title = bank.title(main.name)
    figures: list[Figure] = [
        bank.modality.shown_pairs(
            *_pairs(bank, main.fake, "fake", torch.arange(len(main.fake.ratio)), shown),
            f"The {shown} most suspicious samples (above, or “first”) and the nearest training sample of "
            f"each (below, or “second”), by {title}. Copies would be alike in every detail.",
        ),
        bank.modality.shown_pairs(
            *_pairs(bank, main.first, "held_out", unseen.rows, shown),
            "For comparison: the most suspicious of the real samples it never saw, and their nearest "
            "training samples. This is how near pairs get without any copying.",
        ),
        histogram_lines(
            [
                ("generated", GENERATED, main.fake.ratio.clamp_max(3).tolist()),
                (
                    "real, never seen",
                    REAL,
                    main.real.clamp_max(3).tolist(),
                ),
            ],
            bins=40,
            x_title=f"distance to training over distance to unseen, {title} (3 and more at the right end)",
            caption=(
                "Copies would stand near 0, at the left. Curves that lie over each other mean no sign of "
                "copying."
            ),
        ),
    ]
    columns = ("Feature space", "Suspicious below", "Generated", "Real, never seen", "Expected")
    rows = tuple(
        (bank.title(s.name), f"{s.threshold:.3f}", f"{s.share:.2%}", f"{s.real_share:.2%}", f"{s.rarity:.2%}")
        for s in spaces
    )
    figures.append(Table(columns, rows, f"Shares of suspicious samples; held-out halves of {half:,}."))
    return figures


def _pairs(
    bank: SampleBank, closeness: _Closeness, of: Of, rows: Tensor, shown: int
) -> tuple[Tensor, Tensor]:
    """The samples with the smallest quotients beside their nearest training samples; `rows` says which they are."""
    worst = closeness.ratio.argsort()[:shown]
    return beside_training(bank, of, rows[worst], closeness.train_row[worst])


def _judge(finding: Finding, spaces: list[_Space], bank: SampleBank) -> None:
    worst = max(spaces, key=lambda s: s.interval.low / max(s.rarity, s.real_share))
    expected = max(worst.rarity, worst.real_share)
    seen = (
        f"{worst.share:.1%} of its samples lie suspiciously close to a training sample, against "
        f"{worst.real_share:.1%} of real samples it never saw ({bank.title(worst.name)})"
    )
    if worst.interval.low > COPYING:
        finding.verdict = Verdict.BAD
        finding.headline = f"It copies training samples: {seen}."
    elif worst.interval.low > RAISED * expected:
        finding.verdict = Verdict.CAUTION
        finding.headline = f"It may copy some training samples: {seen}; look at the pairs."
    elif any(space.drawn_in for space in spaces):
        drawn = next(space for space in spaces if space.drawn_in)
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            "It may have learned its training samples too closely: its samples are "
            f"{float(drawn.fake.ratio.median()):.2f}× as far from them as from unseen ones, real samples "
            f"{float(drawn.real.median()):.2f}× ({bank.title(drawn.name)})."
        )
    else:
        finding.verdict = Verdict.GOOD
        finding.headline = f"No evidence of copying: {seen}. That is no proof of privacy."
