"""torch.export files from strangers: each craft is shown to work on torch's own loader, and refused by ours."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.cli.main import run
from ganlens.errors import UserError
from ganlens.subject import Subject
from ganlens.subject.output_layout import same
from ganlens.subject.programs.exported_program import open_exported

MODEL, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"
CONSTANTS, INPUTS = "data/constants/model_constants_config.json", "data/sample_inputs/model.pt"
BATCH = torch.export.Dim("batch", min=1, max=64)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0]))

    def forward(self, z: Tensor) -> Tensor:
        return functional.gelu(self.linear(z), approximate="tanh") * self.scale


@pytest.fixture(scope="module")
def plain() -> dict[str, bytes]:
    """The files of a healthy archive."""
    written = io.BytesIO()
    program = torch.export.export(Plain(), (torch.zeros(4, 3),), dynamic_shapes=({0: BATCH},))
    torch.export.save(program, written)
    with zipfile.ZipFile(written) as archive:
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


class Touch:
    """What a pickle of it does when it is opened."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def saved(held) -> bytes:
    written = io.BytesIO()
    torch.save(held, written)
    return written.getvalue()


def pickled_weight(files, marker):
    listed = json.loads(files[WEIGHTS])
    entry = listed["config"]["linear.weight"]
    entry["use_pickle"] = True
    files["data/weights/" + entry["path_name"]] = saved(Touch(marker))
    files[WEIGHTS] = json.dumps(listed).encode()


def weights_of_older_torch(files, marker):
    files["data/weights/model.pt"] = saved({"linear.weight": Touch(marker)})


def pickled_constant(files, marker):
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    files["data/constants/opaque_obj_0"] = pickle.dumps(Touch(marker))
    files[CONSTANTS] = json.dumps({"config": {"held": entry}}).encode()


def sample_inputs(files, marker):
    files[INPUTS] = saved((Touch(marker),))


def changed(files, change):
    program = json.loads(files[MODEL])
    change(program["graph_module"], program)
    files[MODEL] = json.dumps(program).encode()


def code(marker):
    return f"__import__('os').mkdir({str(marker)!r})"


def expression(files, marker):
    def change(module, program):
        tensor = next(iter(module["graph"]["tensor_values"].values()))
        tensor["sizes"][0] = {"as_expr": {"expr_str": code(marker), "hint": None}}

    changed(files, change)


def guard(files, marker):
    changed(files, lambda module, program: program.update(guards_code=[f"{code(marker)} or True"]))


def tensor_in_the_place_of_the_module(files, marker):
    """A value called `self` takes the place of the module in torch's generated code, where a subgraph is looked up
    by name: what is called then is a method of a tensor, or of an array, which can write files.
    """

    def change(module, program):
        graph = module["graph"]
        described = graph["tensor_values"]["linear"]

        def tensor(name):
            return {"as_tensor": {"name": name}}

        def given(value, name=""):
            return {"name": name, "arg": value, "kind": 1}

        def inner(inputs, outputs, nodes, values, sizes=()):
            return {
                "inputs": [tensor(name) for name in inputs],
                "outputs": [tensor(name) for name in outputs],
                "nodes": nodes,
                "tensor_values": dict.fromkeys(values, described),
                "sym_int_values": {name: {"as_int": 1} for name in sizes},
                "sym_bool_values": {},
                "is_single_tensor_return": bool(outputs),
            }

        def called(made, name, subgraph, *values):
            values = [{"as_bool": False}, {"as_graph": {"name": name, "graph": subgraph}}, *values]
            return {
                "target": "torch.ops.higher_order.wrap_with_set_grad_enabled",
                "inputs": [given(value) for value in values],
                "outputs": [tensor(made)],
                "metadata": {},
                "is_hop_single_tensor_return": True,
            }

        def detached(value, made):
            target = "torch.ops.aten.detach.default"
            inputs = [given(tensor(value), "self")]
            return {"target": target, "inputs": inputs, "outputs": [tensor(made)], "metadata": {}}

        def plus_nothing(value, made):
            return {
                "target": "_operator.add",
                "inputs": [given(value), given({"as_int": 0})],
                "outputs": [{"as_sym_int": {"as_name": made}}],
                "metadata": {},
            }

        empty, size = inner([], [], [], []), {"as_sym_int": {"as_name": "self"}}
        becomes_an_array = [
            detached("a", "self"), called("array", "numpy", empty), detached("self", "again")
        ]  # fmt: skip
        array = inner(["a"], ["array"], becomes_an_array, ["a", "self", "array", "again"])
        is_written = [
            plus_nothing(tensor("b"), "self"),
            called("done", "tofile", empty, {"as_string": str(marker)}),
            plus_nothing(size, "again"),
        ]
        file = inner(["b"], ["b"], is_written, ["b", "done"], ["self", "again"])
        graph["tensor_values"] |= {"array": described, "end": described}
        place = 1 + next(i for i, node in enumerate(graph["nodes"]) if node["name"] == "linear")
        graph["nodes"][place:place] = [
            called("array", "first", array, tensor("linear")),
            called("end", "second", file, tensor("array")),
        ]

    changed(files, change)


def output_tree(files, marker):
    """The specification of a tree may name an enumeration, whose module is imported."""
    (marker.parent / "theirs.py").write_text(code(marker))

    def change(module, program):
        signature = module["module_call_graph"][0]["signature"]
        _, tree = json.loads(signature["out_spec"])
        keys = json.dumps([{"__enum__": True, "fqn": "theirs:Kind", "name": "a"}])
        signature["out_spec"] = json.dumps(
            [1, {"type": "builtins.dict", "context": keys, "children_spec": [tree]}]
        )

    changed(files, change)


def native_library(files, marker):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here to make a library")
    source, library = marker.parent / "library.c", marker.parent / "library.so"
    source.write_text(
        f'#include <sys/stat.h>\n__attribute__((constructor)) static void run(void) {{ mkdir("{marker}", 0700); }}\n'
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    files["data/aotinductor/model/x.wrapper.so"] = library.read_bytes()
    files["data/aotinductor/model/x.wrapper_metadata.json"] = b'{"AOTI_DEVICE_KEY": "cpu"}'


CRAFTS = {
    pickled_weight: "a pickled object in the place of a tensor (linear.weight)",
    weights_of_older_torch: "pickled tensors (data/weights/model.pt",
    pickled_constant: "a pickled object in the place of a tensor (held)",
    sample_inputs: "sample inputs that are more than tensors and numbers",
    expression: "an expression that is more than arithmetic",
    guard: "a guard that is more than a comparison of sizes",
    tensor_in_the_place_of_the_module: "a text that is more than a name ('self')",
    output_tree: "outputs that are more than tuples, lists and dictionaries",
    native_library: "a native library or its parts",
}


def written(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"archive/{name}", content)
    return path


@pytest.mark.parametrize("craft", CRAFTS, ids=lambda craft: craft.__name__)
def test_a_crafted_file_runs_its_code_in_torch_and_is_refused_here(tmp_path, monkeypatch, plain, craft):
    marker, files = tmp_path / "marker", dict(plain)
    craft(files, marker)
    path = written(tmp_path / "crafted.pt2", files)
    monkeypatch.syspath_prepend(tmp_path)
    logging.disable(logging.CRITICAL)
    try:
        torch.export.load(path).module()(torch.zeros(4, 3))
    except Exception:  # what the code returns is no tensor
        pass
    finally:
        logging.disable(logging.NOTSET)
        sys.modules.pop("theirs", None)
    assert marker.exists(), "the craft does not work"
    marker.rmdir() if marker.is_dir() else marker.unlink()
    with pytest.raises(UserError) as refused:
        Subject.wrap(path)
    said = str(refused.value)
    assert said.startswith(f"{path} holds {CRAFTS[craft]}")
    assert said.endswith(
        "; opened, it could do all that you can do on this machine, so it was not opened. If you trust who made it "
        "as you trust a program that you install, say --trust (trust=True in Python); docs/security.md says more"
    )
    assert not marker.exists()


def test_the_command_line_says_it_in_one_line_and_opens_with_trust(tmp_path, plain, capsys):
    files, out = dict(plain), tmp_path / "picture.png"
    changed(files, lambda module, program: program.update(guards_code=["True is True"]))
    path = written(tmp_path / "guarded.pt2", files)
    assert run(["sample", str(path), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path} holds a guard that is more") and said.count("\n") == 1
    assert not out.exists()
    assert run(["sample", str(path), "--out", str(out), "--trust"]) == 0
    assert out.exists()
    assert f"ganlens audit {path} --trust" in capsys.readouterr().out


def test_trust_opens_what_is_not_plain(tmp_path, plain):
    files = dict(plain)
    listed = json.loads(files[WEIGHTS])
    entry = listed["config"]["linear.weight"]
    entry["use_pickle"] = True
    files["data/weights/" + entry["path_name"]] = saved(nn.Parameter(torch.ones(4, 3)))
    files[WEIGHTS] = json.dumps(listed).encode()
    path = written(tmp_path / "pickled.pt2", files)
    with pytest.raises(UserError, match="--trust"):
        Subject.wrap(path)
    subject = Subject.wrap(path, trust=True)
    assert torch.equal(subject.generator.module.linear.weight, torch.ones(4, 3))


NODE = "graph/nodes/-1"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (f"{NODE}/target", "torch.serialization.os.system", "an operation that isn't one of torch's own"),
        (f"{NODE}/target", "torch.ops.aten.from_file.default", "an operation that isn't one of torch's own"),
        (f"{NODE}/target", "torch.ops.theirs.run.default", "an operation that isn't one of torch's own"),
        (f"{NODE}/target", "_operator.methodcaller", "an operation that isn't one of torch's own"),
        (f"{NODE}/target", "#theirs:run", "an operation that isn't one of torch's own"),
        (f"{NODE}/name", "x): print(1) #", "a text that is more than a name"),
        (f"{NODE}/name", "torch", "a text that is more than a name"),
        (f"{NODE}/name", "\uff53elf", "a text that is more than a name"),
        ("graph/inputs/0/as_tensor/name", "self", "a text that is more than a name"),
        ("signature/input_specs/0/parameter/parameter_name", "graph._codegen", "a text that is more"),
        ("module_call_graph/0/fqn", "a.__class__.forward", "a text that is more than a name"),
        (f"{NODE}/metadata/nn_module_stack", 'a,b").c,D', "a text that is more than a name"),
        ("graph/custom_obj_values", {"o": {"name": "o", "class_fqn": "c"}}, "an object that isn't a tensor"),
        ("module_call_graph/0/signature/forward_arg_names", ["z=print(1)"], "a text that is more than"),
        ("module_call_graph/0/fqn", 'a"b', "a text that is more than a name"),
        ("signature/input_specs/0/parameter/parameter_name", 'a").x', "a text that is more than a name"),
        ("of_the_future", "print(1)", "a text that is more than a name"),
        ("treespec_namedtuple_fields", {"Out": {"field_names": ["a"]}}, "named tuples"),
    ],
)
def test_every_text_in_a_graph_is_what_its_place_allows(tmp_path, plain, place, value, said):
    files, *steps = dict(plain), *place.split("/")

    def change(module, program):
        for step in steps[:-1]:
            module = module[int(step) if step.lstrip("-").isdigit() else step]
        module[steps[-1]] = value

    changed(files, change)
    with pytest.raises(UserError, match=rf"crafted\.pt2 holds {said}.*--trust"):
        open_exported(written(tmp_path / "crafted.pt2", files))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data/aotinductor/model/x.so": b"\x7fELF"}, "holds a native library or its parts"),
        ({"theirs.bin": b"x"}, r"holds a file that torch\.export doesn't write \(theirs\.bin\)"),
        ({"MODELS/model.json": b"{}"}, "not a whole .*two of its files have one name"),
        ({"data/../x": b"{}"}, r"not a whole .*a file called 'archive/data/\.\./x'"),
        ({MODEL: b"[" * 100_000}, "nested values would take 1,000 levels, and the limit is 100"),
        ({MODEL: b"\xff"}, "not a whole .*is no JSON"),
        ({WEIGHTS: b"{}"}, "not a whole .*has another form"),
        ({INPUTS: b"PK"}, "not a whole .*sample inputs are damaged"),
    ],
)
def test_archives_that_are_not_as_torch_writes_them(tmp_path, plain, change, said):
    with pytest.raises(UserError, match=said) as refused:
        open_exported(written(tmp_path / "odd.pt2", {**plain, **change}))
    assert "\n" not in str(refused.value)


def test_a_file_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path, plain):
    path = written(tmp_path / "bomb.pt2", plain)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/weights/weight_99", bytes(65 * 2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match=r"would take 65\.0 MiB, and the limit is 64\.0 MiB"):
        open_exported(path)


def test_an_archive_of_many_files_is_refused_by_the_limit(tmp_path, monkeypatch, plain):
    monkeypatch.setenv("GANLENS_MAX_ARCHIVE_FILES", "5")
    with pytest.raises(
        UserError, match=r"the archive of a program would take .* files, and the limit is 5 files"
    ):
        open_exported(written(tmp_path / "many.pt2", plain))


def test_a_tensor_of_gigabytes_without_bytes_is_not_made_up(tmp_path, plain):
    files = dict(plain)
    listed = json.loads(files[WEIGHTS])
    entry = listed["config"]["linear.weight"]
    entry["tensor_meta"]["sizes"] = [{"as_int": 4 * 10**8}, {"as_int": 1}]
    files["data/weights/" + entry["path_name"]] = b""
    files[WEIGHTS] = json.dumps(listed).encode()
    with pytest.raises(UserError, match=r"not a whole .*\(the bytes of linear\.weight are missing\)"):
        open_exported(written(tmp_path / "monster.pt2", files))


def test_a_tensor_of_terabytes_without_bytes_is_refused_by_the_limit(tmp_path, plain):
    files = dict(plain)
    listed = json.loads(files[WEIGHTS])
    entry = listed["config"]["linear.weight"]
    entry["tensor_meta"]["sizes"] = [{"as_int": 10**6}, {"as_int": 10**6}]
    files["data/weights/" + entry["path_name"]] = b""
    files[WEIGHTS] = json.dumps(listed).encode()
    with pytest.raises(UserError, match="1,000,000,000,000 numbers, and the limit is 500,000,000 numbers"):
        open_exported(written(tmp_path / "monster.pt2", files))


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({"4x4": nn.ConvTranspose2d(3, 8, 4), "norm-1": nn.BatchNorm2d(8)})
        self.last = nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, z):
        grown = functional.interpolate(
            self.blocks["4x4"](z[:, :, None, None]), scale_factor=2.0, mode="bilinear"
        )
        padded = functional.pad(self.blocks["norm-1"](grown), (1, 1, 1, 1), mode="reflect")
        return {"images": torch.tanh(self.last(padded)), "in between": [grown]}


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.spread = nn.Linear(3, 32)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")

    def forward(self, z):
        rows = self.layer(self.spread(z).reshape(-1, 4, 8))
        rows = rows + functional.scaled_dot_product_attention(rows, rows, rows)
        rows = rows.masked_fill(torch.arange(8) > 9, float("-inf"))
        return torch.einsum("bij,kj->bik", rows, self.spread.weight[:4, :1].expand(4, 8))


class Halved(nn.Module):
    """Numbers of 16 bits, a branch, sizes that are computed with, and noise."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4).to(torch.bfloat16)

    def forward(self, z):
        made = self.linear(z.to(torch.bfloat16)).float().reshape(z.shape[0] * 2, 2)[: z.shape[0]]
        with torch.no_grad():
            made = made + torch.randn(z.shape[0], 2) * 0.1
        return torch.cond(z.sum() > 0, lambda rows: rows * 2.0, lambda rows: rows + 1.0, (made,))


@pytest.mark.parametrize("rows", ["any", "fixed"])
@pytest.mark.parametrize("kind", [Convolutional, Attending, Halved])
def test_healthy_programs_open_without_trust_and_compute_the_same(tmp_path, kind, rows):
    torch.manual_seed(0)
    network, path, latents = kind().eval(), tmp_path / "healthy.pt2", torch.randn(4, 3)
    shapes = ({0: BATCH},) if rows == "any" else None
    torch.export.save(torch.export.export(network, (latents,), dynamic_shapes=shapes), path)
    torch.manual_seed(1)
    expected = network(latents)
    torch.manual_seed(1)
    assert same(open_exported(path)(latents), expected)


def test_texts_beside_a_program_are_left_out(tmp_path, plain):
    path = written(tmp_path / "more.pt2", {**plain, "extra/about.txt": b"mine", "models/other.json": b"{}"})
    assert open_exported(path)(torch.zeros(2, 3)).shape == (2, 4)
