"""All conditions that a family's world is put into: what is planted, which questions are asked, what is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganlens.rules import Verdict
from planted import wordings as say
from planted.artefacts import ARTEFACTS
from planted.families.family import Family, Level
from planted.generators import UNITS
from planted.judge import EXPLAINED, Truth
from planted.plant import CORNERS, OBEYED, Copies, Plant, drawn

CLASSES = ("modes", "cannot-generate", "missed")
SPREAD = ("spread", "diversity", "cannot-generate", "missed", "two-sample")
COPYING = ("nearest", "memorisation")
ARTEFACT = ("artefacts", "off-manifold", "two-sample", "cannot-generate", "fidelity")
CLASSIFIER = ("classifier", "counterfactuals", "concepts")
DISCRIMINATOR = ("discriminator",)
LEARNED = (
    "directions",
    "axes",
    "latent-attribution",
    "units",
    "latent-recovery",
    "inversion",
    "concepts",
    "why",
)
CHANNELS = ("red", "green", "blue")
SLIGHT = 0.02
"""Noise on copies, as a share of the range."""

HEALTHY = "healthy"


@dataclass(frozen=True)
class Condition:
    """One way of putting a world together.

    Attributes:
        name: short.
        summary: what is planted, for a reader.
        plant: of a family, level and seed.
        truths: what is true of it; none of a healthy one, where every alarm is false.
        probes: what is asked at least; () for every question.
        fits: whether it makes sense for a family.
        recovery: whether the directions that methods offer are compared with the true ones.
    """

    name: str
    summary: str
    plant: Callable[[Family, Level, int], Plant]
    truths: Callable[[Family, Plant], tuple[Truth, ...]] = lambda family, plant: ()
    probes: tuple[str, ...] = ()
    fits: Callable[[Family], bool] = lambda family: True
    recovery: bool = False

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong, so that every alarm is false."""
        return self.name.startswith(HEALTHY)


def _pictures(family: Family) -> bool:
    return family.channels > 0


def _coloured(family: Family) -> bool:
    return family.channels == 3


def _tinted(family: Family) -> bool:
    return family.tint is not None


def _class(family: Family, seed: int, purpose: str) -> str:
    return drawn(family, seed, purpose, family.classes)


def _cause(family: Family, seed: int, purpose: str, *, extends: bool = False) -> str:
    return drawn(
        family, seed, purpose, [cause.name for cause in family.causes if cause.extends or not extends]
    )


def _corner(family: Family, seed: int, purpose: str) -> str:
    return drawn(family, seed, purpose, CORNERS)


def _about_class(label: str, name: str, words: str) -> Truth:
    return Truth(label, f"{name} {label}", CLASSES, (rf"\b{name}(s|es)?\b", words))


def _about_cause(label: str, family: Family, name: str, words: str) -> Truth:
    return Truth(label, f"{name} {label}", SPREAD, (family.cause(name).words, words))


def _copies(label: str, how: str, copies: Copies, *words: str) -> Condition:
    verdicts = frozenset({Verdict.BAD}) if copies.share >= 0.3 else frozenset({Verdict.BAD, Verdict.CAUTION})
    truth = Truth(label, label, COPYING, (say.COPIES, *words), verdicts, denials=(say.NO_COPIES,))
    return Condition(
        label,
        f"{copies.share:.0%} of the samples are training samples{how}",
        lambda family, level, seed: Plant(copies=copies),
        lambda family, plant: (truth,),
        COPYING,
        _pictures if words else (lambda family: True),
    )


def _artefact(name: str, words: str) -> Condition:
    return Condition(
        name,
        f"its pictures have a fault of their own: {name}",
        lambda family, level, seed: Plant(artefact=name),
        lambda family, plant: (Truth(name, name, ARTEFACT, (words,)),),
        ARTEFACT,
        _coloured if name == "colour missing" else _pictures,
    )


def _dot_truths(family: Family, plant: Plant) -> tuple[Truth, ...]:
    place = say.corner_words(plant.dot)
    # Of the units that see the score which switches it on, one does nothing else: that one draws it as well.
    switch = len(family.causes) + family.nuisances + 1
    unit = (rf"\bunit ({plant.dot_unit}|{switch})\b", rf"{say.SPOT}|{place}")
    return (
        Truth("bright dot", f"bright dot at the {plant.dot}", ARTEFACT, (say.SPOT, place)),
        Truth("the dot's unit", f"unit {plant.dot_unit} draws it", ("units", "artefacts"), unit, EXPLAINED),
    )


def _dot(family: Family, level: Level, seed: int) -> Plant:
    return Plant(dot=_corner(family, seed, "dot"), dot_unit=drawn(family, seed, "unit", range(UNITS)))


def _patch(family: Family, level: Level, seed: int) -> Plant:
    corner, name = _corner(family, seed, "patch"), _class(family, seed, "patch class")
    return Plant(patch=corner, patch_class=name, classifier="patch")


def _colour_truth(family: Family, plant: Plant) -> tuple[Truth, ...]:
    words = say.COLOUR if family.channels == 3 else say.BRIGHTNESS
    fault = "it goes by colour alone" if family.channels == 3 else "it goes by brightness alone"
    label = "classifier by colour"
    return (Truth(label, fault, CLASSIFIER, (words, say.DECIDES), denials=(say.NO_SHORTCUT,), anyone=False),)


def _patch_truth(family: Family, plant: Plant) -> tuple[Truth, ...]:
    words = (say.corner_words(plant.patch), rf"{say.DECIDES}|patch")
    fault = f"a patch at the {plant.patch} decides on {plant.patch_class}"
    return (Truth("classifier by patch", fault, CLASSIFIER, words, denials=(say.NO_SHORTCUT,), anyone=False),)


def _seen(label: str, fault: str, *words: str) -> tuple[Truth, ...]:
    """What a discriminator goes by; an answer may be good, and one without the words has missed it."""
    return (Truth(label, fault, DISCRIMINATOR, words, EXPLAINED, anyone=False, acquits=frozenset()),)


def _nothing_learned(family: Family, plant: Plant) -> tuple[Truth, ...]:
    verdicts = frozenset({Verdict.NOT_BELIEVABLE, Verdict.BAD, Verdict.CAUTION})
    return (Truth("untrained", "nothing was learned", LEARNED, (say.UNLEARNED,), verdicts, alarms=verdicts),)


_HEALTHY = (
    Condition(HEALTHY, "nothing: fresh samples of the truth", lambda f, level, seed: Plant(), recovery=True),
    Condition(
        "healthy conditional",
        "nothing: it is asked for a class, and makes it",
        lambda f, level, seed: Plant(obeyed=1.0),
    ),
    Condition(
        "healthy classifier",
        "nothing: a classifier that looks at the whole sample",
        lambda f, level, seed: Plant(classifier="fair"),
        probes=CLASSIFIER,
    ),
    Condition(
        "healthy coarse classifier",
        "nothing: a classifier of coarser classes than the data's",
        lambda f, level, seed: Plant(classifier="coarse"),
        probes=CLASSIFIER,
    ),
    Condition(
        "healthy discriminator",
        "nothing: a discriminator that was shown damaged samples of every kind",
        lambda f, level, seed: Plant(discriminator="fair"),
        probes=DISCRIMINATOR,
    ),
)

_CAUSES = (
    Condition(
        "never made",
        "one class is never made",
        lambda f, level, seed: Plant(never=_class(f, seed, "never")),
        lambda f, plant: (_about_class("never made", plant.never, say.NEVER),),
        CLASSES,
    ),
    Condition(
        "over-made",
        "one class is made twice as often as in the data",
        lambda f, level, seed: Plant(twice=_class(f, seed, "twice")),
        lambda f, plant: (_about_class("over-made", plant.twice, say.TOO_OFTEN),),
        CLASSES,
    ),
    Condition(
        "constant cause",
        "one cause doesn't vary",
        lambda f, level, seed: Plant(constant=_cause(f, seed, "constant")),
        lambda f, plant: (_about_cause("constant", f, plant.constant, say.HARDLY_VARIES),),
        SPREAD,
    ),
    Condition(
        "truncated cause",
        "one cause never goes beyond the middle of its range",
        lambda f, level, seed: Plant(truncated=_cause(f, seed, "truncated")),
        lambda f, plant: (_about_cause("truncated", f, plant.truncated, say.CUT_OFF),),
        SPREAD,
    ),
    Condition(
        "overdone cause",
        "one cause goes far beyond its range",
        lambda f, level, seed: Plant(overdone=_cause(f, seed, "overdone", extends=True)),
        lambda f, plant: (_about_cause("overdone", f, plant.overdone, say.OVERDONE),),
        SPREAD,
    ),
    Condition(
        "label disobeyed",
        "asked for a class, it makes another one in many samples",
        lambda f, level, seed: Plant(obeyed=OBEYED),
        lambda f, plant: (
            Truth("label disobeyed", "labels are disobeyed", ("modes",), (say.ASKED, say.DISOBEYED)),
        ),
        ("modes", "cannot-generate", "fidelity"),
    ),
    Condition(
        "torn",
        "one cause jumps from its highest to its lowest value in the middle of the latent space",
        lambda f, level, seed: Plant(torn=_cause(f, seed, "torn")),
        lambda f, plant: (Truth("torn", "its latent space is torn", ("path-length",), (say.TORN,)),),
        ("path-length",),
    ),
)

_COPIES = (
    _copies("noisy copies", " under slight noise", Copies(0.3, noise=SLIGHT)),
    _copies("flipped copies", ", flipped from left to right", Copies(0.3, "flipped"), say.FLIPPED),
    _copies("shifted copies", ", moved by a pixel", Copies(0.3, "shifted"), say.SHIFTED),
    _copies("few copies", "", Copies(0.05)),
)

_ARTEFACTS = (
    Condition("bright dot", "one unit draws a bright dot in half of the samples", _dot, _dot_truths,
              ("artefacts", "off-manifold", "units", "cannot-generate", "two-sample"), _pictures),
    *(
        _artefact(name, words)
        for name, words in zip(
            ARTEFACTS,
            (say.CHECKERBOARD, say.STRIPES, say.BORDER, say.SPECKS, say.BLUR, say.WASH, say.BLUE_MISSING),
            strict=True,
        )
    ),
)  # fmt: skip

_JUDGES = (
    Condition(
        "classifier by colour",
        "a classifier to which the place of no pixel matters; colour goes with the class in most of the data",
        lambda f, level, seed: Plant(tinted=True, classifier="colour"),
        _colour_truth,
        CLASSIFIER,
        _tinted,
    ),
    Condition(
        "classifier by patch",
        "a patch in a corner goes with one class, and decides",
        _patch,
        _patch_truth,
        CLASSIFIER,
        _pictures,
    ),
    Condition(
        "discriminator of one channel",
        "a discriminator that sees one colour",
        lambda f, level, seed: Plant(discriminator="channel", channel=drawn(f, seed, "channel", range(3))),
        lambda f, plant: _seen(
            "one channel", f"it sees {CHANNELS[plant.channel]} alone", rf"\b{CHANNELS[plant.channel]}\b"
        ),
        DISCRIMINATOR,
        _coloured,
    ),
    Condition(
        "discriminator of texture",
        "a discriminator that sees fine texture alone",
        lambda f, level, seed: Plant(discriminator="texture"),
        lambda f, plant: _seen("fine texture", "it sees fine texture alone", say.FINE),
        DISCRIMINATOR,
        _pictures,
    ),
    Condition(
        "discriminator of a corner",
        "a discriminator that sees one corner alone",
        lambda f, level, seed: Plant(discriminator="corner", corner=_corner(f, seed, "corner")),
        lambda f, plant: _seen(
            "a corner", f"it sees the {plant.corner} alone", say.corner_words(plant.corner)
        ),
        DISCRIMINATOR,
        _pictures,
    ),
)

_EXPLANATIONS = (
    Condition(
        "untrained",
        "a freshly initialised network",
        lambda f, level, seed: Plant(untrained=True),
        _nothing_learned,
        ("fidelity", *LEARNED),
    ),
    Condition(
        "equal scales",
        "nothing: the causes have the same spread in the first layer, and the latent is not bent",
        lambda f, level, seed: Plant(equal_scales=True, straight=True),
        probes=("directions",),
        recovery=True,
    ),
    Condition(
        "distinct scales",
        "nothing: the causes differ in spread in the first layer, and the latent is not bent",
        lambda f, level, seed: Plant(straight=True),
        probes=("directions",),
        recovery=True,
    ),
)

CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (*_HEALTHY, *_CAUSES, *_COPIES, *_ARTEFACTS, *_JUDGES, *_EXPLANATIONS)
}


def planted_truths(condition: Condition, family: Family, level: Level, seed: int) -> tuple[Truth, ...]:
    """What is true of one world."""
    return condition.truths(family, condition.plant(family, level, seed))
