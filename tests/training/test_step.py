"""One step, against what the same arithmetic gives when written out, and its invariances."""

import copy

import numpy as np
import pytest
import torch

from ganlens.config import RunConfig, resolve_config
from ganlens.data import SampleArray
from ganlens.modality import Images, Points
from ganlens.training.processes import find_processes
from ganlens.training.state import TrainingState, initial_state
from ganlens.training.step import Stepper

POINTS = SampleArray(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
IMAGES = SampleArray(np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8))
TINY = [
    "batch=8",
    "latent=3",
    "generator.width=8",
    "discriminator.width=8",
    "generator.depth=1",
    "discriminator.depth=1",
]
TINY_IMAGES = [
    "batch=8",
    "latent=3",
    "generator={family: dcgan, channels: 4}",
    "discriminator={family: dcgan, channels: 4}",
]


def prepare(*overrides: str, samples: SampleArray = POINTS) -> tuple[Stepper, TrainingState, RunConfig]:
    preset, tiny = ("points", TINY) if samples is POINTS else ("small", TINY_IMAGES)
    config = resolve_config("test", preset, overrides=[*tiny, *overrides])
    processes = find_processes("cpu")
    kind = Points() if samples is POINTS else Images()
    state = initial_state(config, kind, samples.sample_shape, processes.device)
    return Stepper(config, state, samples, kind, processes), state, config


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_r1_and_r2_in_one_pass_equal_each_written_out():
    stepper, state, _ = prepare("objective.r1=1", "objective.r2=1")
    before = copy.deepcopy(state.discriminator)
    seen = {}
    original = stepper._discriminator_terms

    def spy(real, fake, *rest):
        seen.update(real=real, fake=fake)
        return original(real, fake, *rest)

    stepper._discriminator_terms = spy
    terms = stepper.run()
    for name, samples in (("r1", seen["real"]), ("r2", seen["fake"])):
        samples = samples.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(before(samples).sum(), samples)
        assert terms[f"discriminator: {name}"].item() == pytest.approx(
            gradient.square().sum(1).mean().item(), rel=1e-5
        )


@pytest.mark.parametrize("samples", [POINTS, IMAGES], ids=["points", "images"])
def test_a_batch_in_pieces_is_the_batch_at_once(samples):
    # Not the relativistic loss: D's last bias cancels in it, and Adam makes steps of the rounding that is left.
    extra = ["generator.norm=none", "objective.loss=non-saturating"]
    whole, in_pieces = (prepare(*extra, f"accumulate={n}", samples=samples) for n in (1, 4))
    for stepper, _, _ in (whole, in_pieces):
        for _ in range(3):
            stepper.run()
    for a, b in zip(whole[1].modules().values(), in_pieces[1].modules().values(), strict=True):
        assert torch.allclose(weights(a), weights(b), atol=2e-5)


def test_lazy_penalty_comes_every_kth_step_with_k_times_the_weight():
    lazy, _, _ = prepare("objective.penalty_every=2", "objective.r2=0")
    assert [("discriminator: r1" in lazy.run()) for _ in range(4)] == [True, False, True, False]
    term = {"discriminator: r1": torch.tensor(2.0)}
    every, _, _ = prepare("objective.r2=0")
    assert lazy._weighted_penalties(term) == 2 * every._weighted_penalties(term)


def test_discriminator_steps_are_counted_and_each_sees_fresh_data():
    stepper, _, _ = prepare("objective.discriminator_steps=3")
    rows = []
    original = stepper._order.indices
    stepper._order.indices = lambda start, stop: rows.append((start, stop)) or original(start, stop)
    stepper.run()
    stepper.run()
    assert rows == [(8 * i, 8 * i + 8) for i in range(8)]  # three for D and one for the relativistic G, twice


def test_packing_shows_the_discriminator_joined_samples():
    stepper, state, _ = prepare("objective.pack=2", samples=IMAGES)
    shapes = []
    state.discriminator.register_forward_hook(
        lambda m, args, out: shapes.append((tuple(args[0].shape), tuple(out.shape)))
    )
    stepper.run()
    assert shapes[0] == ((8, 2, 8, 8), (8,))  # 4 real packs and 4 generated ones


def test_the_generators_phase_leaves_the_discriminator_alone():
    stepper, state, _ = prepare()
    before = weights(state.discriminator).clone()
    stepper._generator_phase()
    assert torch.equal(weights(state.discriminator), before)
    assert all(p.requires_grad for p in state.discriminator.parameters())


def test_two_learning_rates_and_the_schedule_reach_the_optimisers():
    stepper, state, _ = prepare(
        "generator_optimiser.learning_rate=0.01", "discriminator_optimiser.learning_rate=0.04",
        "schedule.kind=constant", "schedule.warmup_images=16",
    )  # fmt: skip
    stepper.run()
    assert state.generator_optimiser.param_groups[0]["lr"] == 0.0
    stepper.run()
    assert state.generator_optimiser.param_groups[0]["lr"] == pytest.approx(0.005)
    assert state.discriminator_optimiser.param_groups[0]["lr"] == pytest.approx(0.02)


def test_instance_noise_fades_to_nothing():
    stepper, state, _ = prepare("objective.instance_noise=0.5", "objective.instance_noise_images=100")
    samples = torch.zeros(4000, 2)
    assert stepper._seen(samples, "real", 0, 0).std().item() == pytest.approx(0.5, rel=0.05)
    state.images = 50
    assert stepper._seen(samples, "real", 0, 0).std().item() == pytest.approx(0.25, rel=0.05)
    state.images = 100
    assert stepper._seen(samples, "real", 0, 0) is samples


def test_flipped_pairs_are_about_the_share_asked_for():
    stepper, _, _ = prepare("objective.flip_labels=0.3")
    real, fake = stepper._flipped(torch.ones(5000), torch.zeros(5000), 0, 0)
    assert torch.equal(real, 1 - fake)
    assert 1 - real.mean().item() == pytest.approx(0.3, abs=0.03)


def test_the_callers_random_state_is_untouched_even_with_dropout():
    stepper, _, _ = prepare("discriminator.dropout=0.5")
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    stepper.run()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    "loss", ["minimax", "non-saturating", "least-squares", "hinge", "wasserstein", "relativistic"]
)
def test_every_loss_trains_d_to_tell_and_g_to_follow(loss):
    """Real points sit at (3, 3): D must come to prefer them, and the generated mean must move towards them."""
    samples = SampleArray((np.random.default_rng(1).normal(size=(64, 2)) * 0.1 + 3).astype(np.float32))
    config = resolve_config(
        "test", "points",
        overrides=[*TINY, f"objective.loss={loss}", "objective.r1=0.1", "objective.r2=0.1", "batch=32",
                   "generator_optimiser.learning_rate=0.01", "discriminator_optimiser.learning_rate=0.01"],
    )  # fmt: skip
    processes = find_processes("cpu")
    state = initial_state(config, Points(), (2,), processes.device)
    stepper = Stepper(config, state, samples, Points(), processes)
    z = state.generator.sample_latent(200, rng=torch.Generator().manual_seed(0))
    before = (state.generator(z).detach().mean(0) - 3).norm()
    for _ in range(60):
        stepper.run()
    after = (state.generator(z).detach().mean(0) - 3).norm()
    assert after < 0.8 * before


def test_wgan_gp_keeps_the_slope_near_one():
    stepper, _, _ = prepare("objective.loss=wasserstein", "objective.r1=0", "objective.r2=0",
                               "objective.gradient_penalty=10",
                                "discriminator_optimiser.learning_rate=0.01")  # fmt: skip
    for _ in range(150):
        terms = stepper.run()
    assert terms["discriminator: gradient penalty"].item() < 0.1
