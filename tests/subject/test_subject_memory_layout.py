import torch
from torch import Tensor, nn

from ganlens import Subject
from ganlens.subject.memory_layout import lay_channels_last


class Viewing(nn.Module):
    """Takes for granted that channels come before places in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 6, 4)
        self.last = nn.Linear(6 * 16, 16)

    def forward(self, latents: Tensor) -> Tensor:
        shown = self.up(latents[:, :, None, None])
        return self.last(shown.view(len(latents), -1)).tanh().view(-1, 1, 4, 4)


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (4, 1, 1)),
        nn.ConvTranspose2d(4, 8, 4),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4, 2, 1),
        nn.Tanh(),
    )


def laid_out(module: nn.Module) -> bool:
    weights = [weight for weight in module.parameters() if weight.ndim == 4]
    return all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_a_convolutional_generator_is_laid_out_and_makes_the_same_samples() -> None:
    torch.manual_seed(0)
    generator, latents = convolutional(), torch.randn(5, 4)
    weights = [weight.detach().clone() for weight in generator.parameters()]
    same_parameters = [id(weight) for weight in generator.parameters()]
    with torch.no_grad():
        before = generator(latents)
    subject = Subject.wrap(generator, latent=4)
    after = subject.synthesize(latents)
    assert laid_out(generator)
    assert after.is_contiguous()
    assert [id(weight) for weight in generator.parameters()] == same_parameters
    assert all(map(torch.equal, weights, generator.parameters()))
    torch.testing.assert_close(after, before, atol=1e-6, rtol=1e-5)


def test_one_that_counts_on_the_order_in_memory_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    generator, latents = Viewing(), torch.randn(5, 4)
    with torch.no_grad():
        before = generator(latents)
    subject = Subject.wrap(generator, latent=4)
    assert generator.up.weight.is_contiguous()
    torch.testing.assert_close(subject.synthesize(latents), before, atol=0, rtol=0)


def test_one_that_answers_otherwise_each_time_is_left_as_it_was() -> None:
    generator, answers = convolutional(), iter((torch.zeros(2), torch.ones(2)))
    assert not lay_channels_last(generator, lambda: next(answers))
    assert all(weight.is_contiguous() for weight in generator.parameters())


def test_networks_without_convolutions_and_black_boxes_are_left_alone() -> None:
    assert not lay_channels_last(None, lambda: torch.zeros(1))
    assert not lay_channels_last(nn.Linear(2, 2), lambda: torch.zeros(1))
