"""Odd generators, discriminators and classifiers: each is examined as it is, or refused in one sentence."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens import Subject
from ganlens.errors import UserError
from ganlens.subject.sample_bank import SampleBank

LATENTS = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))


def pictures(z: Tensor) -> Tensor:
    """What every odd generator here means to make: the latent's numbers as a 1×2×2 picture."""
    return torch.tanh(z).reshape(-1, 1, 2, 2)


class Odd(nn.Module):
    """A generator with a weight of one number, so that there is something to copy, to move and to convert."""

    z_dim = 4

    def __init__(self, make: Callable[[Any, Tensor], Any] | None = None) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("kept", torch.zeros(64, 1, 2, 2))
        self._make = make

    def forward(self, z: Tensor) -> Any:
        return pictures(self.scale * z) if self._make is None else self._make(self, z)


def in_place(self: Odd, z: Tensor) -> Tensor:
    z.mul_(0.5)
    return pictures(self.scale * z)


def own_buffer(self: Odd, z: Tensor) -> Tensor:
    return self.kept[: len(z)].copy_(pictures(z).detach())


def with_history(self: Odd, z: Tensor) -> Tensor:
    with torch.enable_grad():
        return pictures(self.scale * z)


@torch.inference_mode()
def for_inference(self: Odd, z: Tensor) -> Tensor:
    return pictures(self.scale * z)


@dataclass
class Returned:
    images: Tensor
    words: str


def whole(z: Tensor) -> Tensor:
    return (127.5 * (pictures(z) + 1)).round()


FINE: dict[str, tuple[Any, Callable[[Tensor], Tensor], list[str]]] = {
    "in place": (in_place, lambda z: pictures(0.5 * z), []),
    "its own buffer": (own_buffer, pictures, []),
    "with history": (with_history, pictures, []),
    "for inference": (for_inference, pictures, []),
    "expanded": (
        lambda s, z: z.mean(1).tanh().view(-1, 1, 1, 1).expand(-1, 1, 2, 2),
        lambda z: z.mean(1).tanh().view(-1, 1, 1, 1).expand(-1, 1, 2, 2),
        [],
    ),
    "turned": (lambda s, z: pictures(z).transpose(2, 3), lambda z: pictures(z).transpose(2, 3), []),
    "sparse": (lambda s, z: pictures(z).to_sparse(), pictures, []),
    "double": (lambda s, z: pictures(z).double(), pictures, []),
    "array": (lambda s, z: pictures(z).detach().numpy()[:, :, ::-1], lambda z: pictures(z).flip(2), []),
    "bytes": (
        lambda s, z: whole(z).to(torch.uint8),
        lambda z: whole(z) / 127.5 - 1,
        ["the generator returns bytes; 0…255 are mapped to −1…1"],
    ),
    "true and false": (
        lambda s, z: pictures(z) > 0,
        lambda z: (z > 0).float().view(-1, 1, 2, 2) * 2 - 1,
        ["the generator returns true and false; they are mapped to 1 and −1"],
    ),
    "data class": (
        lambda s, z: Returned(pictures(z), "x"),
        pictures,
        [
            "the generator returns a Returned of 2 (images: 8×1×2×2, words: str); 'images', of shape (1, 2, 2) a "
            "sample, is taken as its samples (output='images')"
        ],
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_odd_generators_are_examined_as_they_are(name: str) -> None:
    make, expected, notes = FINE[name]
    subject = Subject.wrap(Odd(make), modality="images")
    latents = LATENTS.clone()
    first = subject.synthesize(latents)
    kept = first.clone()
    subject.synthesize(-latents)
    assert torch.equal(latents, LATENTS)  # nobody wrote into ours
    assert torch.equal(first, kept)  # nor over what was made
    assert torch.allclose(first, expected(LATENTS), atol=1e-6)
    assert not first.requires_grad and not first.is_inference()
    assert subject.notes == notes
    bank = SampleBank(subject, samples=20, batch=8)
    assert torch.allclose(bank.fakes()[:], subject.synthesize(bank.latents(), batch=8), atol=1e-6)


def test_weights_that_are_returned_stay_weights() -> None:
    """A table of pictures: the samples are rows of a parameter, under no_grad views of it."""

    class Table(nn.Module):
        z_dim = 4

        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.Parameter(torch.linspace(-1, 1, 64 * 4).view(64, 1, 2, 2))

        def forward(self, z: Tensor) -> Tensor:
            return self.rows[: len(z)]

    table = Table()
    subject = Subject.wrap(table)
    subject.synthesize(LATENTS).zero_()
    assert torch.equal(table.rows.detach(), torch.linspace(-1, 1, 64 * 4).view(64, 1, 2, 2))
    SampleBank(subject, samples=20).fakes()


def leaves(self: Odd, z: Tensor) -> Tensor:
    raise SystemExit(5)


REFUSED: dict[str, tuple[Any, str]] = {
    "leaves": (leaves, r"failed on latents of shape 8×4: SystemExit: 5"),
    "complex": (
        lambda s, z: torch.complex(pictures(z), pictures(z)),
        "returned complex numbers; return their real",
    ),
    "empty": (
        lambda s, z: pictures(z)[:, :, :0],
        r"returned a tensor without values, of shape \(8, 1, 0, 2\)",
    ),
    "huge": (lambda s, z: 1e30 * pictures(z), r"returned values as large as 1e\+30 in 8 of 8 samples"),
    "meta": (lambda s, z: pictures(z).to("meta"), "returned a tensor without values .on the meta device"),
    "film": (
        lambda s, z: pictures(z)[:, :, None].expand(-1, 1, 3, 2, 2),
        r"shape \(1, 3, 2, 2\), which is none of",
    ),
    "words": (lambda s, z: "a picture", "returned a str, not one tensor"),
    "none": (lambda s, z: None, "returned a NoneType, not one tensor"),
    "escapes": (
        lambda s, z: 1 / 0 if z is None else (_ for _ in ()).throw(ValueError("\x1b[2J")),
        r"ValueError: \\x1b\[2J",
    ),
    "a number": (lambda s, z: pictures(z).mean(), r"returned shape \(\) for 8 latents"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_examined_is_one_sentence(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(UserError, match=sentence) as caught:
        Subject.wrap(Odd(make), modality=None if name == "film" else "images")
    assert "\n" not in str(caught.value)


def test_interrupting_is_no_fault_of_the_generator() -> None:
    def interrupted(self: Odd, z: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Subject.wrap(Odd(interrupted))


def test_nan_after_a_while_stops_in_one_sentence() -> None:
    calls = []

    def fails_later(self: Odd, z: Tensor) -> Tensor:
        calls.append(1)
        return pictures(z) * (float("nan") if len(calls) > 20 else 1.0)

    subject = Subject.wrap(Odd(fails_later))
    with pytest.raises(UserError, match="returned NaN or infinity in 8 of 8 samples"):
        for _ in range(30):
            subject.synthesize(LATENTS)


class Callable_:
    z_dim = 4

    def __call__(self, *given: Tensor) -> Tensor:
        return pictures(given[0])


@pytest.mark.parametrize(
    "source",
    [
        lambda z: pictures(z),
        functools.partial(torch.nn.functional.hardtanh, min_val=-1.0),
        Callable_(),
        torch.jit.script(nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Tanh())),
        torch.jit.trace(Odd(), LATENTS, check_trace=False),
        nn.DataParallel(Odd()),
        torch.compile(Odd()),
        torch.optim.swa_utils.AveragedModel(Odd()),
    ],
    ids=["lambda", "partial", "instance", "script", "trace", "DataParallel", "compiled", "averaged"],
)
def test_generators_of_any_make_are_called(source: Any) -> None:
    subject = Subject.wrap(
        source, latent=4, modality="points" if isinstance(source, functools.partial) else "images"
    )
    made = subject.synthesize(LATENTS).flatten(1)
    expected = LATENTS.clamp(-1, 1) if isinstance(source, functools.partial) else torch.tanh(LATENTS)
    assert torch.allclose(made, expected, atol=1e-6)
    assert subject.has_gradients


class Sized(nn.Module):
    def __init__(self, **said: Any) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        for name, value in said.items():
            setattr(self, name, value)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.body(z)).view(-1, 1, 2, 2)


def test_wrappers_hide_neither_attributes_nor_layers() -> None:
    plain = Subject.wrap(Sized(z_dim=4))
    for wrapper in (nn.DataParallel, torch.compile, torch.optim.swa_utils.AveragedModel):
        subject = Subject.wrap(wrapper(Sized(z_dim=4)))
        assert (subject.name, subject.layers, subject.latent_shape) == ("Sized", plain.layers, (4,))
    assert plain.layers == ["body"]


@pytest.mark.parametrize(
    "size", [np.int64(4), torch.tensor(4), np.array(4), [4], (np.int32(4),), np.array([4])]
)
def test_sizes_may_be_numbers_of_any_kind(size: Any) -> None:
    assert Subject.wrap(Sized(z_dim=size)).latent_shape == (4,)
    assert Subject.wrap(Sized(), latent=size).latent_shape == (4,)


@pytest.mark.parametrize(
    ("latent", "sentence"),
    [
        (4.0, r"latent=4.0 is no shape; give whole numbers"),
        (True, r"latent=True is no shape"),
        ("4", r"latent='4' is no shape"),
        (
            10**11,
            r"a latent of shape \(100000000000,\): a network or its input would take .*GANLENS_MAX_NETWORK_NUMBERS",
        ),
    ],
)
def test_what_is_no_size_is_said(latent: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(Sized(z_dim=4), latent=latent)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_another_precision_are_given_latents_of_theirs(kind: torch.dtype) -> None:
    module = Sized(z_dim=4).to(kind)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 1)).to(kind)
    judge = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).to(kind)
    subject = Subject.wrap(module, range=(-1, 1), discriminator=critic, classifier=judge)
    made = subject.synthesize(LATENTS)
    assert made.dtype == torch.float32 and subject.has_gradients
    with torch.no_grad():
        assert torch.equal(made, module(LATENTS.to(kind)).float())
        assert torch.equal(subject.discriminator(made), critic(made.to(kind)).float())
        assert torch.equal(subject.classifier(made), judge(made.to(kind)).float())
    assert subject.notes == []


def test_a_network_without_values_is_refused() -> None:
    with torch.device("meta"):
        nowhere = Sized(z_dim=4)
    with pytest.raises(
        UserError, match="the generator Sized is on the meta device, where weights have no values"
    ):
        Subject.wrap(nowhere)
    lazy = nn.Sequential(nn.LazyLinear(4), nn.Unflatten(1, (1, 2, 2)))
    with pytest.raises(UserError, match="the generator Sequential has lazy layers that were never called"):
        Subject.wrap(lazy, latent=4)


class Wants(nn.Module):
    z_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Embedding(7, 4)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return pictures(z + self.classes(y))


def test_a_conditional_generator_without_classes_is_told_of_them() -> None:
    with pytest.raises(
        UserError, match=r"failed on latents.*'y'; if it wants labels.*num_classes=7, or --classes 7"
    ):
        Subject.wrap(Wants())
    assert Subject.wrap(Wants(), num_classes=7).sample_shape == (1, 2, 2)
    with pytest.raises(UserError) as caught:
        Subject.wrap(Odd(lambda s, z: z @ torch.zeros(9, 9)))
    assert "classes" not in str(caught.value)


# ---- noise, latents and modes

NOISE = {
    "torch": lambda n: torch.randn(n, 1, 2, 2),
    "numpy": lambda n: torch.from_numpy(np.random.normal(size=(n, 1, 2, 2))).float(),  # noqa: NPY002
    "random": lambda n: random.uniform(-1, 1),
}
REPEATS = (
    "the generator draws noise of its own; it is given the same at every call, so that its samples can be repeated "
    "(batch by batch: in another batch a latent meets other noise)"
)


@pytest.mark.parametrize("source", NOISE)
def test_noise_starts_anew_at_every_call_wherever_it_comes_from(source: str) -> None:
    before = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
    subject = Subject.wrap(Odd(lambda s, z: 0.5 * pictures(z) + 0.1 * NOISE[source](len(z))), range=(-1, 1))
    assert subject.notes == [REPEATS] and subject.repeatable
    assert torch.equal(subject.sample(16), subject.sample(16))
    after = np.random.get_state()[1], random.getstate(), torch.get_rng_state()  # noqa: NPY002
    assert np.array_equal(before[0], after[0]) and before[1] == after[1] and torch.equal(before[2], after[2])


@pytest.mark.parametrize(
    ("own", "draw"),
    [
        (torch.Generator().manual_seed(3), lambda g, n: torch.randn(n, 1, 2, 2, generator=g)),
        (np.random.default_rng(3), lambda g, n: torch.from_numpy(g.normal(size=(n, 1, 2, 2))).float()),
        (np.random.RandomState(3), lambda g, n: torch.from_numpy(g.normal(size=(n, 1, 2, 2))).float()),
        (random.Random(3), lambda g, n: g.uniform(-1, 1)),
    ],
    ids=["torch", "numpy", "old numpy", "python"],
)
def test_a_generator_of_numbers_that_it_keeps_starts_anew_too(
    own: Any, draw: Callable[[Any, int], Any]
) -> None:
    module = Odd(lambda s, z: 0.5 * pictures(z) + 0.1 * draw(s.own, len(z)))
    module.own = own
    subject = Subject.wrap(module, range=(-1, 1))
    assert subject.notes == [REPEATS] and subject.repeatable
    assert torch.equal(subject.sample(16), subject.sample(16))


def test_noise_that_is_out_of_reach_is_said_to_be() -> None:
    hidden = [torch.Generator().manual_seed(3)]
    module = Odd(lambda s, z: 0.5 * pictures(z) + 0.4 * torch.rand(len(z), 1, 2, 2, generator=hidden[0]))
    subject = Subject.wrap(module, range=(-1, 1))
    assert not subject.repeatable
    (note,) = subject.notes
    assert note.startswith("the same latents make other samples at every call (they differ by ")
    assert "Its samples can NOT be repeated" in note


def test_gradients_stay_on_whoever_switches_them_off() -> None:
    def switching(self: Odd, z: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return pictures(self.scale * z)

    def judging(x: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return classes(x)

    Subject.wrap(Odd(switching), classifier=judging).sample(3)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"num_classes": "3"}, "num_classes='3' is no number of classes; give a whole number"),
        ({"num_classes": -1}, "num_classes=-1 is no number of classes"),
        ({"device": "gpu"}, r"device='gpu': this machine can't compute there \(.*\); try device='cpu'"),
    ],
)
def test_words_that_can_not_be_meant_are_said(how: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(Odd(), **how)


def test_attributes_that_fail_say_nothing() -> None:
    class Fails(Odd):
        @property
        def num_classes(self) -> int:
            raise RuntimeError("not yet")

    assert Subject.wrap(Fails()).num_classes == 0


def test_counting_calls_is_no_noise_that_can_be_repeated() -> None:
    count = iter(range(10**6))
    subject = Subject.wrap(Odd(lambda s, z: 0.5 * pictures(z) + 0.01 * next(count)), range=(-1, 1))
    assert not subject.repeatable and "counts its calls" in subject.notes[0]


class Prior:
    """Draws its latents from somewhere else than it is told to."""

    def __init__(self, draw: Callable[[int], Any]) -> None:
        self.draw = draw

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Any:
        return self.draw(n)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return pictures(latent)


def test_latents_of_the_global_numbers_follow_the_seed_and_others_are_named() -> None:
    subject = Subject.wrap(Prior(lambda n: torch.randn(n, 4)))
    assert "draws its latents from the global generators of numbers" in subject.notes[0]
    assert torch.equal(subject.sample(5, seed=1), subject.sample(5, seed=1))
    assert not torch.equal(subject.sample(5, seed=1), subject.sample(5, seed=2))
    own = np.random.default_rng(0)
    assert (
        "a seed does NOT make the same samples again"
        in Subject.wrap(Prior(lambda n: own.normal(size=(n, 4)))).notes[0]
    )


def test_latents_that_alias_a_buffer_are_copied() -> None:
    shared = torch.zeros(300, 4)

    class Refills(Prior):
        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return shared[:n].normal_(generator=rng).requires_grad_(False)

    subject = Subject.wrap(Refills(lambda n: None))
    bank = SampleBank(subject, samples=60, batch=20)
    assert torch.equal(subject.synthesize(bank.latents(), batch=20), bank.fakes()[:])
    assert not torch.equal(bank.latents()[:20], bank.latents()[20:40])


class Modes(nn.Module):
    """Makes the same samples in both modes where its dropout drops nothing."""

    z_dim = 4

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, z: Tensor) -> Tensor:
        return pictures(self.part(z))


def test_a_mode_that_makes_other_samples_is_noted_and_statistics_are_left_alone() -> None:
    for part, noted in (
        (nn.BatchNorm1d(4), True),
        (nn.Dropout(0.5), True),
        (nn.Dropout(0.0), False),
        (nn.Tanh(), False),
    ):
        module = Modes(part).train()
        before = {key: value.clone() for key, value in module.state_dict().items()}
        notes = Subject.wrap(module, range=(-1, 1)).notes
        assert len(notes) == noted, (part, notes)
        if noted:
            assert notes[0].startswith(
                "the generator was given in training mode, where it makes other samples (they"
            )
        assert module.training and part.training
        assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
        assert Subject.wrap(Modes(part).eval(), range=(-1, 1)).notes == []


# ---- discriminators


def judged(discriminator: nn.Module, **how: Any) -> Subject:
    return Subject.wrap(Odd(), range=(-1, 1), discriminator=discriminator, **how)


class Returns(nn.Module):
    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(x)


def light(x: Tensor) -> Tensor:
    return x.mean(dim=(1, 2, 3))[:, None]


def classes(x: Tensor) -> Tensor:
    return torch.cat([light(x), 2 * light(x), -light(x)], dim=1)


SAMPLES = pictures(LATENTS)


@pytest.mark.parametrize(
    ("make", "output", "expected"),
    [
        (light, None, light),
        (lambda x: light(x)[:, 0], None, lambda x: light(x)[:, 0]),
        (lambda x: x[:, :, :, :1], None, lambda x: x[:, :, :, :1]),
        (lambda x: (light(x), classes(x)), None, light),
        (lambda x: {"logits": light(x), "score": -light(x)}, "score", lambda x: -light(x)),
        (classes, 1, lambda x: 2 * light(x)),
        (
            classes,
            "real:1",
            lambda x: 2 * light(x) - torch.cat([light(x), -light(x)], 1).logsumexp(1, keepdim=True),
        ),
        (
            classes,
            "fake:-1",
            lambda x: light(x) + torch.cat([light(x), 2 * light(x)], 1).logsumexp(1, keepdim=True),
        ),
        (
            lambda x: classes(x).softmax(1),
            "fake:2",
            lambda x: light(x) + classes(x)[:, :2].logsumexp(1, keepdim=True),
        ),
        (
            lambda x: (x, classes(x)),
            "1,real:1",
            lambda x: 2 * light(x) - classes(x)[:, ::2].logsumexp(1, keepdim=True),
        ),
    ],
)
def test_the_number_to_judge_by_is_found_or_declared(make: Any, output: Any, expected: Any) -> None:
    subject = judged(Returns(make), discriminator_head=output)
    assert torch.allclose(subject.discriminator(SAMPLES), expected(SAMPLES), atol=1e-5)
    assert len(subject.notes) == (isinstance(make(SAMPLES), tuple) and output is None)


@pytest.mark.parametrize(
    ("make", "how", "sentence"),
    [
        (
            classes,
            {},
            r"returned 8×3, 3 numbers a sample, which are no one verdict; say which to judge by: discriminator_head",
        ),
        (lambda x: x.expand(-1, 3, 2, 2), {}, "returned 8×3×2×2, 3 numbers a sample at each place of a map"),
        (lambda x: (light(x), light(x)), {}, r"returned a tuple of 2 .* say which is the number to judge by"),
        (
            classes,
            {"discriminator_head": "fake:3"},
            "returned one tensor 8×3 for 8 samples, which has no class 3",
        ),
        (
            classes,
            {"discriminator_head": "fake"},
            r"declared to return its numbers as 'fake', and returned one tensor 8×3",
        ),
        (classes, {"discriminator_head": "wrong:3"}, "discriminator_head='wrong:3' can't be read; give"),
        (
            lambda x: {"a": light(x)},
            {"discriminator_head": "b"},
            "declared to return its numbers as 'b', and returned a dict",
        ),
        (
            lambda x: light(x).mean(),
            {},
            "returned one tensor a number for 8 samples; expected one number a sample",
        ),
        (lambda x: light(x) * float("nan"), {}, "returned NaN or infinity for 8 of 8 samples"),
        (lambda x: "fake", {}, "returned a str for 8 samples; expected one number a sample"),
    ],
)
def test_what_is_no_one_number_a_sample_is_refused_with_the_word_that_decides(
    make: Any, how: Any, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        judged(Returns(make), **how)
    assert "\n" not in str(caught.value)


def test_a_declared_output_without_a_discriminator_is_refused() -> None:
    with pytest.raises(UserError, match="discriminator_head=1 was given without a discriminator"):
        Subject.wrap(Odd(), discriminator_head=1)


def test_samples_are_protected_from_discriminators_and_classifiers() -> None:
    def darkening(x: Tensor) -> Tensor:
        return light(x.sub_(0.5).div_(0.5))

    subject = judged(Returns(darkening), classifier=lambda x: classes(x.mul_(2)))
    samples = SAMPLES.clone().requires_grad_(True)
    for network, expected in (
        (subject.discriminator, light((SAMPLES - 0.5) / 0.5)),
        (subject.classifier, classes(2 * SAMPLES)),
    ):
        answers = [network(samples) for _ in range(2)]
        assert all(torch.allclose(answer, expected, atol=1e-6) for answer in answers)
        (gradient,) = torch.autograd.grad(answers[0][:, 0].sum(), samples)
        assert torch.allclose(gradient, torch.full_like(gradient, 2 / 4))
    assert torch.equal(samples.detach(), SAMPLES)


class Groups(nn.Module):
    """The deviation in groups of 4 beside the mean, as style-based discriminators have it."""

    def forward(self, x: Tensor) -> Tensor:
        spread = x.flatten(1).reshape(4, -1, 4).std(0).mean(1).repeat(4)
        return light(x) + spread[:, None]


def test_one_that_looks_at_the_whole_batch_is_noticed_and_takes_any_number_of_samples() -> None:
    subject = judged(Groups())
    assert subject.discriminator.sees_batch > 0.01
    assert "looks at the whole batch: a sample's number changes with its neighbours" in subject.notes[0]
    eleven = subject.sample(11)
    numbers = subject.discriminator(eleven)
    assert numbers.shape == (11, 1)
    assert torch.equal(numbers[:8], Groups()(eleven[:8]))
    filled = torch.cat([eleven[8:], eleven[-1:].expand(5, 1, 2, 2)])
    assert torch.equal(numbers[8:], Groups()(filled)[:3])
    normed = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    assert judged(normed).discriminator.sees_batch == 0 and judged(normed).notes == []


def test_noise_and_training_mode_of_those_beside_the_generator_are_noted() -> None:
    torch.manual_seed(0)
    dropping = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 2))
    subject = judged(Returns(lambda x: light(x) + torch.rand(len(x), 1)), classifier=dropping)
    assert (
        subject.notes[0]
        == "the discriminator Returns draws noise of its own; it is given the same at every call"
    )
    assert subject.notes[1].startswith(
        "the classifier Sequential was given in training mode, where it gives other"
    )
    assert torch.equal(subject.discriminator(SAMPLES), subject.discriminator(SAMPLES))
    count = iter(range(10**6))
    counting = judged(Returns(lambda x: light(x) + 0.1 * next(count)))
    assert "it draws noise that can NOT be repeated, or counts its calls" in counting.notes[0]


# ---- classifiers


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda x: classes(x) * float("nan"),
            "returned NaN or infinity for 8 of 8 samples, which gives them no class",
        ),
        (
            lambda x: classes(x).masked_fill(x.flatten(1)[:, :1] > 0, torch.inf),
            r"NaN or infinity for \d of 8 samples",
        ),
        (lambda x: (_ for _ in ()).throw(SystemExit(3)), "failed on samples of shape .*SystemExit: 3"),
        (lambda x: torch.complex(classes(x), classes(x)), "the classifier function returned complex numbers"),
        (
            lambda x: classes(x).argmax(1),
            "returned whole numbers from 1 to 2, one a sample: the numbers of classes",
        ),
    ],
)
def test_a_classifier_without_classes_to_give_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(Odd(), range=(-1, 1), classifier=make)


def test_a_probability_of_zero_is_no_fault_and_nan_that_comes_later_is_counted() -> None:
    def sure(x: Tensor) -> Tensor:
        return torch.where(classes(x) == classes(x).amax(1, keepdim=True), 0.0, -torch.inf)

    subject = Subject.wrap(Odd(), range=(-1, 1), classifier=sure)
    logits = subject.classifier(SAMPLES)
    assert bool(torch.isfinite(logits).all())
    assert torch.equal(logits.argmax(1), classes(SAMPLES).argmax(1))
    later = Subject.wrap(
        Odd(), range=(-1, 1), classifier=lambda x: classes(x).where(x.mean() < 0.99, torch.nan)
    )
    with pytest.raises(UserError, match="returned NaN or infinity for 3 of 3 samples"):
        later.classifier(torch.ones(3, 1, 2, 2))
