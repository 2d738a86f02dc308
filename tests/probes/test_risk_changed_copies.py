"""Copies that were flipped, moved, cropped or put under noise are copies; near-duplicates are none."""

import math

import pytest
import torch
from torch.nn import functional

from ganlens.data import Dataset, SampleArray, Split
from ganlens.modality import Images
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

SIDE = 16


def pictures(count, seed):
    """Two coloured ellipses on a dark ground."""
    rng = torch.Generator().manual_seed(seed)
    across = torch.linspace(-1, 1, SIDE)
    drawn = (0.4 * torch.rand(count, 3, 1, 1, generator=rng) - 0.9).expand(count, 3, SIDE, SIDE)
    for _ in range(3):
        x, y, wide, high, angle = torch.rand(5, count, 1, 1, generator=rng)
        right, down = across[None, None] - 1.2 * x + 0.6, across[None, :, None] - 1.2 * y + 0.6
        turned = right * (math.pi * angle).cos() + down * (math.pi * angle).sin()
        upright = down * (math.pi * angle).cos() - right * (math.pi * angle).sin()
        inside = 1 - (turned / (0.1 + 0.4 * wide)).square() - (upright / (0.1 + 0.4 * high)).square()
        mask = torch.sigmoid(8 * inside)[:, None]
        drawn = drawn * (1 - mask) + (1.6 * torch.rand(count, 3, 1, 1, generator=rng) - 0.6) * mask
    return drawn.clamp(-1, 1)


TRAIN = pictures(600, 1)
DATA = Dataset(
    "ellipses", Images(), Split(SampleArray(TRAIN.numpy())), Split(SampleArray(pictures(400, 2).numpy()))
)


def flipped(copies, rng):
    return copies.flip(-1)


def moved(copies, rng):
    ways = torch.randint(4, (len(copies),), generator=rng).tolist()
    by = ((0, 1), (1, 0), (0, -1), (-1, 0))
    return torch.stack([one.roll(by[way], (1, 2)) for one, way in zip(copies, ways, strict=True)])


def under_noise(copies, rng):
    return (copies + 0.05 * torch.randn(copies.shape, generator=rng)).clamp(-1, 1)


def cropped(copies, rng):
    return functional.interpolate(copies[:, :, 1:-1, 1:-1], size=(SIDE, SIDE), mode="bilinear")


def asked(share, change, *, seed=7, probe="nearest", data=DATA, fresh=pictures, **settings):
    """The finding about a generator of fresh samples, a share of which gives way to changed training samples."""
    made, rng = fresh(3000, seed), torch.Generator().manual_seed(seed)
    train = data.train.samples.tensor()
    copied = torch.rand(len(made), generator=rng) < share
    made[copied] = change(train[torch.randint(len(train), (int(copied.sum()),), generator=rng)], rng)

    def replay(latents):
        place = (1 + (latents[:, 0].double() / 2**0.5).erf()) / 2
        return made[(place * len(made)).long().clamp(max=len(made) - 1)]

    bank = SampleBank(Subject.wrap(replay, latent=2, data=data), samples=800, features=["raw"])
    return examine(bank.subject, probe, bank=bank, settings=settings), bank


@pytest.mark.parametrize(
    ("change", "hidden"),
    [(flipped, "flip"), (moved, "shift"), (under_noise, ""), (cropped, "size")],
)
@pytest.mark.parametrize("share", [0.3, 0.05])
def test_copies_behind_small_changes_are_counted_and_the_change_is_named(share, change, hidden):
    finding, _ = asked(share, change)
    assert finding.verdict is Verdict.BAD
    assert finding.rule == ("changed-copies" if hidden else "copies")
    assert f"hidden by {hidden}" in finding.detail if hidden else "hidden" not in finding.detail
    copies = finding.measurement("Copies of training samples, pixels")
    assert copies.low <= share <= copies.high and copies.low > share / 3


def test_the_pairs_are_shown_with_the_change_between_them():
    finding, bank = asked(0.3, flipped, shown=4)
    caption = finding.figures[0].caption
    assert "1: a flip from left to right; 2: a flip from left to right" in caption
    rows = finding.arrays["most_suspicious"]
    sources = DATA.train.samples[finding.arrays["nearest_training_row"][rows]]
    assert torch.equal(bank.fakes()[:][rows].flip(-1), sources)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_fresh_samples_are_good_and_copies_of_every_kind_would_have_shown(seed):
    finding, _ = asked(0.0, flipped, seed=seed)
    assert (
        finding.verdict is Verdict.GOOD and finding.measurement("Copies of training samples, pixels").low == 0
    )
    assert (
        "That holds for copies hidden by shift, flip, turn, size, light, contrast as well." in finding.remarks
    )
    assert "need not have shown" not in " ".join(finding.remarks)


@pytest.mark.parametrize(("share", "verdict"), [(0.3, Verdict.BAD), (0.0, Verdict.GOOD)])
def test_memorisation_tells_the_same(share, verdict):
    quick = {"likelihood": 100, "exchanges": 8}
    finding, bank = asked(share, flipped, probe="memorisation", **quick)
    nearest = examine(bank.subject, "nearest", bank=bank)
    assert finding.verdict is nearest.verdict is verdict
    if verdict is Verdict.BAD:
        assert (finding.claim, finding.detail) == (nearest.claim, nearest.detail)


def test_natural_near_duplicates_among_tiny_discrete_pictures_are_no_copies():
    def bars(count, seed):
        rng = torch.Generator().manual_seed(seed)
        on = torch.rand(count, 1, 1, 8, generator=rng) < 0.5
        return torch.where(on, 1.0, -1.0).expand(count, 1, 8, 8).clone()

    data = Dataset("bars", Images(), *(Split(SampleArray(bars(*n).numpy())) for n in ((150, 1), (2000, 2))))
    finding, _ = asked(0.0, flipped, data=data, fresh=bars)
    assert finding.verdict in (Verdict.GOOD, Verdict.NOT_BELIEVABLE)
