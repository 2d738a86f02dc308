"""Spaces between latents and samples, generators with nothing learned, classifiers of any make."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject import Subject, randomised, space_named


class Styled(nn.Module):
    """z → w = 2z → pictures."""

    latent_dim = 3

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mapping = nn.Linear(3, 5)
        self.synthesis = nn.Sequential(nn.Linear(5, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z))


def test_a_style_generator_has_a_space_w_and_its_samples_are_the_same() -> None:
    subject = Subject.wrap(Styled(), range=(-1, 1))
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    w = space_named(subject, "w").of(z, None)
    assert list(subject.spaces) == ["z", "w"]
    assert subject.spaces["w"].shape == (5,)
    torch.testing.assert_close(subject.spaces["w"].synthesize(w, None), subject.generator.synthesize(z))
    with pytest.raises(UserError, match="no latent space 'v'.*w, z"):
        space_named(subject, "v")


def test_a_randomised_generator_has_the_same_weights_in_another_order_and_the_subject_keeps_its_own() -> None:
    subject = Subject.wrap(Styled(), range=(-1, 1))
    before = subject.sample(8)
    other = randomised(subject, 0)
    assert other is not None
    assert torch.equal(subject.sample(8), before)
    assert not torch.allclose(other.sample(8), before, atol=0.05)
    for ours, theirs in zip(
        subject.generator.module.parameters(), other.generator.module.parameters(), strict=True
    ):
        torch.testing.assert_close(ours.flatten().sort().values, theirs.flatten().sort().values)
    assert randomised(Subject.wrap(lambda z: z.view(-1, 1, 8, 8), latent=64), 0) is None


def score(samples: Tensor) -> Tensor:
    return torch.stack([samples.flatten(1).sum(dim=1), samples.flatten(1)[:, 0]], dim=1)


@pytest.mark.parametrize(
    ("classifier", "gives", "gradients"),
    [
        (score, "logits", True),
        (lambda x: score(x).softmax(dim=1), "probabilities", True),
        (lambda x: score(x)[:, 1] - score(x)[:, 0], "one logit", True),
        (lambda x: (score(x)[:, 1:] - score(x)[:, :1]).sigmoid(), "one probability", True),
        (lambda x: score(x).numpy(), "logits", False),
        (lambda x: np.eye(2)[score(x).argmax(dim=1).numpy()], "probabilities", False),
    ],
)
def test_classifiers_of_any_make_agree(classifier, gives: str, gradients: bool) -> None:
    adapted = Subject.wrap(Styled(), range=(-1, 1), classifier=classifier).classifier
    samples = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.02 - 0.01
    assert (adapted.gives, adapted.has_gradients, adapted.num_classes) == (gives, gradients, 2)
    assert torch.equal(adapted(samples).argmax(dim=1), score(samples).argmax(dim=1))
    assert adapted.class_index("1") == 1
    with pytest.raises(UserError, match="no class 'seven'; it has 0, 1"):
        adapted.class_index("seven")


def test_a_classifier_of_another_size_is_refused() -> None:
    with pytest.raises(UserError, match=r"classifier Linear failed on samples of shape \(8, 1, 8, 8\)"):
        Subject.wrap(Styled(), range=(-1, 1), classifier=nn.Linear(10, 2))
