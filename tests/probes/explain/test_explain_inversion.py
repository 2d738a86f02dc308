"""The probe `inversion` on spots: generators that make all of them, some of them, and none that can be found."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from ganlens.data import Dataset
from ganlens.errors import UserError
from ganlens.explain.inversion import Inversion
from ganlens.explain.inversion.errors import Errors
from ganlens.explain.inversion.from_places import Places, chosen_places
from ganlens.explain.inversion.kind_errors import KindError, kind_errors
from ganlens.explain.inversion.redrawing import Redrawn
from ganlens.figures.figure import Plot, Table
from ganlens.finding import Finding
from ganlens.measures import Estimate, Interval
from ganlens.probes import probes
from ganlens.probes.explain.inversion.conclusion import RULES, Loss, kinds_in_words
from ganlens.probes.explain.inversion.settings import InversionSettings
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import Context, SampleBank, Subject

NAMED = {"level": 0.01, "noticeable": 1.5}
QUICK = {"count": 40, "steps": 50, "places": "none"}


@pytest.fixture(scope="module")
def data(spots: SimpleNamespace) -> object:
    unlabelled = spots.dataset(spots.spread, train=400, held_out=200)
    for split in (unlabelled.train, unlabelled.held_out):
        split.__dict__["labels"] = None  # no labeller to train: the code's features are used
    return unlabelled


@pytest.fixture(scope="module")
def right(spots: SimpleNamespace, data: object) -> Finding:
    return spots.ask("inversion", spots.Generator(spots.first_two), data, samples=400, **QUICK)


@pytest.fixture(scope="module")
def half(spots: SimpleNamespace, data: object) -> Finding:
    """Makes spots in the left half alone."""

    def left(latent: Tensor) -> Tensor:
        place = spots.first_two(latent)
        return torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1)

    return spots.ask("inversion", spots.Generator(left), data, samples=400, **{**QUICK, "count": 100})


def test_a_generator_of_the_same_spots_redraws_unseen_ones(right: Finding) -> None:
    assert right.verdict == Verdict.GOOD
    assert right.claim == "It redraws unseen real samples nearly as well as its own."
    assert right.measurement("error of held-out samples").value < 0.01
    ratio = right.measurement("held-out over training error")
    assert ratio.low is not None and ratio.low <= 1 <= ratio.high  # type: ignore[operator]


def test_what_it_cannot_make_it_cannot_redraw(half: Finding, data: object) -> None:
    assert half.verdict == Verdict.BAD
    assert half.rule in ("kind-lost", "kind-poor")
    assert half.measurement("error of own samples").value < 0.01
    share = half.measurement("share of held-out samples it can't redraw")
    assert 0.25 < share.value < 0.75  # half of the spots lie to the right; those near the middle pass
    assert share.low > share.baseline.value  # type: ignore[operator]


def test_the_worst_are_those_it_never_makes(half: Finding, spots: SimpleNamespace) -> None:
    errors = half.arrays["held_out_errors"]
    redrawn = half.arrays["held_out_redrawn"]
    assert float(errors[errors.argsort(descending=True)[:6]].min()) > 0.2
    centre = (
        redrawn.clamp(min=-1).add(1).sum(dim=(1, 2)) @ torch.arange(8.0) / redrawn.add(1).sum(dim=(1, 2, 3))
    )
    assert float(centre.max()) < 3.8  # nothing redrawn has its centre in the right half


def test_a_search_that_fails_on_own_samples_proves_nothing(spots: SimpleNamespace, data: object) -> None:
    noisy = spots.Generator(spots.first_two, noise=0.7)  # a ripple of high frequency: no way down leads to it
    found = spots.ask("inversion", noisy, data, samples=400, **{**QUICK, "steps": 10})
    assert found.verdict == Verdict.NOT_BELIEVABLE
    assert found.claim == "The search can't even redraw its own samples."
    assert found.remarks == []  # no result follows


def test_one_picture_over_and_over_is_a_finding(spots: SimpleNamespace, data: object) -> None:
    def still(latent: Tensor) -> Tensor:
        return 0.02 * latent[:, :2]

    found = spots.ask(
        "inversion", spots.Generator(still), data, samples=400, **{**QUICK, "count": 64, "steps": 20}
    )
    assert found.verdict is not Verdict.GOOD
    assert found.claim.startswith("It can't redraw")  # the search is not to blame: it finds own samples again


def test_a_generator_that_replays_training_samples_is_noticed(spots: SimpleNamespace) -> None:
    small = spots.dataset(spots.spread, train=40, held_out=40)
    for split in (small.train, small.held_out):
        split.__dict__["labels"] = None
    pictures = small.train.samples.tensor()

    class Replay:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.rand(n, 2, generator=rng) * 2 - 1

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            row = ((latent[:, 0].detach().clamp(-1, 0.999) + 1) / 2 * len(pictures)).long()
            return pictures[row]

    found = spots.ask("inversion", Replay(), small, samples=400, **{**QUICK, "steps": 10})
    assert found.measurement("error of training samples").value == pytest.approx(0, abs=1e-6)
    assert found.measurement("held-out over training error").low > 5  # type: ignore[operator]
    assert any("a hint of memorisation" in remark for remark in found.remarks)
    assert found.verdict != Verdict.GOOD
    assert "evolution strategy, since no gradients pass" in found.method


def test_layers_are_searched_and_shuffled_pictures_judge_them(spots: SimpleNamespace, data: object) -> None:
    class Half(torch.nn.Module):
        """Places by a layer that never reaches the right half, drawn by what comes behind it."""

        def __init__(self) -> None:
            super().__init__()
            self.place, self.draw = Place(), Draw()

        def forward(self, z: Tensor) -> Tensor:
            return self.draw(self.place(z))

    class Place(torch.nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            place = 1.5 * torch.tanh(z[:, :2])
            return torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1)

    class Draw(torch.nn.Module):
        def forward(self, place: Tensor) -> Tensor:
            return spots.draw(place)

    generator = (Half(), 4)
    found = spots.ask(
        "inversion",
        generator,
        data,
        samples=400,
        **{**QUICK, "count": 64, "places": "place", "curve_samples": 24},
    )
    from_layer = found.measurement("error of held-out samples, made from place")
    assert from_layer.value < 0.5 * found.measurement("error of held-out samples").value
    assert from_layer.controls[0].value > 0.5  # shuffled pictures are no spots, wherever they are put
    assert "can be drawn from the output of place on" in " ".join(found.remarks)
    table = next(figure for figure in found.figures if isinstance(figure, Table))
    assert [row[0] for row in table.rows] == ["space z", "space z, searched on", "place"]


def test_a_rotation_loses_nothing(spots: SimpleNamespace, data: object) -> None:
    class Turned(torch.nn.Module):
        """Places that never reach the right half, drawn behind a rotation of the latent."""

        def __init__(self) -> None:
            super().__init__()
            self.turn = torch.nn.Linear(4, 4, bias=False)
            with torch.no_grad():
                self.turn.weight.copy_(torch.linalg.qr(torch.randn(4, 4, generator=torch_generator(5)))[0])

        def forward(self, z: Tensor) -> Tensor:
            place = 1.5 * torch.tanh(self.turn(z)[:, :2])
            return spots.draw(torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1))

    settings = {**QUICK, "count": 24, "places": "turn", "curve_samples": 24, "steps": 20}
    found = spots.ask("inversion", (Turned(), 4), data, samples=400, **settings)
    assert found.measurement("error of held-out samples").value > 0.1
    assert "so it is lost before" not in " ".join(found.remarks)


# ---- kinds


def redrawn(errors: Tensor, labels: Tensor | None = None) -> Redrawn:
    samples = torch.zeros(len(errors), 1)
    whole = Inversion(samples, None, samples, errors.float(), errors.float(), True)
    return Redrawn(samples, labels, whole, errors.double(), errors.double())


def test_a_kind_whose_errors_lie_above_the_rest_is_named_and_no_other() -> None:
    kinds = torch.arange(60) % 3
    errors = 0.01 + 0.001 * (torch.arange(60) % 7).double()
    errors[kinds == 2] += 0.3
    found = kind_errors(redrawn(errors), ["circle", "square", "triangle"], kinds, 0.02, 0, **NAMED)
    assert [kind.name for kind in found if kind.worse] == ["triangle"]
    worst = found[0]
    assert worst.mean == pytest.approx(float(errors[kinds == 2].mean()))
    assert worst.rest == pytest.approx(float(errors[kinds != 2].mean()))
    assert worst.interval.low <= worst.mean <= worst.interval.high < 0.32 and worst.beyond == 1
    exact = mannwhitneyu(errors[kinds == 2].numpy(), errors[kinds != 2].numpy(), alternative="greater").pvalue
    assert worst.p_value == pytest.approx(3 * exact)  # Holm: the smallest of three
    assert kinds_in_words(found[:1]).startswith("Redrawn worse than the rest: triangle (31.3% is lost, ")


def test_a_kind_that_is_surely_but_hardly_worse_is_not_named() -> None:
    kinds = torch.arange(400) % 2
    errors = 0.1 + 0.001 * (torch.arange(400) % 7).double() + 0.01 * kinds
    found = kind_errors(redrawn(errors), ["a", "b"], kinds, 0.5, 0, **NAMED)
    assert found[0].p_value < 1e-10 and not any(kind.worse for kind in found)


def test_kinds_drawn_by_lot_are_not_named_more_often_than_promised() -> None:
    named = 0
    for seed in range(60):
        rng = torch_generator(seed, "lot")
        kinds, errors = torch.randint(8, (64,), generator=rng), torch.rand(64, generator=rng).double() ** 3
        named += any(
            kind.worse for kind in kind_errors(redrawn(errors), list("abcdefgh"), kinds, 0.9, seed, **NAMED)
        )
    assert named <= 3  # at a rate of 1 %, four or more of 60 happen once in 300 times


def test_without_labels_the_cluster_it_never_makes_is_named(half: Finding) -> None:
    assert half.claim.startswith(("It can't redraw samples of cluster ", "It redraws samples of cluster "))
    named = [m for m in half.measurements if m.name.startswith("error of held-out samples, cluster ")]
    assert 2 <= len(named) <= 3  # of six, half lie to the right
    assert all(m.low is not None and m.low > 3 * m.baseline.value > 0 for m in named[:1])
    assert all(m.value > 0.1 for m in named)


# ---- a conditional generator, one with a space of its own


class Quadrant:
    """Places a spot in the quadrant that it is asked for; the lower right one it can't make."""

    latent_shape, num_classes = (4,), 4

    def __init__(self, draw: Callable[[Tensor], Tensor], *, lacks: bool) -> None:
        self.draw, self.lacks = draw, lacks

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 4, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None and len(labels) == len(latent)
        asked = labels.clamp(max=2) if self.lacks else labels
        side = torch.stack([asked % 2, asked // 2], dim=1) * 2.0 - 1
        return self.draw(side * (0.1 + 1.4 * torch.tanh(latent[:, :2].abs())))


@pytest.fixture(scope="module")
def labelled(spots: SimpleNamespace) -> Dataset:
    return spots.dataset(spots.spread, train=400, held_out=200)  # type: ignore[no-any-return]


def ask_conditional(spots: SimpleNamespace, data: Dataset, *, lacks: bool) -> Finding:
    subject = Subject.wrap(Quadrant(spots.draw, lacks=lacks), data=data, range=(-1.0, 1.0))
    bank = SampleBank(
        subject,
        samples=400,
        labeller=spots.Quadrants(),
        autoencoder=spots.fitted(data),
    )
    kind = probes["inversion"]
    settings = kind.Settings(count=64, steps=60, places="auto")
    return kind().examine(subject, settings, Context(0, bank.device, bank))


def test_a_conditional_generator_is_asked_for_the_class_of_each_sample(
    spots: SimpleNamespace, labelled: Dataset
) -> None:
    found = ask_conditional(spots, labelled, lacks=False)
    assert found.verdict == Verdict.GOOD and found.rule == "redraws"
    assert found.measurement("error of held-out samples").value < 0.01


def test_a_class_that_a_conditional_generator_cannot_make_is_named(
    spots: SimpleNamespace, labelled: Dataset
) -> None:
    found = ask_conditional(spots, labelled, lacks=True)
    assert found.claim == "It can't redraw samples of class lower right." and found.verdict == Verdict.BAD
    worst = found.measurement("error of held-out samples, class lower right")
    assert worst.low is not None and worst.low > 10 * worst.baseline.value


class Styled(torch.nn.Module):
    """z is squeezed into the left half on its way to w; from w on anything can be drawn."""

    latent_shape = (4,)

    def __init__(self, draw: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.draw = draw

    def mapping(self, z: Tensor) -> Tensor:
        place = 1.5 * torch.tanh(z[:, :2])
        return torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1)

    def synthesis(self, w: Tensor) -> Tensor:
        return self.draw(w)

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z))


def test_the_curve_shows_that_w_can_make_what_z_cannot(spots: SimpleNamespace, data: Dataset) -> None:
    found = spots.ask(
        "inversion", (Styled(spots.draw), 4), data, samples=400, **{**QUICK, "places": "auto", "steps": 100}
    )
    from_w = found.measurement("error of held-out samples, made from space w")
    assert from_w.value < 0.5 * found.measurement("error of held-out samples").value
    assert "Most of it can be drawn from space w on" in " ".join(found.remarks)
    curve = next(f for f in found.figures if isinstance(f, Plot) and "each place" in f.caption)
    assert curve.figure["data"][0]["x"] == ["space z", "space w"]


def test_places_are_those_named_or_all_that_run_once() -> None:
    class Repeated(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.again, self.last = (
                torch.nn.Linear(3, 5),
                torch.nn.Linear(5, 5),
                torch.nn.Linear(5, 4),
            )

        def forward(self, z: Tensor) -> Tensor:
            return self.last(self.again(self.again(self.first(z))))

    subject = Subject.wrap(Repeated(), latent=3)
    assert chosen_places(subject, "all") == Places(["z"], ["first"])
    assert chosen_places(subject, "again") == Places(["z"], ["again"])
    assert chosen_places(subject, "none") == Places([], [])
    with pytest.raises(UserError, match="has no layer 'frist'"):
        chosen_places(subject, "frist")


# ---- words


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(
        value, Interval(value if low is None else low, value if high is None else high, "by hand")
    )


def errors_of(
    *,
    own: float = 0.01,
    held_out: float = 0.02,
    surely: float = 0.005,
    over_train: float = 1.0,
    start: float = 0.3,
) -> Errors:
    fixed = estimate(own)
    return Errors(
        own=fixed,
        train=estimate(held_out / over_train),
        held_out=estimate(held_out),
        own_nearest=estimate(start),
        held_out_nearest=0.4,
        excess=estimate(held_out - own, surely, held_out),
        over_own=estimate(held_out / max(own, 0.001)),
        over_train=estimate(over_train, over_train - 0.1, over_train + 0.1),
        over_nearest=estimate(own / start),
        surely_lost=surely,
        surely_over_train=over_train - 0.1,
        beyond=estimate(0.3),
        threshold=0.05,
        worst_own=0.95,
    )


def kind_of(low: float, beyond: float, *, worse: bool = True) -> KindError:
    interval = Interval(low, 0.6, "by hand")
    return KindError("class triangle", torch.arange(9), 0.39, interval, 0.02, 0.001, beyond, worse)


@pytest.mark.parametrize(
    ("errors", "kinds", "rule", "claim"),
    [
        ({"own": 0.2}, [], "own-samples-not-found", "The search can't even redraw its own samples."),
        (
            {"own": 0.05, "start": 0.04},
            [kind_of(0.3, 0.9)],
            "no-nearer-than-the-start",
            "The search comes no nearer to its own samples than its start.",
        ),
        ({}, [kind_of(0.3, 0.9)], "kind-lost", "It can't redraw samples of class triangle."),
        (
            {"held_out": 0.5, "surely": 0.3},
            [kind_of(0.3, 0.4)],
            "kind-poor",
            "It redraws samples of class triangle far worse than the rest.",
        ),
        (
            {"held_out": 2.18, "surely": 1.5},
            [],
            "loses-everything",
            "It can't redraw real samples at all.",
        ),
        (
            {"held_out": 0.2, "surely": 0.11, "over_train": 1.4},
            [kind_of(0.05, 0.9)],
            "loses-much",
            "It can't redraw 20% of what real samples show.",
        ),
        (
            {"held_out": 0.08},
            [kind_of(0.05, 0.9)],
            "kind-worse",
            "It redraws samples of class triangle worse than the rest.",
        ),
        (
            {"held_out": 0.08, "surely": 0.03, "over_train": 1.4},
            [kind_of(0.3, 0.9, worse=False)],
            "loses-some",
            "It can't redraw 8% of what real samples show.",
        ),
        (
            {"over_train": 1.4},
            [],
            "training-samples-better",
            "It redraws training samples better than unseen ones.",
        ),
        ({}, [], "redraws", "It redraws unseen real samples nearly as well as its own."),
    ],
)
def test_the_first_rule_that_holds_gives_verdict_and_words(
    errors: dict[str, float], kinds: list[KindError], rule: str, claim: str
) -> None:
    conclusion = RULES.conclude(Loss(errors_of(**errors), kinds, [], InversionSettings()))
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []
    if rule == "loses-some":
        assert conclusion.detail == (
            "The same search loses 1% of its own samples; unseen real ones lose 1.4 times what training samples do."
        )
