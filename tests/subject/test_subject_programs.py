"""Generators and classifiers in files: TorchScript, torch.export and ONNX."""

from __future__ import annotations

import builtins
from typing import ClassVar

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.probes.audit import unmet_need
from ganlens.probes.probe import Need, Probe
from ganlens.subject import Subject, capture, edit, randomised
from ganlens.subject.hooks import layer_named
from ganlens.subject.layers import layers_of
from ganlens.subject.programs import torchscript


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(inputs, outputs), nn.ReLU()

    def forward(self, rows: Tensor) -> Tensor:
        return self.act(self.linear(rows))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.noise, self.last = Block(3, 8), nn.Dropout(0.5), nn.Linear(8, 16)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.last(self.noise(self.first(z)))).reshape(-1, 1, 4, 4)


@pytest.fixture
def network(filled):
    return filled(Network())


@pytest.fixture
def latents():
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def save_exported(module, path, rows, inputs=1):
    given = (torch.zeros(rows or 4, 3), *[torch.zeros(rows or 4, dtype=torch.int64)] * (inputs - 1))
    dynamic = None if rows else tuple({0: torch.export.Dim("batch", min=1, max=1024)} for _ in given)
    torch.export.save(torch.export.export(module, given, dynamic_shapes=dynamic), path)
    return path


MIX, WANTED = np.arange(48, dtype=np.float32).reshape(3, 16) / 48 - 0.5, (1, 4, 4)
PER_CLASS = np.linspace(-1, 1, 2 * 16, dtype=np.float32).reshape(2, 16)


def save_onnx(path, *, rows="n", labels=None, kind=TensorProto.FLOAT, extra=(), classes=None, also=()):
    """tanh(z MIX [+ PER_CLASS of the label]) as 4×4 pictures, written node by node."""
    number = helper.tensor_dtype_to_np_dtype(kind)
    inputs = [helper.make_tensor_value_info("z", kind, [rows, 3])]
    nodes = [helper.make_node("MatMul", ["z", "mix"], ["mixed"])]
    weights = {"mix": MIX.astype(number), "per_class": PER_CLASS, "size": np.array([-1, *WANTED])}
    before = "mixed"
    if labels == "index":
        inputs.append(helper.make_tensor_value_info("y", TensorProto.INT64, [rows]))
        nodes.append(helper.make_node("Gather", ["per_class", "y"], ["shift"]))
    elif labels == "one-hot":
        inputs.append(helper.make_tensor_value_info("y", kind, [rows, 2]))
        nodes.append(helper.make_node("MatMul", ["y", "per_class"], ["shift"]))
    if labels:
        nodes.append(helper.make_node("Add", ["mixed", "shift"], ["moved"]))
        before = "moved"
    nodes += [
        helper.make_node("Tanh", [before], ["flat"]),
        helper.make_node("Reshape", ["flat", "size"], ["images"]),
    ]
    inputs += [helper.make_tensor_value_info(name, kind, shape) for name, shape in extra]
    outputs = [helper.make_tensor_value_info("images", kind, [rows, *WANTED])]
    outputs += [helper.make_tensor_value_info(name, kind, [rows, 16]) for name in also]
    initial = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "generator", inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if classes:
        helper.set_model_props(model, {"num_classes": str(classes)})
    onnx.save(model, path)
    return path


def by_hand(latents, labels=None):
    moved = latents @ torch.from_numpy(MIX) + (0 if labels is None else torch.from_numpy(PER_CLASS)[labels])
    return torch.tanh(moved).reshape(-1, *WANTED)


LAYERS = ["first.linear", "first.act", "first", "noise", "last"]


def open_layers(subject, network, latents):
    """The layers give what the network's own layers give, and an edit of one is what comes after it."""
    assert subject.layers == LAYERS
    module = subject.generator.module
    with capture(module, ["first", "first.linear"]) as seen:
        subject.synthesize(latents)
    assert torch.equal(seen["first.linear"], network.first.linear(latents))
    assert torch.equal(seen["first"], network.first(latents))
    with edit(module, "first", torch.zeros_like):
        edited = subject.synthesize(latents)
    assert torch.equal(edited, torch.tanh(network.last.bias).reshape(1, 1, 4, 4).expand(5, -1, -1, -1))


def shuffled(subject, network, latents):
    """Its shuffled copy has the same weights in other places, and it keeps its own."""
    other = randomised(subject, seed=0)
    assert torch.equal(subject.synthesize(latents), network(latents))
    assert not torch.allclose(other.synthesize(latents), network(latents), atol=0.1)
    for ours, theirs in zip(network.parameters(), other.generator.module.parameters(), strict=True):
        assert torch.equal(ours.flatten().sort().values, theirs.flatten().sort().values)
    assert other.layers == subject.layers


def save_script(module, path, how):
    compiled = torch.jit.script(module) if how == "scripted" else torch.jit.trace(module, torch.zeros(2, 3))
    compiled.save(str(path))
    return path


@pytest.mark.parametrize("how", ["scripted", "traced"])
def test_torchscript_makes_what_the_module_makes_and_shows_its_layers(tmp_path, network, latents, how):
    network.train(how == "scripted")  # a trace keeps the mode it was made in, a script can be told
    subject = Subject.wrap(save_script(network, tmp_path / "net.ts", how), latent=3)
    network.eval()
    assert torch.equal(subject.synthesize(latents), network(latents))
    assert (subject.name, subject.has_gradients, subject.notes) == ("net", True, [])
    open_layers(subject, network, latents)
    shuffled(subject, network, latents)


def test_a_torchscript_discriminator_shows_its_layers(tmp_path, network, filled):
    module = filled(nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 1)))
    traced = torch.jit.trace(module, torch.zeros(2, 1, 4, 4))
    traced.save(str(tmp_path / "critic.ts"))
    subject = Subject.wrap(network, latent=3, discriminator=str(tmp_path / "critic.ts"))
    with edit(subject.discriminator, "2", torch.ones_like):
        edited = subject.discriminator(subject.sample(5))
    assert torch.allclose(edited, (module[3].weight.sum() + module[3].bias).expand(5, 1))
    assert layers_of(subject.discriminator, subject.sample(2)) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("how", ["scripted", "traced"])
def test_torchscript_with_a_list_of_modules_shows_what_is_in_it(tmp_path, filled, latents, how):
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(3, 8), Block(8, 16)])

        def forward(self, z: Tensor) -> Tensor:
            for block in self.blocks:
                z = block(z)
            return torch.tanh(z).reshape(-1, 1, 4, 4)

    network = filled(Listed())
    subject = Subject.wrap(save_script(network, tmp_path / "net.ts", how), latent=3, range=(-1, 1))
    assert torch.equal(subject.synthesize(latents), network(latents))
    parts = ("linear", "act", "")
    assert subject.layers == [f"blocks.{block}.{part}".rstrip(".") for block in (0, 1) for part in parts]
    shuffled(subject, network, latents)


def test_torchscript_that_branches_is_used_whole_and_says_so(tmp_path, filled, latents):
    class Branching(Network):
        def forward(self, z: Tensor) -> Tensor:
            rows = self.first(z)
            if rows.sum() > 1e6:
                rows = -rows
            return torch.tanh(self.last(rows)).reshape(-1, 1, 4, 4)

    network = filled(Branching())
    subject = Subject.wrap(save_script(network, tmp_path / "net.ts", "scripted"), latent=3)
    assert torch.equal(subject.synthesize(latents), network(latents))
    assert subject.layers == [] and subject.has_gradients
    assert ["out of reach, since it calls functions, branches" in note for note in subject.notes] == [True]
    shuffled(subject, network, latents)


def test_torchscript_that_its_layers_would_not_reproduce_is_used_whole(
    tmp_path, network, latents, monkeypatch
):
    path = save_script(network, tmp_path / "net.ts", "traced")
    monkeypatch.setattr(torchscript, "_run", lambda graph, layer, given: torch.zeros(8, 1, 4, 4))
    subject = Subject.wrap(path, latent=3)
    assert torch.equal(subject.synthesize(latents), network(latents))
    assert subject.layers == [] and len(subject.notes) == 1


def test_torchscript_draws_its_own_noise_once(tmp_path, filled, latents):
    class Noisy(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, z: Tensor) -> Tensor:
            return self.inner(z) + 0.1 * torch.randn(z.shape[0], 1, 4, 4)

    subject = Subject.wrap(save_script(Noisy(filled(Network())), tmp_path / "net.ts", "scripted"), latent=3)
    assert subject.generator.noisy and torch.equal(subject.synthesize(latents), subject.synthesize(latents))
    assert "inner.first" in subject.layers


def test_an_exported_program_keeps_the_layers_of_its_module_and_can_be_shuffled(tmp_path, network, latents):
    subject = Subject.wrap(save_exported(network, tmp_path / "net.pt2", None))
    assert (subject.latent_shape, subject.has_gradients, subject.notes) == ((3,), True, [])
    assert torch.equal(subject.synthesize(latents), network(latents))
    open_layers(subject, network, latents)
    shuffled(subject, network, latents)


def test_a_program_of_a_fixed_batch_takes_any_number_and_says_what_that_costs(tmp_path, network, latents):
    subject = Subject.wrap(save_exported(network, tmp_path / "net.pt2", 2))
    assert torch.allclose(subject.synthesize(latents), network(latents), atol=1e-6)
    assert subject.has_gradients and subject.layers == []
    assert subject.notes == [
        "the layers of net.pt2 are out of reach, since it was exported for batches of 2; export it with "
        'dynamic_shapes={"z": {0: torch.export.Dim("batch")}}'
    ]


@pytest.mark.parametrize("rows", [None, 2], ids=["any batch", "fixed batch of 2"])
def test_a_conditional_exported_program_is_given_labels(tmp_path, latents, filled, rows):
    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift, self.mix = nn.Embedding(4, 16), nn.Linear(3, 16)

        def forward(self, z, y):
            return torch.tanh(self.mix(z) + self.shift(y)).reshape(-1, 1, 4, 4)

    module = filled(Conditional())
    subject = Subject.wrap(save_exported(module, tmp_path / "net.pt2", rows, inputs=2), num_classes=4)
    labels = torch.tensor([3, 0, 1, 2, 2])
    assert torch.allclose(subject.synthesize(latents, labels), module(latents, labels), atol=1e-6)


@pytest.mark.parametrize("rows", ["n", 2, 1])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_an_onnx_file_is_a_black_box_of_known_latents(tmp_path, latents, rows, kind):
    subject = Subject.wrap(save_onnx(tmp_path / "net.onnx", rows=rows, kind=kind))
    assert (subject.latent_shape, subject.sample_shape, subject.num_classes) == ((3,), WANTED, 0)
    assert subject.layers == [] and not subject.has_gradients and randomised(subject, 0) is None
    assert torch.allclose(subject.synthesize(latents), by_hand(latents), atol=1e-6)
    said = [] if rows == "n" else [f"net.onnx was exported for batches of {rows}"]
    assert [note.partition(":")[0] for note in subject.notes] == said


@pytest.mark.parametrize("form", ["index", "one-hot"])
@pytest.mark.parametrize("rows", ["n", 2])
def test_the_second_input_of_an_onnx_file_is_labels(tmp_path, latents, form, rows):
    path = save_onnx(tmp_path / "net.onnx", labels=form, rows=rows)
    labels = torch.tensor([1, 0, 0, 1, 1])
    subject = Subject.wrap(path, num_classes=2)
    assert subject.generator.labels_as == form
    assert torch.allclose(subject.synthesize(latents, labels), by_hand(latents, labels), atol=1e-6)
    with pytest.raises(
        UserError, match=r"takes 2 inputs \(z float32 .*, y .*\), and was given 1; .*--classes"
    ):
        Subject.wrap(path)


@pytest.mark.parametrize("rows", ["n", 2])
def test_the_pictures_among_several_outputs_of_an_onnx_file_are_its_samples(tmp_path, latents, rows):
    subject = Subject.wrap(save_onnx(tmp_path / "net.onnx", rows=rows, also=["mixed"]))
    assert "returns a dict of 2 (images: 8×1×4×4, mixed: 8×16); 'images'" in subject.notes[-1]
    assert torch.allclose(subject.synthesize(latents), by_hand(latents), atol=1e-6)
    named = Subject.wrap(tmp_path / "net.onnx", output="mixed")
    assert torch.allclose(named.synthesize(latents), latents @ torch.from_numpy(MIX), atol=1e-6)


def test_an_onnx_file_may_say_how_many_classes_it_knows(tmp_path):
    assert Subject.wrap(save_onnx(tmp_path / "net.onnx", labels="index", classes=2)).num_classes == 2
    with pytest.raises(UserError, match=r"takes 1 input \(z float32 \[any, 3\]\).*it takes no labels"):
        Subject.wrap(save_onnx(tmp_path / "plain.onnx"), num_classes=2)


def test_an_onnx_file_with_other_inputs_is_refused_and_they_are_named(tmp_path):
    path = save_onnx(tmp_path / "net.onnx", labels="index", extra=[("psi", [])])
    with pytest.raises(
        UserError, match=r"takes 3 inputs \(z float32 \[any, 3\], y int64 \[any\], psi float32"
    ):
        Subject.wrap(path)
    path = save_onnx(tmp_path / "two.onnx", extra=[("psi", [])])
    with pytest.raises(UserError, match=r"its second input is a single number \(z .*, psi float32 \[\]\)"):
        Subject.wrap(path)


def test_an_onnx_file_without_onnxruntime_names_the_extra(tmp_path, monkeypatch):
    path = save_onnx(tmp_path / "net.onnx")
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        UserError, match=r"'onnxruntime', which is not installed: pip install 'ganlens\[export\]'"
    ):
        Subject.wrap(path)


def test_an_onnx_file_can_be_the_discriminator_and_the_classifier(tmp_path, network):
    weights = np.arange(32, dtype=np.float32).reshape(16, 2) / 32 - 0.5
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 4, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights")],
    )
    path = str(tmp_path / "scores.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    subject = Subject.wrap(network, latent=3, discriminator=path, discriminator_head=1, classifier=path)
    samples = subject.sample(6)
    expected = samples.flatten(1) @ torch.from_numpy(weights)
    assert torch.allclose(subject.discriminator(samples), expected[:, 1:], atol=1e-5)
    assert torch.allclose(subject.classifier(samples), expected, atol=1e-5)
    assert not subject.classifier.has_gradients and subject.classifier.layers == []


@pytest.mark.parametrize(
    ("suffix", "sentence"),
    [
        ("ts", "is not a whole TorchScript program"),
        ("pt2", r"is not a whole torch\.export program"),
        ("onnx", "is not a whole ONNX model"),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_cut_files_are_one_sentence(tmp_path, network, suffix, sentence, share):
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "ts":
        torch.jit.trace(network, torch.zeros(2, 3)).save(str(whole))
    elif suffix == "pt2":
        save_exported(network, whole, 2)
    else:
        save_onnx(whole)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(UserError, match=rf"cut\.{suffix} {sentence}") as caught:
        Subject.wrap(cut, latent=3)
    assert "\n" not in str(caught.value)


class Asking(Probe):
    """A probe with needs; only these are looked at."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.LAYERS})


class AskingGradients(Asking):
    needs: ClassVar[frozenset[Need]] = frozenset({Need.GRADIENTS})


def test_what_a_black_box_lacks_is_said_to_whoever_needs_it(tmp_path, network):
    layered = Subject.wrap(network, latent=3)
    black_box = Subject.wrap(save_onnx(tmp_path / "net.onnx"))
    assert [unmet_need(probe, layered) for probe in (Asking, AskingGradients)] == [None, None]
    assert [unmet_need(probe, black_box) for probe in (Asking, AskingGradients)] == [
        "it needs a generator whose layers can be reached, and this one's can't be",
        "it needs a generator that gradients pass through, and through this one they don't",
    ]


def test_a_layer_that_does_not_exist_is_answered_with_the_nearest(network):
    with pytest.raises(UserError, match=r"no layer named 'first\.liner'\. Did you mean 'first\.linear'"):
        layer_named(network, "first.liner")
