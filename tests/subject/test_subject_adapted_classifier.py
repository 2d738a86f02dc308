"""Classifiers of any make behind one face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject import AdaptedClassifier, Subject, capture

SAMPLES = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.02 - 0.01


def generator(z: Tensor) -> Tensor:
    return torch.tanh(z).reshape(-1, 1, 4, 4)


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
        (lambda x: {"logits": score(x), "features": x.flatten(1)}, "logits", True),
        (lambda x: (score(x).argmax(dim=1), score(x).softmax(dim=1)), "probabilities", True),
    ],
)
def test_classifiers_of_any_make_agree(classifier, gives: str, gradients: bool) -> None:
    adapted = Subject.wrap(generator, latent=16, range=(-1, 1), classifier=classifier).classifier
    assert (adapted.gives, adapted.has_gradients, adapted.num_classes) == (gives, gradients, 2)
    assert torch.equal(adapted(SAMPLES).argmax(dim=1), score(SAMPLES).argmax(dim=1))
    if gives != "logits" and gradients:  # logits up to what softmax does not see
        difference = adapted(SAMPLES).diff(dim=1) - score(SAMPLES).diff(dim=1)
        assert torch.allclose(difference, torch.zeros(6, 1), atol=1e-5)
    assert adapted.class_index("1") == 1
    with pytest.raises(UserError, match="no class 'seven'; it has 0, 1"):
        adapted.class_index("seven")


class Convolutional(nn.Module):
    """Wants pictures in 0…1, and remembers the last it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.detach()
        return self.head(self.features(x).flatten(1))


def test_samples_are_mapped_to_the_classifiers_range_and_gradients_come_back(filled) -> None:
    module = filled(Convolutional())
    subject = Subject.wrap(generator, latent=16, classifier=module, classifier_range=(0, 1))
    samples = torch.tensor([-1.0, 0.0, 0.5, 1.0]).reshape(4, 1, 1, 1).expand(4, 1, 4, 4)
    scores = subject.classifier(samples)
    assert module.seen[:, 0, 0, 0].tolist() == [0.0, 0.5, 0.75, 1.0]
    assert torch.equal(scores, module((samples + 1) / 2))
    wide = AdaptedClassifier(module, "wide", samples, range=(-2, 6))
    wide(samples)
    assert module.seen[:, 0, 0, 0].tolist() == [-2.0, 2.0, 4.0, 6.0]
    live = samples.clone().requires_grad_(True)
    plain = ((samples + 1) / 2).requires_grad_(True)
    (through,) = torch.autograd.grad(subject.classifier(live).sum(), live)
    (direct,) = torch.autograd.grad(module(plain).sum(), plain)
    assert torch.allclose(through, direct / 2)  # the chain rule: the map has slope 1/2


def test_a_classifiers_layers_can_be_captured(filled) -> None:
    module = filled(Convolutional())
    classifier = AdaptedClassifier(module, "c", SAMPLES, range=(0, 1))
    assert classifier.layers == ["features.0", "features.1", "features", "head"]
    with capture(classifier.module, ["features.0"]) as seen:
        classifier(SAMPLES)
    assert torch.equal(seen["features.0"], module.features[0]((SAMPLES + 1) / 2))
    assert AdaptedClassifier(score, "function", SAMPLES).layers == []
    assert not module.features[0]._forward_hooks


def test_class_names_are_its_own_then_the_datas_then_numbers(tiny, filled) -> None:
    module = filled(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))

    def names() -> tuple[str, ...]:
        wrapped = Subject.wrap(
            lambda z: z.tanh().reshape(-1, 1, 8, 8), latent=64, data=tiny, classifier=module
        )
        return wrapped.classifier.class_names

    assert names() == ("dark", "bright")
    module.classes = ["night", "day"]
    assert names() == ("night", "day")
    module.class_names = ("moon", "sun", "one too many")
    assert names() == ("night", "day")
    del module.classes
    assert AdaptedClassifier(module, "c", torch.zeros(2, 1, 8, 8)).class_names == ("0", "1")


@pytest.mark.parametrize(
    ("classifier", "options", "sentence"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(10, 2)),
            {},
            r"classifier Sequential failed on samples of shape \(8, 1, 4, 4\).*must take batches of what the gen",
        ),
        (3, {}, "the classifier int is a int; expected a module or a function"),
        (lambda x: x, {}, r"returned shape \(8, 1, 4, 4\) for 8 samples; expected \[8, classes\]"),
        (
            lambda x: (score(x), score(x)),
            {},
            r"returned a tuple of 2 \(0: 8×2, 1: 8×2\); expected a tensor \[8",
        ),
        (lambda x: "seven", {}, r"returned a str; expected a tensor \[8, classes\]"),
        (score, {"classifier_range": (1, 0)}, r"classifier_range=\(1, 0\): give the lowest value first"),
    ],
)
def test_what_is_no_classifier_is_refused_in_a_sentence(classifier, options, sentence) -> None:
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(generator, latent=16, range=(-1, 1), classifier=classifier, **options)


def test_points_have_no_range_to_map_from() -> None:
    with pytest.raises(UserError, match="points have no range to map from"):
        Subject.wrap(lambda z: z, latent=2, classifier=lambda x: x, classifier_range=(0, 1))
