import pytest
import torch
from torch import nn

from ganlens.errors import UserError
from ganlens.modality import Images, Points
from ganlens.subject import Subject


class Affine(nn.Module):
    """G(z) = squash(z·1) on a 4×4 grey picture: what it makes is known by hand."""

    def __init__(self, squash=torch.tanh, shape=(1, 4, 4)):
        super().__init__()
        self.squash, self.shape = squash, shape
        self.scale = nn.Linear(2, 1, bias=False)
        self.spread = nn.Dropout(0.5)
        nn.init.ones_(self.scale.weight)

    def forward(self, z):
        value = self.squash(self.spread(self.scale(z)))
        return value.reshape(-1, *[1] * len(self.shape)).expand(-1, *self.shape)


class Contract:
    """Meets the contract without being a module; remembers how it was called."""

    num_classes = 0

    def __init__(self, make, latent=(3,)):
        self.make, self.latent, self.calls = make, latent, []

    def sample_latent(self, n, *, rng):
        return torch.rand((n, *self.latent), generator=rng)

    def synthesize(self, latent, labels=None):
        self.calls.append((len(latent), labels))
        return self.make(latent) if labels is None else self.make(latent, labels)


def pictures(latent):
    return torch.tanh(latent.sum(1)).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def test_a_bare_module_is_sampled_from_a_normal_prior_in_evaluation_mode():
    module = Affine()
    subject = Subject.wrap(module, latent=2)
    assert (subject.name, subject.modality) == ("Affine", Images())
    assert (subject.sample_shape, subject.latent_shape) == ((1, 4, 4), (2,))
    assert subject.layers == ["scale", "spread"] and subject.has_gradients
    latent = torch.tensor([[0.5, 0.25]])
    assert torch.allclose(
        subject.synthesize(latent), torch.tensor(0.75).tanh().expand(1, 1, 4, 4)
    )  # no dropout
    drawn = subject.sample(4000, seed=1)[:, 0, 0, 0].atanh()
    assert abs(drawn.mean()) < 0.1 and abs(drawn.var() - 2) < 0.2  # the sum of two standard normals


def test_the_users_module_is_left_as_it_was():
    module = Affine()
    module.spread.eval()
    modes = [part.training for part in module.modules()]
    module.scale.weight.grad = torch.full_like(module.scale.weight, 7.0)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    random_state = torch.random.get_rng_state()
    subject = Subject.wrap(module, latent=2)
    subject.sample(10)
    latent = torch.zeros(1, 2, requires_grad=True)
    torch.autograd.grad(subject.generator.synthesize(latent).sum(), latent)
    assert [part.training for part in module.modules()] == modes
    assert (module.scale.weight.grad == 7.0).all() and module.scale.weight.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(not part._forward_hooks for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), random_state)


def test_modes_are_restored_when_the_module_raises():
    class Fails(nn.Module):
        def forward(self, z):
            raise RuntimeError("out of paint")

    module = Fails()
    with pytest.raises(
        UserError, match="the generator Fails failed on latents of shape 8×4: RuntimeError: out of paint"
    ):
        Subject.wrap(module, latent=4)
    assert module.training


def test_sampling_does_not_depend_on_the_batch_and_repeats_with_the_seed():
    subject = Subject.wrap(Affine(), latent=2)
    latents = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(subject.synthesize(latents, batch=3), subject.synthesize(latents, batch=10))
    assert torch.equal(subject.sample(5, seed=3), subject.sample(5, seed=3))
    assert not torch.equal(subject.sample(5, seed=3), subject.sample(5, seed=4))


def test_an_object_that_meets_the_contract_brings_its_own_prior():
    subject = Subject.wrap(Contract(pictures))
    assert subject.latent_shape == (3,) and subject.layers == [] and subject.has_gradients
    assert subject.sample(50).min() > 0  # its latents are uniform on 0…1; a normal prior would give negatives


def test_modules_that_an_object_holds_are_its_layers():
    class Holder(Contract):
        def __init__(self):
            super().__init__(lambda latent: self.net(latent).reshape(-1, 1, 2, 2))
            self.net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())

    assert Subject.wrap(Holder()).layers == ["net.0", "net.1", "net"]  # in the order they finish


def test_a_flat_latent_is_tried_as_a_tall_one():
    net = nn.Sequential(nn.ConvTranspose2d(6, 1, 4), nn.Tanh())
    subject = Subject.wrap(net, latent=6)
    assert subject.latent_shape == (6, 1, 1) and subject.sample_shape == (1, 4, 4)
    assert subject.notes == ["the generator takes its 6 latent numbers as 6×1×1"]


@pytest.mark.parametrize(
    ("squash", "declared", "value", "mapped", "note"),
    [
        (torch.sigmoid, None, 0.0, 0.0, "values in 0…1"),
        (lambda x: 255 * torch.sigmoid(x), None, 0.0, 0.0, "values in 0…255"),
        (torch.tanh, None, 0.0, 0.0, None),
        (lambda x: 4 * torch.tanh(x), None, 1.0, 4 * 0.76159, "outside −1…1"),
        (lambda x: 4 * torch.tanh(x), (-4, 4), 1.0, 0.76159, None),
        (torch.sigmoid, (-1, 1), 0.0, 0.5, None),
    ],
)
def test_the_range_is_declared_or_detected_and_said(squash, declared, value, mapped, note):
    subject = Subject.wrap(Affine(squash).eval(), latent=2, range=declared)
    made = subject.synthesize(torch.tensor([[value, 0.0]]))
    assert made[0, 0, 0, 0].item() == pytest.approx(mapped, abs=1e-4)
    assert len(subject.notes) == (note is not None)
    if note:
        assert note in subject.notes[0]


def test_points_are_not_remapped():
    subject = Subject.wrap(lambda z: torch.sigmoid(z), latent=2, name="unit square")
    assert subject.modality == Points() and subject.notes == []
    assert subject.sample(100).min() > 0


def test_a_black_box_without_gradients_is_noticed():
    with_numpy = Subject.wrap(lambda z: torch.from_numpy(z.detach().numpy()) * 1.0, latent=2, name="numpy")
    ignoring = Subject.wrap(lambda z: torch.ones(len(z), 2) * torch.arange(2.0), latent=2, name="constant")
    assert not with_numpy.has_gradients and not ignoring.has_gradients


def test_a_conditional_generator_is_given_labels():
    def make(latent, labels):
        return (labels.float() * 2 - 1).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)

    subject = Subject.wrap(Contract(make), num_classes=2)
    made = subject.sample(200)[:, 0, 0, 0]
    assert set(made.tolist()) == {-1.0, 1.0} and 70 < (made == 1).sum() < 130
    asked = subject.synthesize(torch.zeros(3, 3), torch.tensor([1, 0, 1]))
    assert asked[:, 0, 0, 0].tolist() == [1, -1, 1]
    assert (subject.synthesize(torch.zeros(3, 3)) == -1).all()  # unasked: its class 0


BAD = [
    (lambda z: pictures(z) * float("nan"), "returned NaN or infinity in 8 of 8 samples"),
    (
        lambda z: (pictures(z), pictures(z)),
        r"a tuple of 2 \(0: 8×1×8×8, 1: 8×1×8×8\).*which.*: output=0 \(on",
    ),
    (lambda z: [z.tolist()], r"returned a list of 1 \(0: list\), not one tensor \[8, …\]"),
    (lambda z: pictures(z).numpy().astype(object), "returned a ndarray, not one tensor"),
    (lambda z: pictures(z)[:1], r"returned shape \(1, 1, 8, 8\) for 8 latents"),
    (lambda z: pictures(z).mean(), r"returned shape \(\) for 8 latents"),
    (lambda z: z @ torch.zeros(9, 9), "failed on latents of shape 8×3: RuntimeError"),
    (lambda z: pictures(z)[:, 0], r"samples of shape \(8, 8\), which is none of"),
    (lambda z: pictures(z).expand(-1, 9, 8, 8), r"shape \(9, 8, 8\), which is none of.*--channels-last"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD)
def test_what_a_generator_returns_is_checked_and_named(make, sentence):
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(Contract(make))


def test_a_shape_other_than_the_datas_is_refused(tiny):
    with pytest.raises(
        UserError, match=r"of shape \(1, 4, 4\), the data tiny have \(1, 8, 8\); give data of the"
    ):
        Subject.wrap(Contract(lambda z: pictures(z)[..., :4, :4]), data=tiny)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (Affine(), {}, "latent's shape is not known; give it, e.g. latent=100"),
        (Affine(), {"latent": 0}, "not possible"),
        (3, {"latent": 2}, "is a int; a generator is a torch module"),
        (Affine(), {"latent": 2, "modality": "points"}, "which can't be points"),
        (Affine(), {"latent": 2, "modality": "picture"}, "no modality named 'picture'"),
        (Affine(), {"latent": 2, "range": (1, -1)}, "give the lowest value first"),
        (Affine(), {"latent": 2, "output": 0}, "as output=0, and returned one tensor 8×1×4×4"),
        (
            Affine(shape=(16,)),
            {"latent": 2, "channels_last": True},
            r"shape \(16,\); channels_last=True means",
        ),
        (Affine(), {"latent": 2, "classifier_range": (0, 1)}, "was given without a classifier"),
        (
            Affine(),
            {"latent": 2, "discriminator": 5},
            "the discriminator int is a int; expected a torch module",
        ),
    ],
)
def test_bad_input_is_one_sentence(source, options, sentence):
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(source, **options)


def test_nan_that_comes_later_than_the_trial_stops_the_sampling():
    def rarely(latent):
        return torch.where(latent[:, :1, None, None] > 0.999, torch.nan, pictures(latent))

    subject = Subject.wrap(Contract(rarely))
    with pytest.raises(UserError, match="returned NaN or infinity in"):
        subject.sample(20_000)


def test_data_named_by_string_are_opened_at_the_generators_size():
    subject = Subject.wrap(Affine(shape=(1, 16, 16)).eval(), latent=2, data="digits")
    assert subject.data.sample_shape == (1, 16, 16)
    assert subject.notes == ["digits was resized from 8×8 to the generator's 16×16"]
