"""What is said of the readings and axes along which samples vary otherwise than the data's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganlens.explain.spread.axes import Axis
from ganlens.explain.spread.comparison import Comparison
from ganlens.explain.spread.faults import Fault, Kind
from ganlens.explain.spread.search import Search, named
from ganlens.probes.class_names import quoted
from ganlens.probes.quality.spread.settings import SpreadSettings
from ganlens.rules import MOST_WORDS, Rule, Rules, Verdict, always

UNNAMED = "what no reading names"
LISTED = 3
"""Axes that are listed beside the one that explains them."""
HALF = 0.5
"""The loss of spread by which the power is said."""
BESIDE, BESIDE_A_CUT = 5, 6
"""Words of the longest claim beside its subject, and of one that says where it is cut off."""


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        axes: all that was looked at.
        generated: what became of generated samples.
        held_out: of held-out real ones in their place.
        least_seen: the share of the data's spread below which a loss would surely have been seen along each named axis.
        goes_with: of an axis without a name, the reading that it goes with most, with the rank correlation.
    """

    axes: Sequence[Axis]
    generated: Search
    held_out: Search
    least_seen: Sequence[float]
    goes_with: tuple[str, float] | None
    settings: SpreadSettings

    @property
    def faults(self) -> int:
        return self.generated.count

    @property
    def false(self) -> int:
        return self.held_out.count

    @property
    def false_faults(self) -> str:
        """Faults of held-out samples in words."""
        return f"{self.false} fault{'s' * (self.false != 1)}"

    @property
    def real_as_faulty(self) -> bool:
        """Whether held-out real samples come out with about as many faults."""
        return self.false > 0 and self.false >= self.settings.nothing_wrong * self.faults

    @property
    def share_at_fault(self) -> float:
        """Share of all axes that are at fault."""
        return len(self.generated.report.at_fault) / max(len(self.axes), 1)

    @property
    def still(self) -> bool:
        """Whether nearly all of them hardly vary."""
        still = sum(fault.kind == "hardly varies" for fault in self.generated.report.at_fault)
        return still >= self.settings.nearly_all * len(self.axes)

    @property
    def nearly_all(self) -> bool:
        """Whether nearly all are at fault, and no few of them explain the others."""
        report = self.generated.report
        return self.share_at_fault >= self.settings.nearly_all and bool(report.unexplained)

    @property
    def foremost(self) -> tuple[Fault, str] | None:
        """The fault to tell and the class that has it, which is empty where all samples have."""
        if self.generated.report.explained:
            return self.generated.report.explained[0].leading, ""
        if self.generated.in_classes:
            entry = self.generated.in_classes[0]
            return entry.fault, entry.class_name
        return None

    @property
    def fault(self) -> Fault:
        assert self.foremost is not None
        return self.foremost[0]

    @property
    def control(self) -> Comparison:
        """Held-out samples beside training samples, of the same class where the fault is of one."""
        if not self.generated.report.explained and self.generated.in_classes:
            number = self.generated.in_classes[0].class_number
            return self.held_out.by_class.get(number, self.held_out.report.comparison)
        return self.held_out.report.comparison

    @property
    def subject(self) -> str:
        """What varies otherwise, and in which class, as the end of a claim that has room for it."""
        assert self.foremost is not None
        fault, class_name = self.foremost
        name = fault.axis.name if fault.axis.nameable else UNNAMED
        room = MOST_WORDS - (BESIDE_A_CUT if self.where else BESIDE)
        if not class_name:
            return _short(name, room)
        within = f"for {quoted(class_name)}"
        if len(f"{name} {within}".split()) > room:
            within = "in one class"
        return f"{_short(name, room - len(within.split()))} {within}"

    @property
    def where(self) -> str:
        """At which end it is cut off; the ends of an axis without a name have none either."""
        if not self.fault.axis.nameable:
            return ""
        return {"is cut off above": "above", "is cut off below": "below"}.get(self.fault.kind, "")

    @property
    def moved(self) -> str:
        """To which side it has moved; the sides of an axis without a name have none either."""
        if not self.fault.axis.nameable:
            return "off"
        return {"is too high": "too high", "is too low": "too low"}.get(self.fault.kind, "off")

    @property
    def real_ratio(self) -> float:
        """The spread of held-out samples over that of training samples along the same axis."""
        return float(self.control.ratio[self.fault.number])

    @property
    def real_lost(self) -> float:
        """Share of training samples beyond the same end of held-out ones."""
        lost = {"is cut off above": self.control.lost_above, "is cut off below": self.control.lost_below}
        return float(lost.get(self.fault.kind, self.control.lost_above)[self.fault.number])

    @property
    def real_excess(self) -> float:
        """Share of held-out samples that would have to lie elsewhere along the same axis."""
        return float(self.control.excess[self.fault.number])

    @property
    def read(self) -> int:
        """How many things with a name were looked at."""
        return len(named(self.axes))

    @property
    def seen(self) -> int:
        """In how many of them the loss of half of the spread would surely have been seen."""
        return sum(share >= 1 - HALF for share in self.least_seen)

    @property
    def weak(self) -> bool:
        """Whether in most of them it could have gone unseen."""
        return self.seen < self.settings.weak * self.read

    @property
    def remarks(self) -> list[str]:
        """What the foremost explains, the other faults, and what an axis without a name goes with."""
        sentences = []
        for number, entry in enumerate(self.generated.report.explained):
            if number:
                sentences.append(f"Besides, {in_words(entry.leading)}.")
            if entry.others:
                sentences.append(f"The same explains what is off in {_of_others(entry.others)}.")
        if self.generated.report.unexplained:
            count = len(self.generated.report.unexplained)
            sentences.append(f"Of all that was looked at, {count} more are off beside these.")
        sentences += [
            f"Among samples of “{entry.class_name}”, {in_words(entry.fault)}."
            for entry in self.generated.in_classes[:LISTED]
        ]
        if self.goes_with is not None:
            name, correlation = self.goes_with
            sentences.append(
                f"What no reading names goes most with {name} (rank correlation {correlation:.2f}); look at its strip."
            )
        return sentences


def in_words(fault: Fault) -> str:
    """A fault as a clause: "size hardly varies"."""
    return f"{fault.axis.name if fault.axis.nameable else UNNAMED} {fault.kind}"


def _of_others(others: Sequence[Fault]) -> str:
    """The axes that one fault explains, those with a name by it."""
    names = [fault.axis.name for fault in others if fault.axis.nameable][:LISTED]
    more = len(others) - len(names)
    axes = f"{more} {'more ' if names else ''}{'axes' if more != 1 else 'axis'}"
    return ", ".join(names) + (f" and {axes}" if names else axes) * bool(more)


def _short(name: str, words: int) -> str:
    """The first words of a name."""
    parts = name.split()
    return name if len(parts) <= words else " ".join(parts[:words]) + "…"


_SPREAD = (
    "Its spread is {fault.ratio:.0%} of that of training samples; held-out ones come to {real_ratio:.0%}."
)
_LOST = (
    "Of training samples {fault.lost:.0%} lie beyond what it reaches, {real_lost:.0%} beyond held-out ones."
)
_ELSEWHERE = (
    "Of its samples {fault.excess:.0%} would have to lie elsewhere, of held-out real ones in their place "
    "{real_excess:.0%}."
)
_COLLAPSE = (
    "Look at the strip of its values; then train longer, or let the discriminator see several samples at once: "
    "`ganlens train DATA --set objective.pack=2`."
)
_LOOK = (
    "Look at the strip of its values, and don't use its samples where these matter; see whether it can make what is "
    "missing: `ganlens probe cannot-generate SUBJECT`."
)


def _is(*kinds: Kind) -> Callable[[Evidence], bool]:
    return lambda e: e.foremost is not None and e.fault.kind in kinds


def _much(holds: Callable[[Evidence], bool]) -> Callable[[Evidence], bool]:
    """The same where it is bad: of all samples, and many would have to lie elsewhere."""
    return lambda e: holds(e) and not e.foremost[1] and e.fault.excess > e.settings.bad  # type: ignore[index]


def _faults(
    name: str, claim: str, detail: str, advice: str, *kinds: Kind
) -> tuple[Rule[Evidence], Rule[Evidence]]:
    """One way to be off, bad and less bad."""
    return (
        Rule(f"{name}-by-far", _much(_is(*kinds)), Verdict.BAD, claim, detail, advice),
        Rule(name, _is(*kinds), Verdict.CAUTION, claim, detail, advice),
    )


RULES = Rules(
    Evidence,
    Rule(
        "real-samples-at-fault",
        lambda e: e.real_as_faulty,
        Verdict.NOT_BELIEVABLE,
        "Real samples, put to the same test, come out at fault.",
        "Held-out real samples in the generator's place come out with {false_faults}, the generator with {faults}; "
        "there should be none.",
        "Name data whose training and held-out samples were drawn at random from the same: `--data`.",
    ),
    Rule(
        "still",
        lambda e: e.still,
        Verdict.BAD,
        "Its samples hardly vary in anything.",
        "Of all that was looked at {share_at_fault:.0%} is off, most because it hardly varies, and held-out real "
        "samples come out with {false_faults}.",
        _COLLAPSE,
    ),
    Rule(
        "nearly-all",
        lambda e: e.nearly_all,
        Verdict.BAD,
        "Its samples vary otherwise than the data's in nearly everything.",
        "Of all that was looked at {share_at_fault:.0%} is off; held-out real samples come out with {false_faults}.",
        "Look at its samples beside real ones, then train longer: `ganlens probe gallery SUBJECT`.",
    ),
    *_faults("hardly-varies", "It hardly varies in {subject}.", _SPREAD, _COLLAPSE, "hardly varies"),
    *_faults(
        "cut-off",
        "It is cut off {where} in {subject}.",
        _LOST,
        _LOOK,
        "is cut off above",
        "is cut off below",
    ),
    *_faults("too-little", "It varies too little in {subject}.", _SPREAD, _COLLAPSE, "varies too little"),
    *_faults("too-much", "It varies too much in {subject}.", _SPREAD, _LOOK, "varies too much"),
    *_faults("moved", "It lies {moved} in {subject}.", _ELSEWHERE, _LOOK, "is too high", "is too low"),
    *_faults("overdone", "It overdoes some values of {subject}.", _ELSEWHERE, _LOOK, "is overdone"),
    Rule(
        "weak",
        lambda e: e.weak,
        Verdict.GOOD,
        "No fault of spread shows; with few samples only great ones would.",
        "In {seen} of {read} readings half of the spread missing would surely have been seen; held-out real samples "
        "come out with {false_faults}.",
    ),
    Rule(
        "as-the-data",
        always,
        Verdict.GOOD,
        "Its samples vary, reach and fall as the data's do.",
        "In {seen} of {read} readings half of the spread missing would surely have been seen; held-out real samples "
        "come out with {false_faults}.",
    ),
)
