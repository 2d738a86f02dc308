import torch
from torch import Tensor, nn

from ganlens import Subject, open_dataset
from ganlens.explain.inversion.redrawing import redrawn
from ganlens.explain.inversion.search import descend
from ganlens.progress import Silent
from ganlens.subject import SampleBank

SCALES = torch.tensor([100.0, 10.0, 1.0, 0.1])
LOWEST = torch.tensor([[1.0, -2.0, 3.0, 0.5], [0.0, 1.0, -1.0, 2.0]])


def bowl(points: Tensor, rows: Tensor) -> Tensor:
    """Long and narrow: a thousand times as steep along one number as along another."""
    return (SCALES * (points - LOWEST[rows]).square()).sum(dim=1)


def test_a_narrow_bowl_is_followed_to_its_bottom() -> None:
    points, losses = descend(bowl, torch.zeros(2, 4), steps=40, first_step=0.1)
    torch.testing.assert_close(points, LOWEST, atol=1e-3, rtol=0)
    assert losses.max() < 1e-5


def test_a_curved_valley_is_followed_where_the_slope_points_across() -> None:
    def rosenbrock(points: Tensor, rows: Tensor) -> Tensor:
        x, y = points.unbind(dim=1)
        return (1 - x).square() + 100 * (y - x.square()).square()

    points, _ = descend(rosenbrock, torch.tensor([[-1.2, 1.0], [0.0, 0.0]]), steps=100, first_step=0.1)
    torch.testing.assert_close(points, torch.ones(2, 2), atol=1e-2, rtol=0)


def test_it_ends_at_the_border_where_the_bottom_lies_beyond() -> None:
    points, _ = descend(
        bowl, torch.zeros(2, 4), steps=40, first_step=0.1, within=lambda rows: rows.clamp(-1.5, 1.5)
    )
    torch.testing.assert_close(points, LOWEST.clamp(-1.5, 1.5), atol=1e-2, rtol=0)


def test_no_sample_depends_on_another_and_none_gets_worse() -> None:
    def steps(points: Tensor, rows: Tensor) -> Tensor:
        return bowl(points, rows) + points.sin().square().sum(dim=1)

    start = torch.tensor([[3.0, 1.0, 2.0, -1.0], [0.5, 0.5, 0.5, 0.5]])
    together, losses = descend(steps, start, steps=12, first_step=0.1)
    alone, _ = descend(lambda points, rows: steps(points, rows + 1), start[1:], steps=12, first_step=0.1)
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=0)
    assert (losses < steps(start, torch.arange(2))).all()


def test_where_there_is_no_number_it_stays_where_it_was() -> None:
    def broken(points: Tensor, rows: Tensor) -> Tensor:
        return bowl(points, rows) * torch.tensor([torch.nan, 1.0])[rows]

    points, losses = descend(broken, torch.zeros(2, 4), steps=40, first_step=0.1)
    assert torch.equal(points[0], torch.zeros(4))
    assert losses[0] == torch.inf
    torch.testing.assert_close(points[1], LOWEST[1], atol=1e-3, rtol=0)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.draw = nn.Linear(3, 2)
        self.made = 0

    def forward(self, latents: Tensor) -> Tensor:
        self.made += len(latents)
        return self.draw(latents)


def test_what_was_redrawn_for_one_question_is_not_searched_again_for_the_next() -> None:
    generator = Counting()
    bank = SampleBank(Subject.wrap(generator, latent=3, data=open_dataset("ring", count=400)), samples=128)
    search = {"space": "z", "steps": 5, "progress": Silent()}
    few = redrawn(bank, "own", 10, **search)
    after_few = generator.made
    more = redrawn(bank, "own", 40, **search)
    after_more = generator.made
    again = redrawn(bank, "own", 25, **search)
    assert after_more - after_few > 5 * 30
    assert generator.made - after_more == 25  # its own samples are drawn, and nothing is searched
    assert (len(few.samples), len(more.samples), len(again.samples)) == (10, 40, 25)
    torch.testing.assert_close(more.samples[:10], few.samples)
    torch.testing.assert_close(more.errors[:25], again.errors)
    torch.testing.assert_close(more.inversion.points[:10], few.inversion.points)
