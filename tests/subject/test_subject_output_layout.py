"""Generators that return more than their samples, in another layout, or want their labels another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.modality import Points
from ganlens.subject import Subject, randomised

Z = torch.linspace(-1, 1, 15).reshape(5, 3)


def pictures(z: Tensor) -> Tensor:
    """Each picture has the sum of its latent everywhere, and the first of it in the corner."""
    samples = torch.tanh(z.sum(1)).reshape(-1, 1, 1, 1).repeat(1, 3, 8, 8)
    samples[:, 0, 0, 0] = torch.tanh(z[:, 0])
    return samples


@dataclass
class Made:
    sample: Tensor
    codes: Tensor


class Pair(NamedTuple):
    images: Tensor
    codes: Tensor


MORE = [
    (lambda z: (pictures(z), z), 0, "a tuple of 2 (0: 8×3×8×8, 1: 8×3)"),
    (lambda z: [z, pictures(z)], 1, "a list of 2 (0: 8×3, 1: 8×3×8×8)"),
    (lambda z: {"w": z, "images": pictures(z)}, "images", "a dict of 2 (w: 8×3, images: 8×3×8×8)"),
    (lambda z: Pair(pictures(z), z), "images", "a Pair of 2 (images: 8×3×8×8, codes: 8×3)"),
    (lambda z: Made(pictures(z), z), "sample", "a Made of 2 (sample: 8×3×8×8, codes: 8×3)"),
    (lambda z: (pictures(z), [z, z]), 0, "a tuple of 2 (0: 8×3×8×8, 1: list)"),
    (lambda z: (pictures(z),), 0, "a tuple of 1 (0: 8×3×8×8)"),
]


@pytest.mark.parametrize(("make", "key", "said"), MORE)
def test_the_only_pictures_among_what_is_returned_are_its_samples(make, key, said) -> None:
    subject = Subject.wrap(make, latent=3)
    assert subject.notes == [
        f"the generator returns {said}; {key!r}, of shape (3, 8, 8) a sample, is taken as its samples "
        f"(output={key!r})"
    ]
    assert torch.equal(subject.synthesize(Z), pictures(Z))
    declared = Subject.wrap(make, latent=3, output=key)
    assert declared.notes == [] and torch.equal(declared.synthesize(Z), pictures(Z))


def test_one_of_several_pictures_has_to_be_declared() -> None:
    def sizes(z: Tensor) -> dict[str, Tensor]:
        return {"small": pictures(z)[..., :4, :4], "large": pictures(z)}

    with pytest.raises(
        UserError, match=r"a dict of 2 \(small: 8×3×4×4, large.*output='small' \(on the command"
    ):
        Subject.wrap(sizes, latent=3)
    for output in ("large", 1, -1):
        assert torch.equal(Subject.wrap(sizes, latent=3, output=output).synthesize(Z), pictures(Z))
    for output in ("medium", 2):
        with pytest.raises(UserError, match=rf"as output={output!r}, and returned a dict of 2 \(small"):
            Subject.wrap(sizes, latent=3, output=output)


def test_points_beside_other_rows_have_to_be_declared() -> None:
    def pair(z: Tensor) -> tuple[Tensor, Tensor]:
        return z[:, :2], z

    with pytest.raises(UserError, match=r"a tuple of 2 \(0: 8×2, 1: 8×3\)"):
        Subject.wrap(pair, latent=3)
    assert Subject.wrap(pair, latent=3, output=0).modality == Points()


def test_channels_that_stand_last_are_put_first() -> None:
    def last(z: Tensor) -> Tensor:
        return pictures(z).permute(0, 2, 3, 1)

    subject = Subject.wrap(last, latent=3)
    assert subject.sample_shape == (3, 8, 8)
    assert subject.notes == [
        "the generator puts the channels last, (8, 8, 3); its samples are turned to (3, 8, 8) (say "
        "channels_last=False if that is wrong)"
    ]
    assert torch.equal(subject.synthesize(Z), pictures(Z))
    assert Subject.wrap(last, latent=3, channels_last=True).notes == []
    with pytest.raises(UserError, match=r"samples of shape \(8, 8, 3\), which is none of"):
        Subject.wrap(last, latent=3, channels_last=False)


def test_the_datas_shape_decides_where_the_channels_stand(tiny) -> None:
    def grey(z: Tensor) -> Tensor:
        return pictures(z)[:, :1].permute(0, 2, 3, 1)

    subject = Subject.wrap(grey, latent=3, data=tiny)
    assert subject.sample_shape == (1, 8, 8) and len(subject.notes) == 1
    assert torch.equal(subject.synthesize(Z), pictures(Z)[:, :1])
    with pytest.raises(UserError, match=r"shape \(8, 8, 1\), the data tiny have \(1, 8, 8\)"):
        Subject.wrap(grey, latent=3, data=tiny, channels_last=False)


def test_flat_samples_of_the_datas_size_are_pictures(tiny) -> None:
    def flat(z: Tensor) -> Tensor:
        return pictures(z)[:, 0].flatten(1)

    subject = Subject.wrap(flat, latent=3, data=tiny)
    assert subject.notes == [
        "the generator's samples are rows of 64 numbers; they are taken as 1×8×8 pictures"
    ]
    assert torch.equal(subject.synthesize(Z), pictures(Z)[:, :1])
    named = Subject.wrap(lambda z: flat(z).repeat_interleave(4, 1), latent=3, data="digits")
    assert named.sample_shape == named.data.sample_shape == (1, 16, 16)  # the data are opened at its size
    with pytest.raises(UserError, match=r"shape \(63,\), the data tiny have \(1, 8, 8\)"):
        Subject.wrap(lambda z: flat(z)[:, 1:], latent=3, data=tiny)


def test_layout_and_range_and_output_work_together() -> None:
    def make(z: Tensor) -> dict[str, Tensor]:
        return {"w": z, "rgb": (127.5 * (pictures(z) + 1)).permute(0, 2, 3, 1)}

    subject = Subject.wrap(make, latent=3, range=(0, 255))
    assert torch.allclose(subject.synthesize(Z), pictures(Z), atol=1e-5)
    assert subject.has_gradients and len(subject.notes) == 2


class Shifted(nn.Module):
    """Adds the class's own number to the picture; takes labels as numbers or as one-hot vectors."""

    def __init__(self, one_hot: bool) -> None:
        super().__init__()
        self.one_hot = one_hot
        self.shift = nn.Linear(4, 1, bias=False)
        with torch.no_grad():
            self.shift.weight.copy_(torch.tensor([[-0.4, -0.2, 0.2, 0.4]]))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        if not self.one_hot:
            labels = functional.one_hot(labels, 4).float()
        return (
            (z.tanh().mean(1, keepdim=True) / 2 + self.shift(labels)).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)
        )


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("attribute", ["num_classes", "n_classes", "c_dim", "label_dim", None])
def test_the_number_of_classes_is_read_and_the_form_of_labels_found(one_hot, attribute) -> None:
    module = Shifted(one_hot)
    if attribute:
        setattr(module, attribute, 4)
    subject = Subject.wrap(module, latent=3, num_classes=None if attribute else 4)
    assert subject.num_classes == 4
    assert subject.notes == (["the generator takes its labels as one-hot vectors"] if one_hot else [])
    labels = torch.tensor([0, 1, 2, 3, 3])
    expected = Z.tanh().mean(1) / 2 + torch.tensor([-0.4, -0.2, 0.2, 0.4, 0.4])
    assert torch.allclose(subject.synthesize(Z, labels)[:, 0, 0, 0], expected)
    assert torch.allclose(subject.synthesize(Z)[:, 0, 0, 0], Z.tanh().mean(1) / 2 - 0.4)  # unasked: class 0
    assert subject.layers == ["shift"]


def test_a_generator_whose_attribute_counts_colours_is_examined_without_labels() -> None:
    class Coloured(nn.Module):
        c_dim = 3

        def forward(self, z: Tensor) -> Tensor:
            return pictures(z)

    subject = Subject.wrap(Coloured(), latent=3)
    assert subject.num_classes == 0
    assert subject.notes == ["it says that it knows 3 classes and takes no labels; it is examined without"]
    with pytest.raises(UserError, match="failed on latents of shape 8×3: TypeError"):
        Subject.wrap(Coloured(), latent=3, num_classes=3)  # the user's word is not overruled


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.gain * pictures(z) + 0.5 * torch.randn(len(z), 3, 8, 8))


def test_a_generators_own_noise_is_repeated_and_leaves_the_global_numbers_alone() -> None:
    state = torch.random.get_rng_state()
    subject = Subject.wrap(Noisy(), latent=3)
    assert subject.generator.noisy and ["noise of its own" in note for note in subject.notes] == [True]
    assert torch.equal(subject.synthesize(Z), subject.synthesize(Z))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert subject.has_gradients and randomised(subject, 0).generator.noisy
    assert not Subject.wrap(pictures, latent=3).generator.noisy
