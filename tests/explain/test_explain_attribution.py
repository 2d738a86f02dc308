"""Attribution methods on models whose answers are worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.attribution import (
    METHODS,
    Score,
    attribute,
    convolutional_layers,
    gradient_alarms,
    last_convolution,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Linear(nn.Module):
    """Weights [c, h, w] times the sample, as a logit [n, 1]."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).flatten(1).sum(dim=1, keepdim=True)


WEIGHT = torch.tensor([[[1.0, -2.0], [0.0, 3.0]], [[0.5, 0.0], [0.0, -1.0]]])
SAMPLES = torch.tensor([[[[1.0, 1.0], [1.0, -1.0]], [[2.0, 1.0], [1.0, 1.0]]]])


def convolutional(channels: int = 1, side: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 6, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(6 * (side // 2) ** 2, 1),
    )


def test_saliency_is_the_sum_of_absolute_gradients():
    assert attribute("saliency", Linear(WEIGHT), SAMPLES).tolist() == [[[1.5, 2.0], [0.0, 4.0]]]


def test_smoothgrad_of_a_linear_model_is_its_saliency():
    found = attribute("smoothgrad", Linear(WEIGHT), SAMPLES, rng=rng())
    torch.testing.assert_close(found, attribute("saliency", Linear(WEIGHT), SAMPLES))


def test_integrated_gradients_of_a_linear_model_are_weight_times_departure_and_keep_their_sign():
    found = attribute("integrated_gradients", Linear(WEIGHT), SAMPLES, baseline=0.5)
    # channel 1: ½·1, ½·−2, ½·0, −1.5·3; channel 2: 1.5·½, 0, 0, ½·−1
    torch.testing.assert_close(found, torch.tensor([[[1.25, -1.0], [0.0, -5.0]]]))


def test_occlusion_of_single_pixels_is_exact_for_a_linear_model():
    found = attribute("occlusion", Linear(WEIGHT), SAMPLES, window=1)
    torch.testing.assert_close(found, torch.tensor([[[2.0, -2.0], [0.0, -4.0]]]))


def test_integrated_gradients_are_complete_for_a_model_that_is_not_linear():
    model, samples = convolutional(), torch.randn(3, 1, 8, 8, generator=rng())
    baseline = torch.randn(3, 1, 8, 8, generator=rng(1))
    maps = attribute("integrated_gradients", model, samples, baseline=baseline, steps=300)
    with torch.no_grad():
        rise = (model(samples) - model(baseline)).flatten()
    torch.testing.assert_close(maps.sum(dim=(1, 2)), rise, atol=2e-3, rtol=1e-2)


def test_grad_cam_by_hand():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(8, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        model[2].weight.copy_(torch.tensor([[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0]]))
    picture = torch.tensor([[[[1.0, 2.0], [-3.0, 0.0]]]])
    # mean gradients of the two maps: 1 and 2; 1·x + 2·(−x) = −x, cut at 0
    assert attribute("grad_cam", model, picture).tolist() == [[[0.0, 0.0], [3.0, 0.0]]]


def test_the_last_convolution_is_that_of_the_pass_and_not_of_the_definition():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late = nn.Conv2d(2, 1, 3, padding=1)
            self.early = nn.Conv2d(1, 2, 3, padding=1)
            self.without_places = nn.Conv2d(1, 1, 4)
            self.unused = nn.Conv2d(1, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.without_places(self.late(self.early(x))).flatten()

    model, samples = Backwards(), torch.zeros(1, 1, 4, 4)
    assert [name for name, _ in convolutional_layers(model, samples)] == ["early", "late"]
    assert last_convolution(model, samples)[0] == "late"
    assert last_convolution(Linear(WEIGHT), SAMPLES) is None


@pytest.mark.parametrize("method", METHODS)
def test_maps_do_not_depend_on_how_many_samples_go_at_once(method):
    samples = torch.rand(5, 1, 8, 8, generator=rng())
    found = [
        attribute(method, convolutional(), samples, rng=rng(), evaluations=evaluations)
        for evaluations in (100, 1000)
    ]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_stays_behind(method):
    model, samples = convolutional(), torch.rand(3, 1, 8, 8, generator=rng()).requires_grad_(True)
    model.train()
    model(samples).sum().backward()
    before = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    own, state = samples.grad.clone(), torch.random.get_rng_state()
    attribute(method, model, samples, rng=rng())
    gradient_alarms(Score(model), samples)
    assert all(torch.equal(weight.grad, before[name]) for name, weight in model.named_parameters())
    assert torch.equal(samples.grad, own)
    assert samples.requires_grad
    assert all(part.training for part in model.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    for part in model.modules():
        hooks = (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
        assert not any(hooks)


@pytest.mark.parametrize("method", METHODS)
def test_a_patch_discriminator_is_explained_through_the_mean_of_its_maps(method):
    body = nn.Conv2d(1, 1, 3, 2, 1)
    samples = torch.rand(2, 1, 8, 8, generator=rng())

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x).mean(dim=(1, 2, 3))

    first, second = (attribute(method, model, samples, rng=rng()) for model in (body, Mean()))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("method", METHODS)
def test_each_sample_can_have_its_own_target(method):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))
    samples = torch.rand(4, 1, 4, 4, generator=rng())
    options = {"layer": "0", "noise": 0.0}
    together = attribute(method, model, samples, torch.tensor([2, 0, 2, 1]), rng=rng(), **options)
    for row, target in enumerate((2, 0, 2, 1)):
        alone = attribute(method, model, samples[[row]], target, rng=rng(), **options)
        torch.testing.assert_close(together[[row]], alone)


def test_the_sign_turns_a_signed_map():
    maps = [
        attribute("integrated_gradients", Score(Linear(WEIGHT), sign=sign), SAMPLES) for sign in (1.0, -1.0)
    ]
    assert torch.equal(maps[0], -maps[1])


# ---- alarms


class Tail(nn.Module):
    """A linear score, 100 times too large, through something that may end its gradient."""

    def __init__(self, end: nn.Module, shift: float = 0.0) -> None:
        super().__init__()
        self.body = Linear(torch.full((1, 4, 4), 10.0))
        self.end = end
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.body(x) + self.shift)


def test_a_sound_model_raises_no_alarm():
    assert gradient_alarms(Score(convolutional()), torch.rand(8, 1, 8, 8, generator=rng())) == []


def test_a_saturated_sigmoid_is_named():
    found = gradient_alarms(Score(Tail(nn.Sigmoid(), -12.0)), 0.01 * torch.rand(8, 1, 4, 4, generator=rng()))
    assert [(a.where, a.module_type, a.kind, a.share) for a in found] == [
        ("end", "Sigmoid", "saturated", 1.0)
    ]


def test_a_sigmoid_beyond_what_floats_can_tell_is_dead_to_the_picture():
    found = gradient_alarms(Score(Tail(nn.Sigmoid(), 200.0)), torch.rand(8, 1, 4, 4, generator=rng()))
    assert [(a.where, a.kind) for a in found] == [("the picture", "dead"), ("end", "dead")]


def test_a_dead_relu_is_named():
    found = gradient_alarms(Score(Tail(nn.ReLU(), -1000.0)), torch.rand(8, 1, 4, 4, generator=rng()))
    assert [(a.where, a.module_type, a.kind) for a in found] == [
        ("the picture", "the model", "dead"),
        ("end", "ReLU", "dead"),
    ]


def test_a_constant_and_a_step_are_dead_and_a_square_root_at_zero_is_not_finite():
    samples = torch.zeros(4, 1, 4, 4)
    for model in (lambda x: torch.zeros(len(x)), lambda x: (x.flatten(1).sum(dim=1) > 0).float()):
        assert [(a.where, a.kind, a.share) for a in gradient_alarms(Score(model), samples)] == [
            ("the picture", "dead", 1.0)
        ]
    found = gradient_alarms(Score(lambda x: x.flatten(1).norm(dim=1).sqrt()), samples)
    assert [(a.where, a.kind) for a in found] == [("the picture", "not finite")]


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("salience",), "there is no attribution method 'salience'.*saliency"),
        (("smoothgrad",), "SmoothGrad draws noise: pass the generator"),
        (("grad_cam", None, "2x"), "there is no layer named '2x'"),
        (("grad_cam", None, "5"), r"Grad-CAM needs a layer whose output is maps"),
        (("saliency", 3), "which has no class 3"),
    ],
)
def test_what_cannot_be_attributed_is_said_in_a_sentence(arguments, message):
    method, *rest = arguments
    with pytest.raises(UserError, match=message):
        attribute(method, convolutional(), torch.rand(2, 1, 8, 8), *rest)


def test_a_model_without_gradients_is_sent_to_occlusion():
    step = lambda x: (x.flatten(1).sum(dim=1) > 0).float()  # noqa: E731
    samples = torch.rand(2, 1, 8, 8)
    with pytest.raises(UserError, match=r"saliency needs gradients, and none pass .* occlusion needs none"):
        attribute("saliency", step, samples)
    assert attribute("occlusion", step, samples, baseline=-1.0).shape == (2, 8, 8)
    with pytest.raises(UserError, match="Grad-CAM needs a convolution"):
        attribute("grad_cam", Linear(torch.ones(1, 8, 8)), samples)
    with pytest.raises(UserError, match=r"expected one sample \(1, 8, 8\)"):
        attribute("integrated_gradients", convolutional(), samples, baseline=torch.zeros(8, 8))
    with pytest.raises(UserError, match="attribution needs pictures"):
        attribute("saliency", convolutional(), torch.rand(2, 2))
