"""Dissection of generators that are written down unit by unit, so that the right answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.explain.dissection.claims import claims, matched_units
from ganlens.explain.dissection.concepts import Concepts, concepts_for, users_concepts
from ganlens.explain.dissection.dissection import dissect
from ganlens.explain.dissection.information import (
    cell_sums,
    top_thresholds,
)
from ganlens.explain.dissection.interventions import Change, ablation, insertion, shifts, writing
from ganlens.explain.dissection.layer_editor import LayerEditor
from ganlens.explain.dissection.layers import Layer, layers_to_dissect
from ganlens.explain.dissection.tail import StreamingTail
from ganlens.explain.dissection.trial import LayerTrial, Workshop
from ganlens.explain.dissection.unit_sets import enough, unit_set
from ganlens.figures.figure import Picture
from ganlens.finding import Finding
from ganlens.modality import Images
from ganlens.probes import probes
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.after_layer import from_layer_on
from ganlens.subject.hooks import capture

UNITS, SIDE = 16, 8
MARK, STRIPE, DEAD = 5, 9, 3
CORNER = "brightness at the bottom right"


class Planted(nn.Module):
    """Latents [n, 16] to pictures [n, 1, 8, 8]. Unit j of `units` is relu(z_j), laid out on 4 × 4 places.

    All units light the whole picture a little, alike. But with `mark`, unit 5 lights the bottom right corner
    alone; unit 3 is dead; and with `stripe` unit 9 draws a bright line on top.
    """

    def __init__(self, *, mark: bool = True, stripe: bool = False) -> None:
        super().__init__()
        patterns = torch.full((UNITS, 4, 4), 0.05)
        if mark:
            patterns[MARK] = 0
            patterns[MARK, 3, 3] = 1.0
            patterns[DEAD] = 0
        if stripe:
            patterns[STRIPE] = 0
            patterns[STRIPE, 0] = 1.0
        self.spread = nn.Linear(UNITS, UNITS * 16, bias=False)
        weight = torch.zeros(UNITS, 16, UNITS)
        weight[torch.arange(UNITS), :, torch.arange(UNITS)] = patterns.flatten(1)
        self.spread.weight.data = weight.flatten(0, 1)
        self.shape = nn.Unflatten(1, (UNITS, 4, 4))
        self.units = nn.ReLU()
        self.paint = nn.Conv2d(UNITS, 1, 1, bias=False)
        self.paint.weight.data = torch.ones(1, UNITS, 1, 1)
        self.grow = nn.Upsample(scale_factor=2)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (self.grow(self.paint(self.units(self.shape(self.spread(z))))) - 1).clamp(-1, 1)


def subject_of(
    module: nn.Module, data: Dataset | None = None, latent: int = UNITS, **more: object
) -> Subject:
    limits = (-1.0, 1.0) if more.pop("images", True) else None
    return Subject.wrap(module, latent=latent, data=data, range=limits, **more)


def bank_of(subject: Subject, samples: int = 1000) -> SampleBank:
    return SampleBank(subject, samples=samples, seed=0, batch=128, features=["raw"])


def ask(subject: Subject, *, samples: int = 1000, **settings: object) -> Finding:
    bank, kind = bank_of(subject, samples), probes["units"]
    return kind().examine(subject, kind.Settings(**settings), Context(0, bank.device, bank))


@pytest.fixture(scope="module")
def planted() -> Finding:
    return ask(subject_of(Planted()))


# ---- layers


def test_one_layer_is_taken_for_each_layer_of_weights_and_the_picture_is_left_out():
    assert layers_to_dissect(subject_of(Planted())) == [Layer("units", UNITS, (4, 4))]


def test_a_layer_that_does_not_exist_is_answered_with_the_nearest_names():
    with pytest.raises(UserError, match=r"no layer 'unit' to dissect. Did you mean 'units'"):
        ask(subject_of(Planted()), layers=["unit"])


def test_a_black_box_is_refused_with_the_reason():
    from ganlens.probes.audit import examine

    subject = Subject.wrap(lambda z: z[:, :2].tanh(), latent=4)
    assert examine(subject, "units").not_applicable_because == (
        "it needs a generator whose layers can be reached, and this one's can't be"
    )


# ---- streaming quantiles


@pytest.mark.parametrize("chunk", [1, 7, 250, 1000])
def test_a_streaming_tail_is_exact_in_any_chunks(chunk):
    values = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0))
    tail = StreamingTail(3, 0.05, 1000)
    for part in values.split(chunk, dim=1):
        tail.add(part)
    assert torch.equal((values > tail.quantile()[:, None]).sum(dim=1), torch.tensor([50, 50, 50]))
    assert torch.equal(tail.quantile(), values.sort(dim=1, descending=True).values[:, 50])


def test_a_unit_that_fires_more_rarely_than_its_share_still_has_a_typical_value():
    tail = StreamingTail(3, 0.05, 1000)
    values = torch.zeros(3, 1000)
    values[0, :9], values[1, 100:200] = 2.0, torch.linspace(1, 100, 100)
    tail.add(values)
    assert tail.quantile().tolist() == [0, 50, 0]  # rare, ordinary, dead
    assert tail.typical().tolist() == [2, 75, 0]


@pytest.mark.parametrize("chunk", [11, 640])
def test_beyond_its_capacity_the_stream_is_thinned_evenly_and_the_same_in_any_chunks(chunk):
    values = torch.rand(2, 6400, generator=torch.Generator().manual_seed(1))
    tail = StreamingTail(2, 0.1, 6400, capacity=100)
    for part in values.split(chunk, dim=1):
        tail.add(part)
        assert tail._largest.shape[1] <= 101
    thinned = values[:, ::7].sort(dim=1, descending=True).values
    assert torch.equal(tail.quantile(), thinned[:, thinned.shape[1] // 10])


# ---- the pass


def left_half(samples: torch.Tensor) -> torch.Tensor:
    """One mask: bright pixels of the left half, at three times the resolution."""
    mask = (samples > -0.5).float()
    mask[..., SIDE // 2 :] = 0
    return functional.interpolate(mask, scale_factor=3)


@pytest.mark.parametrize("batch", [13, 128])
def test_statistics_equal_those_of_all_activations_kept_whatever_the_batch(batch):
    subject = subject_of(Planted(stripe=True))
    module, latents = subject.generator.module, bank_of(subject).latents(200)
    layers = [Layer("units", UNITS, (4, 4))]
    with capture(module, ["units"]) as outputs, torch.no_grad():
        samples = subject.generator.synthesize(latents)
    maps = outputs["units"]
    scores = Concepts("", ("a", "b"), lambda x: x.flatten(1)[:, [0, 63]])
    above = top_thresholds(subject.synthesize, module, layers, latents, None, batch=batch, share=0.1)
    found = dissect(subject.synthesize, module, layers, above, scores, latents, None, batch=batch).layers[0]
    means = maps.mean(dim=(2, 3))
    joined = torch.cat([means, scores.compute(samples)], dim=1).T.double()
    wanted = torch.corrcoef(joined).nan_to_num(0)[:UNITS, UNITS:]
    assert torch.allclose(found.correlation, wanted, atol=1e-5)
    flat = maps.transpose(0, 1).flatten(1).sort(dim=1, descending=True).values
    assert torch.equal(above[0].above, flat[:, 320])
    fired = maps > above[0].above[:, None, None]
    assert torch.allclose(found.firing, fired.double().mean(dim=0))
    assert torch.equal(found.top[MARK], means[:, MARK].topk(8).indices)
    masks = Concepts("", ("left",), left_half, masks=True)
    found = dissect(subject.synthesize, module, layers, above, masks, latents, None, batch=batch).layers[0]
    stretched = functional.interpolate(fired.float(), scale_factor=6).bool()
    mask = left_half(samples).bool()
    both, either = (stretched & mask).sum(dim=(0, 2, 3)), (stretched | mask).sum(dim=(0, 2, 3))
    assert torch.allclose(found.iou[:, 0], both.double() / either, atol=1e-12)


def test_a_mask_whose_side_is_no_multiple_of_the_layer_s_meets_the_stretched_map_exactly():
    rng = torch.Generator().manual_seed(0)
    firing, mask = torch.rand(2, 3, 3, 4, generator=rng), torch.rand(2, 1, 7, 9, generator=rng)
    stretched = functional.interpolate(firing, size=(7, 9), mode="nearest")
    wanted = (stretched * mask).sum(dim=(2, 3))
    assert torch.allclose((firing * cell_sums(mask, (3, 4))).sum(dim=(2, 3)), wanted, atol=1e-5)


# ---- writing into units


def test_removal_writes_its_own_unit_everywhere_and_insertion_its_own_places_and_no_others():
    subject, layer = subject_of(Planted()), Layer("units", UNITS, (4, 4))
    module, latents = subject.generator.module, torch.rand(3, UNITS) + 0.1
    firing = torch.zeros(UNITS, 4, 4)
    firing[MARK, 1, 2], firing[MARK, 0, 0], firing[7, 2, 2] = 0.6, 0.2, 0.4
    on = insertion(firing, torch.full((UNITS,), 9.0))
    assert [list(place) for place in on.where[MARK].nonzero()] == [[1, 2]]  # seldom is not usual
    units = torch.tensor([MARK, 7, DEAD])

    def activations(change: Change) -> torch.Tensor:
        # `paint` sees what was written: its input is caught there
        seen = []
        handle = module.paint.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[0].clone()))
        editor = LayerEditor(subject.synthesize, module, "units", latents, None)
        editor.samples(writing(layer, units, change))
        handle.remove()
        return seen[-1]

    with capture(module, ["units"]) as outputs:
        subject.synthesize(latents)
    before = outputs["units"].clone()
    removed, inserted = activations(ablation(layer)), activations(on)
    wanted = before.clone()
    wanted[torch.arange(3), units] = 0
    assert torch.equal(removed, wanted)
    wanted = before.clone()
    wanted[0, MARK, 1, 2], wanted[1, 7, 2, 2] = 9.0, 9.0  # the dead unit has no place of its own
    assert torch.equal(inserted, wanted)
    assert not module.units._forward_hooks


def test_units_that_share_a_batch_get_what_they_get_alone():
    subject, layer = subject_of(Planted(stripe=True)), Layer("units", UNITS, (4, 4))
    latents = torch.randn(6, UNITS, generator=torch.Generator().manual_seed(0))
    units = torch.tensor([MARK, STRIPE, DEAD, 0])

    def look(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)

    def moved(batch: int) -> torch.Tensor:
        editor = LayerEditor(subject.synthesize, subject.generator.module, "units", latents, None)
        return shifts(editor, layer, units, ablation(layer), look, batch=batch)

    torch.testing.assert_close(moved(6), moved(18), atol=1e-6, rtol=0)
    assert moved(18)[2].abs().max() < 1e-6  # the dead unit, but for rounding


class Passing(Planted):
    """What a label, or the latent itself, adds to the picture passes by the layer."""

    num_classes = 3

    def __init__(self, by: str) -> None:
        super().__init__()
        self.by = by
        if by == "nothing":
            self.num_classes = 0

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        picture = super().forward(z)
        if self.by == "label" and labels is not None:
            return picture + 0.1 * labels[:, None, None, None]
        return picture + 0.1 * z.mean(dim=1)[:, None, None, None] * (self.by == "latent")


@pytest.mark.parametrize("by", ["nothing", "label", "latent"])
def test_a_generator_is_run_from_a_layer_on_only_where_nothing_passes_by_it(by):
    subject = subject_of(Passing(by))
    module, layer = subject.generator.module, Layer("units", UNITS, (4, 4))
    samples_of_layer = from_layer_on(subject.generator, "units")
    assert (samples_of_layer is not None) is (by == "nothing")
    latents = torch.randn(6, UNITS, generator=torch.Generator().manual_seed(101))
    labels = torch.arange(6) % 3 if subject.num_classes else None
    runs = []
    module.spread.register_forward_hook(lambda part, inputs, output: runs.append(len(output)))
    editor = LayerEditor(
        subject.synthesize, module, "units", latents, labels, samples_of_layer=samples_of_layer
    )
    units = torch.tensor([MARK, STRIPE, MARK, 0, 1, 2, 3])
    rows = torch.tensor([5, 0, 0, 1, 2, 3, 4])
    found = editor.samples(writing(layer, units, ablation(layer)), rows)
    assert runs == ([6, 1] if by == "nothing" else [6, 7])  # what comes before: for one latent, or for all
    with capture(module, ["units"]) as outputs:
        subject.synthesize(latents[rows], None if labels is None else labels[rows])
    maps = outputs["units"].clone()
    maps[torch.arange(7), units] = 0
    wanted = module.grow(module.paint(maps)) - 1
    wanted = wanted.clamp(-1, 1)
    if by == "label":
        wanted = wanted + 0.1 * labels[rows][:, None, None, None]
    if by == "latent":
        wanted = wanted + 0.1 * latents[rows].mean(dim=1)[:, None, None, None]
    assert torch.allclose(found, wanted, atol=1e-5)
    module.spread._forward_hooks.clear()
    assert not any(part._forward_hooks for part in module.modules())


def test_a_layer_that_is_overwritten_behind_is_taken_as_it_was():
    hidden = nn.Linear(6, 6)
    subject = subject_of(
        nn.Sequential(hidden, nn.ReLU(inplace=True), nn.Linear(6, 2)), latent=6, images=False
    )
    module, latents = (
        subject.generator.module,
        torch.randn(5, 6, generator=torch.Generator().manual_seed(101)),
    )
    editor = LayerEditor(
        subject.synthesize, module, "0", latents, None, samples_of_layer=from_layer_on(subject.generator, "0")
    )
    for _ in range(2):  # the kept outputs are not written into, either
        samples = editor.samples(lambda output: output + 0.5)
        assert torch.allclose(samples, module[2]((hidden(latents) + 0.5).relu()), atol=1e-6)


# ---- claims


def test_units_are_matched_with_those_nearest_in_activity():
    matched = matched_units(torch.tensor([0.0, 1.0, 1.1, 5.0, 5.2]), 2)
    assert [set(row.tolist()) for row in matched] == [{1, 2}, {0, 2}, {0, 1}, {2, 4}, {2, 3}]


def test_a_claim_holds_only_above_every_matched_unit_and_with_how_the_unit_fires():
    effects = torch.zeros(12, 40, 2)
    effects[0, :, 0] = -1.0  # alone on concept 0, and fires with it
    effects[1, :, 1], effects[2, :, 1] = -1.0, -1.0  # two that do the same
    effects[3, :, 0] = 0.5  # its removal raises what it fires with
    effects[4, :, 1] = 3.0  # fires against concept 1, which rises without it
    effects[5, :, 0] = -0.04  # faint
    effects[6, :, 0] = -2.0  # strong, but it does not fire on it
    agreement = torch.full((12, 2), 0.5)
    agreement[4], agreement[6] = -0.5, 0.05
    found = claims(effects, agreement, torch.arange(12.0), masks=False, rng=torch.Generator().manual_seed(0))
    assert [claim.unit for claim in found if claim.survives] == [4]  # 6 outdoes 0, 4 outdoes 1 and 2
    assert (found[4].effect.value, found[4].matched) == (3.0, 1.0)
    assert found[4].self_score == pytest.approx(2 / 3)
    assert found[3].concept == -1 and found[6].concept == -1
    effects[6] = 0
    found = claims(effects, agreement, torch.arange(12.0), masks=False, rng=torch.Generator().manual_seed(0))
    assert found[0].survives and found[0].concept == 0
    assert (found[0].effect.value, found[0].matched) == (1.0, 0.5)
    assert found[0].self_score == pytest.approx(0.5)
    assert not found[5].survives


# ---- the finding


def test_the_unit_that_alone_draws_the_corner_is_found_and_named(planted):
    # Weights as sparse as these, shuffled, make other units that have a place: hence no more than caution.
    assert planted.rule in ("units-control-concepts", "as-many-untrained"), planted.rule
    assert f"Surest is that unit {MARK} of units draws at the bottom right" in planted.detail
    said = " ".join([planted.detail, *planted.remarks])
    assert f"unit {MARK} of units draws at the bottom right: without it {CORNER} falls by" in said
    assert "Of 16 units 1 has a concept that survives removal" in said
    removed = planted.measurement(f"unit {MARK} of units removed, fall of {CORNER}")
    assert removed.low > removed.baseline.value
    # Four of the corner's nine pixels lose relu(z), of mean 0.399 and deviation 0.584, to which 14 units add 0.05.
    assert removed.low < 0.399 * 4 / 9 / (0.584 * ((4 / 9) ** 2 + 14 * 0.05**2) ** 0.5) < removed.high
    assert removed.baseline.value == pytest.approx(0.399 * 0.05 / 0.2815, abs=0.03)
    inserted = planted.measurement(f"unit {MARK} of units inserted, rise of {CORNER}")
    assert inserted.low > 2 * inserted.baseline.value


def test_self_scores_pick_out_the_planted_unit_and_the_dead_one_has_no_effect(planted):
    scores = planted.arrays["self_score_units"]
    assert scores.argmax() == MARK and scores[MARK] > 0.5
    assert (scores[torch.arange(UNITS) != MARK] == 0).all()
    assert (planted.arrays["effect_units"][DEAD] == 0).all()
    assert planted.arrays["effect_units"].shape == planted.arrays["agreement_units"].shape == (UNITS, 9)
    assert planted.arrays["thresholds_units"][DEAD] == 0


def test_a_finding_has_its_pictures_and_can_be_saved(planted, tmp_path):
    assert sum(isinstance(figure, Picture) for figure in planted.figures) == 2
    assert Finding.load(planted.save(tmp_path)).measurements == planted.measurements


def test_units_that_all_do_the_same_are_not_believed():
    finding = ask(subject_of(Planted(mark=False)))
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "No unit explains anything by itself."
    assert finding.detail.startswith("Of 16 units removed one by one none moves the concept it fires on")
    assert finding.measurement("units with a believable concept").value == 0


def test_claims_that_shuffled_weights_repeat_are_not_believed():
    class Unlearned(Planted):
        """Draws the same whatever its weights are."""

        def __init__(self):
            super().__init__()
            self.patterns = self.spread.weight.data.clone()
            self.spread.weight.data = torch.randn_like(self.patterns)
            self.spread.register_forward_hook(lambda part, inputs, output: inputs[0] @ self.patterns.T)
            self.paint.weight.data.fill_(1.0)

    finding = ask(subject_of(Unlearned()), sets=0)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Untrained, the same network has such units too: nothing was learned."
    assert not finding.arrays["self_score_units"].any()


def test_a_unit_that_real_samples_do_not_have_is_an_artefact_unit():
    clean = subject_of(Planted(mark=True))
    pictures = clean.sample(1200, seed=3).numpy()
    data = Dataset("clean", Images(), Split(SampleArray(pictures[:600])), Split(SampleArray(pictures[600:])))
    finding = ask(subject_of(Planted(mark=True, stripe=True), data), concepts="picture", sets=0)
    assert finding.claim == f"Unit {STRIPE} draws a bright border along the top edge."
    change = finding.measurement(f"change of the Fréchet distance without unit {STRIPE} of units, pixels")
    assert change.high < -0.5 and change.baseline.value > -0.2
    assert finding.verdict is Verdict.CAUTION


@pytest.mark.parametrize("differentiable", [True, False])
def test_the_two_units_that_make_a_concept_are_its_smallest_set(differentiable):
    module = Planted()
    module.spread.weight.data.view(UNITS, 16, UNITS)[11, 15, 11] = 0.9  # a second one in the corner
    subject = subject_of(module)
    concepts = Concepts(
        "", (CORNER,), lambda x: x[:, :, 6:, 6:].mean(dim=(1, 2, 3))[:, None], False, differentiable
    )
    workshop = Workshop(subject.synthesize, subject.generator.module, concepts, 128, 0)
    layer = Layer("units", UNITS, (4, 4))
    latents = torch.randn(192, UNITS, generator=torch.Generator().manual_seed(0))
    deviation = float(concepts.scores(subject.synthesize(latents)).std())
    editor = workshop.editor(layer, latents[:64], None)
    moved = shifts(editor, layer, torch.arange(UNITS), ablation(layer), concepts.scores, batch=128)
    trial = LayerTrial(Shell(layer), torch.arange(UNITS), moved / deviation, [], None)
    found = unit_set(workshop, subject, trial, 0, deviation, (latents[:64], None), (latents[64:], None))
    assert found.how == ("learned" if differentiable else "greedy")
    assert set(found.order[:2].tolist()) == {MARK, 11}
    assert found.sizes[found.enough] <= 2 and found.survives
    assert module.spread.weight.grad is None


class Shell:
    """A layer's statistics, as far as sets look at them."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer


# ---- other generators


def test_a_conditional_generator_is_asked_with_labels():
    class Conditional(Planted):
        num_classes = 2

        def forward(self, z, labels):
            return super().forward(z + 0.5 * labels[:, None])

    finding = ask(subject_of(Conditional()), samples=400, sets=1)
    assert f"unit {MARK} of units draws at the bottom right" in finding.detail


def test_points_from_dense_layers_have_units_as_well():
    torch.manual_seed(0)
    hidden = nn.Linear(12, 12)
    hidden.weight.data, hidden.bias.data = torch.eye(12), torch.zeros(12)
    out = nn.Linear(12, 2)
    out.weight.data, out.bias.data = torch.full((2, 12), 0.1), torch.zeros(2)
    out.weight.data[0, 4] = 3.0
    finding = ask(subject_of(nn.Sequential(hidden, nn.ReLU(), out), latent=12, images=False), sets=0)
    said = " ".join([finding.detail, *finding.remarks])
    assert "unit 4 of layer 1 makes coordinate 1: without it coordinate 1 falls by" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [("block8", "block8"), ("to_image", "to_image"), ("2", "layer 2"), ("net.4", "layer net.4")],
)
def test_a_layer_is_called_by_its_name_and_a_layer_where_that_is_no_word(name, said):
    assert Layer(name, 2, (1, 1)).called == said


# ---- concepts


def test_a_user_s_masks_give_iou():
    class Corner:
        names = ("mark",)

        def __call__(self, samples):
            mask = torch.zeros_like(samples)
            mask[..., 6:, 6:] = (samples[..., 6:, 6:] > 0.5).float()
            return mask

    subject = subject_of(Planted())
    concepts = users_concepts(Corner(), "corner", bank_of(subject).fakes(4)[:4])
    assert concepts.masks and concepts.names == ("mark",)
    layers = [Layer("units", UNITS, (4, 4))]
    module, latents = subject.generator.module, bank_of(subject).latents(800)
    above = top_thresholds(subject.synthesize, module, layers, latents, None, batch=128)
    found = dissect(subject.synthesize, module, layers, above, concepts, latents, None, batch=128).layers[0]
    assert found.iou[:, 0].argmax() == MARK and found.iou[MARK, 0] > 0.3
    assert found.iou[torch.arange(UNITS) != MARK].max() < 0.05


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (lambda x: x[:, 0], r"gave \[4, 8, 8\] for samples of shape \[4, 1, 8, 8\]"),
        (lambda x: torch.zeros(3, 2), r"gave \[3, 2\]"),
        (lambda x: "no", "gave a str"),
    ],
)
def test_a_concept_of_the_wrong_shape_is_refused_with_both_shapes(answer, found):
    with pytest.raises(UserError, match=found) as error:
        users_concepts(answer, "mine", torch.zeros(4, 1, 8, 8))
    assert "expected scores [4] or [4, k], or masks [4, k, height, width]" in str(error.value)


def test_names_that_do_not_fit_and_unknown_sources_are_refused():
    with pytest.raises(UserError, match="2 concepts came with 1 names"):
        users_concepts(lambda x: (torch.zeros(len(x), 2), ["one"]), "mine", torch.zeros(4, 1, 8, 8))
    bank = bank_of(subject_of(Planted()))
    with pytest.raises(UserError, match="expected one of auto, classes"):
        concepts_for(bank, "objects")
    with pytest.raises(UserError, match="the data have none"):
        concepts_for(bank, "classes")


def test_brightness_is_read_where_it_is():
    concepts = concepts_for(bank_of(subject_of(Planted())), "picture")
    sample = torch.full((1, 1, SIDE, SIDE), -1.0)
    sample[..., 6:, :2] = 1.0
    scores = dict(zip(concepts.names, concepts.scores(sample)[0].tolist(), strict=True))
    assert max(scores, key=scores.get) == "brightness at the bottom left"
    assert scores["brightness at the top right"] == -1.0


@pytest.mark.parametrize(
    ("effects", "chosen"),
    [
        ([0.1, 0.5, 0.9, 1.0], 2),  # the first that reaches 80 % of the most
        ([1.0, 0.2], 0),
        ([-0.5, -0.1, -0.3], 1),  # taking units away never helps: the largest effect there is
        ([0.0, 0.0], 0),
        ([-0.2], 0),
    ],
)
def test_the_smallest_sufficient_set_is_chosen_also_where_no_set_helps(effects, chosen):
    assert enough(effects) == chosen
