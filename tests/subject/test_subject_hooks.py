import pytest
import torch
from torch import nn

from ganlens.errors import UserError
from ganlens.subject import capture, edit
from ganlens.subject.hooks import output_of


@pytest.fixture
def net():
    """2 → 2 → 1 with weights that are known: y = (x₁ + 1) + (x₂ + 2)."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Identity(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(2))
        net[0].bias.copy_(torch.tensor([1.0, 2.0]))
        net[2].weight.fill_(1.0)
    return net


def hooks_left(net):
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in net.modules())


def test_capture_gives_the_outputs_of_named_layers_with_their_gradients(net):
    x = torch.tensor([[3.0, 5.0]], requires_grad=True)
    with capture(net, ["0", "1"]) as outputs:
        y = net(x)
    assert outputs["0"].tolist() == [[4.0, 7.0]] and y.item() == 11.0
    (gradient,) = torch.autograd.grad(y.sum(), outputs["1"])
    assert gradient.tolist() == [[1.0, 1.0]]
    assert hooks_left(net) == 0


def test_an_early_layer_s_output_comes_without_what_lies_behind_it(net):
    behind = []
    net[2].register_forward_hook(lambda *given: behind.append(1))
    x = torch.tensor([[3.0, 5.0]])
    assert output_of(net, "0", lambda: net(x)).tolist() == [[4.0, 7.0]]
    assert not behind
    assert net(x).item() == 11.0 and hooks_left(net) == 1  # the test's own


def test_a_layer_that_never_runs_or_gives_no_tensor_is_refused(net):
    with pytest.raises(UserError, match="the layer '1' did not run"):
        output_of(net, "1", lambda: net[0](torch.zeros(1, 2)))
    net[1].forward = lambda given: (given, given)
    with pytest.raises(UserError, match="the layer '1' gives a tuple, not a tensor"):
        output_of(net, "1", lambda: net(torch.zeros(1, 2)))
    with pytest.raises(RuntimeError):
        output_of(net, "1", lambda: net(torch.zeros(1, 7)))
    assert hooks_left(net) == 0


def test_edit_changes_what_follows_and_only_within_the_block(net):
    x = torch.tensor([[3.0, 5.0]])
    with edit(net, "0", lambda out: out * torch.tensor([0.0, 1.0])):
        assert net(x).item() == 7.0
    assert net(x).item() == 11.0
    assert hooks_left(net) == 0


def test_hooks_are_gone_after_a_failure(net):
    with pytest.raises(RuntimeError), capture(net, ["0"]), edit(net, "1", lambda out: out):
        net(torch.zeros(1, 7))
    with pytest.raises(UserError, match="changed its shape from"), edit(net, "0", lambda out: out[:, :1]):
        net(torch.zeros(1, 2))
    assert hooks_left(net) == 0


def test_an_unknown_layer_names_the_nearest_and_hooks_nothing():
    net = nn.ModuleDict({"stem": nn.Linear(1, 1), "head": nn.Linear(1, 1)})
    with (
        pytest.raises(UserError, match=r"no layer named 'sten'.*Did you mean 'stem'"),
        capture(net, ["head", "sten"]),
    ):
        pass
    assert hooks_left(net) == 0
