"""Spaces between latents and samples: declared, and found in style-based generators."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.subject import Subject, randomised


class Styled(nn.Module):
    """z → w = 2z → pictures."""

    latent_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Linear(3, 5)
        self.synthesis = nn.Sequential(nn.Linear(5, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z))


@pytest.fixture
def latents() -> Tensor:
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(1))


def test_a_style_generator_has_a_space_w_and_its_samples_are_the_same(filled, latents) -> None:
    subject = Subject.wrap(filled(Styled()), range=(-1, 1))
    w = subject.space("w").of(latents, None)
    assert list(subject.spaces) == ["z", "w"]
    assert subject.spaces["w"].shape == (5,) and subject.notes == []
    assert torch.equal(subject.spaces["w"].synthesize(w, None), subject.generator.synthesize(latents))
    with pytest.raises(UserError, match=r"no latent space 'v'\. There are: w, z\."):
        subject.space("v")


@pytest.mark.parametrize("suffix", ["ts", "pt2"])
def test_a_style_generator_in_a_file_has_its_space_w(filled, latents, tmp_path, suffix) -> None:
    module, path = filled(Styled()), tmp_path / f"styled.{suffix}"
    if suffix == "ts":
        torch.jit.trace(module, latents).save(str(path))
    else:
        rows = ({0: torch.export.Dim("batch")},)
        torch.export.save(torch.export.export(module, (latents,), dynamic_shapes=rows), path)
    subject = Subject.wrap(path, latent=3, range=(-1, 1))
    assert torch.equal(subject.spaces["w"].of(latents, None), module.mapping(latents))
    assert subject.notes == []


def test_a_randomised_generator_has_only_its_latents_as_a_space(filled) -> None:
    other = randomised(Subject.wrap(filled(Styled()), range=(-1, 1)), 0)
    assert list(other.spaces) == ["z"]


class Mapping(nn.Module):
    """As in StyleGAN2: normalised z, one-hot classes, one w for each of the layers."""

    num_ws = 4

    def __init__(self, z_dim: int, c_dim: int, w_dim: int) -> None:
        super().__init__()
        self.z_dim, self.c_dim = z_dim, c_dim
        self.embed = nn.Linear(max(c_dim, 1), w_dim)
        self.fc = nn.Linear(z_dim, w_dim)

    def forward(
        self, z: Tensor, c: Tensor | None, truncation_psi: float = 1, *, update_emas: bool = False
    ) -> Tensor:
        w = self.fc(functional.normalize(z, dim=1))
        if self.c_dim > 0:
            assert c is not None and c.shape == (len(z), self.c_dim), "wrong shape of c"
            w = w + self.embed(c)
        return (truncation_psi * w).unsqueeze(1).repeat(1, self.num_ws, 1)


class Synthesis(nn.Module):
    """Every w adds a colour; noise where it is asked for."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        self.colours = nn.ModuleList(nn.Linear(w_dim, 3 * 16) for _ in range(Mapping.num_ws))

    def forward(self, ws: Tensor, noise_mode: str = "random", **ignored: bool) -> Tensor:
        assert isinstance(noise_mode, str)
        summed = sum(colour(w) for colour, w in zip(self.colours, ws.unbind(1), strict=True))
        noise = torch.randn(len(ws), 48) if noise_mode == "random" else 0
        return (summed / 4 + 0.2 * noise).reshape(-1, 3, 4, 4)


class StyleLike(nn.Module):
    def __init__(self, c_dim: int, psi: float = 1.0) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.psi = 3, c_dim, 5, psi
        self.mapping, self.synthesis = Mapping(3, c_dim, 5), Synthesis(5)

    def forward(self, z: Tensor, c: Tensor | None, **synthesis: str) -> tuple[Tensor, Tensor]:
        ws = self.mapping(z, c, truncation_psi=self.psi)
        return self.synthesis(ws, **synthesis), ws


@pytest.mark.parametrize("classes", [0, 2])
def test_a_stylegan_is_understood_without_a_word(filled, latents, classes) -> None:
    module = filled(StyleLike(classes))
    subject = Subject.wrap(module, range=(-1, 1))
    assert (subject.latent_shape, subject.sample_shape, subject.num_classes) == ((3,), (3, 4, 4), classes)
    assert subject.spaces["w"].shape == (4, 5)
    form = "None in the place of labels" if classes == 0 else "labels as one-hot vectors"
    assert [form in subject.notes[0], "a tuple of 2" in subject.notes[1], "noise" in subject.notes[2]] == [
        True
    ] * 3
    assert len(subject.notes) == 3
    labels = torch.tensor([0, 1, 1, 0, 1, 0]) if classes else None
    w = subject.spaces["w"]
    points = w.of(latents, labels)
    one_hot = None if labels is None else functional.one_hot(labels, 2).float()
    assert torch.equal(points, module.mapping(latents, one_hot))
    assert torch.equal(w.synthesize(points, labels), subject.generator.synthesize(latents, labels))
    still = module.synthesis(points, noise_mode="const")
    assert (w.synthesize(points, labels) - still).std().item() == pytest.approx(0.2, rel=0.2)
    assert "synthesis.colours.3" in subject.layers and "mapping.fc" in subject.layers
    assert "mapping" in subject.layers and subject.has_gradients


def test_a_space_whose_samples_are_others_is_said_to_be(filled) -> None:
    subject = Subject.wrap(filled(StyleLike(0, psi=0.5)), range=(-1, 1))
    assert "samples made through its space w differ from those it makes of the latents" in subject.notes[-1]
    assert subject.spaces["w"].shape == (4, 5)


def test_mapping_and_synthesis_that_are_something_else_are_no_space(filled) -> None:
    module = filled(Styled())
    module.forward = module.synthesis.forward  # it maps nothing
    module.latent_dim = 5
    subject = Subject.wrap(module, range=(-1, 1))
    assert list(subject.spaces) == ["z"]
    assert (
        "no space w between them: the generator Styled: the map to w failed on shape (4, 5)"
        in subject.notes[0]
    )


class Declared(nn.Module):
    """A declared space s = z + 10·label, whose points know their class already."""

    latent_dim, num_classes = 3, 2

    def __init__(self) -> None:
        super().__init__()
        self.spaces = {"s": (lambda z, y: z + 10 * y[:, None], lambda s, y: self.draw(s - 10 * y[:, None]))}

    def draw(self, z: Tensor) -> Tensor:
        return torch.tanh(z.sum(1)).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.draw(z)


def test_declared_spaces_see_the_labels(latents) -> None:
    subject = Subject.wrap(Declared())
    space, labels = subject.spaces["s"], torch.tensor([0, 1, 0, 1, 1, 0])
    points = space.of(latents, labels)
    torch.testing.assert_close(points, latents + 10.0 * labels[:, None])
    torch.testing.assert_close(
        space.synthesize(points, labels), subject.generator.synthesize(latents, labels)
    )


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (3, r"spaces\['s'\] must be two functions"),
        (
            (lambda z, y: z[:1], lambda s, y: s),
            r"the map to s must give a tensor \[4, …\], found one tensor 1×3",
        ),
        (
            (lambda z, y: z, lambda s, y: s),
            r"space s gave \(4, 3\); the generator's own samples are \(4, 1, 4",
        ),
        ((lambda z, y: z @ z, lambda s, y: s), r"the map to s failed on shape \(4, 3\): RuntimeError"),
    ],
)
def test_declared_spaces_that_can_not_be_used_are_refused(pair, sentence) -> None:
    module = Declared()
    module.spaces = {"s": pair}
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(module)
