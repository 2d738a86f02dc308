"""The labeller on planted classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.instruments import labeller as labeller_training
from ganlens.instruments import labeller_network as labeller_networks
from ganlens.instruments.labeller import Labeller, fit_labeller
from ganlens.measures import binomial_interval
from ganlens.modality import Images, Modality, Points
from ganlens.progress import Silent


def labelled(samples: np.ndarray, labels: np.ndarray, held_out: int, modality: Modality) -> Dataset:
    array, classes = SampleArray(samples), int(labels.max()) + 1
    rows = np.arange(len(samples))
    train, held = rows[held_out:], rows[:held_out]
    return Dataset(
        "planted",
        modality,
        Split(array.take(train), torch.from_numpy(labels[train])),
        Split(array.take(held), torch.from_numpy(labels[held])),
        tuple(f"class {k}" for k in range(classes)),
    )


def blobs(seed: int = 0, held_out: int = 100) -> Dataset:
    """Three clusters in the plane, the first of them twice as common as either other."""
    rng = np.random.default_rng(seed)
    labels = np.array([0, 0, 1, 2])[rng.integers(4, size=400)]
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    samples = centres[labels] + 0.1 * rng.normal(size=(400, 2))
    return labelled(samples.astype(np.float32), labels, held_out, Points())


def stripes(noise_labels: bool = False, held_out: int = 100) -> Dataset:
    """8×8 images with horizontal or vertical stripes anywhere: no single pixel tells the class."""
    rng, count = np.random.default_rng(0), 200 + held_out
    labels = rng.integers(2, size=count)
    wave = (np.arange(8)[None] + rng.integers(4, size=(count, 1))) % 4 < 2
    images = np.where(labels[:, None, None] == 0, wave[:, :, None], wave[:, None, :]) * 200.0
    images = np.broadcast_to(images, (count, 8, 8)) + rng.integers(50, size=(count, 8, 8))
    if noise_labels:
        labels = rng.integers(2, size=count)
    return labelled(images[:, None].astype(np.uint8), labels, held_out, Images())


@pytest.fixture(scope="module")
def of_blobs() -> Labeller:
    return fit_labeller(blobs(), seed=0)


def test_learns_clusters_and_reports_its_baseline(of_blobs: Labeller) -> None:
    data = blobs()
    assert of_blobs.held_out_accuracy == 1.0
    interval = binomial_interval(100, 100)
    assert of_blobs.held_out_accuracy_interval == (interval.low, interval.high)
    assert data.held_out.labels is not None
    assert of_blobs.majority_share == pytest.approx(float((data.held_out.labels == 0).double().mean()))
    assert of_blobs.class_names == ("class 0", "class 1", "class 2")
    planted = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    assert of_blobs(planted).argmax(dim=1).tolist() == [0, 1, 2]
    assert "300 labelled training samples" in of_blobs.protocol


def test_learns_what_no_pixel_tells() -> None:
    assert fit_labeller(stripes(), seed=0).held_out_accuracy >= 0.98


def test_labels_that_mean_nothing_give_chance_and_say_so() -> None:
    fitted = fit_labeller(stripes(noise_labels=True, held_out=900), seed=0)
    assert fitted.held_out_accuracy == pytest.approx(0.5, abs=4 * (0.25 / 900) ** 0.5)
    assert fitted.majority_share == pytest.approx(0.5, abs=4 * (0.25 / 900) ** 0.5)


def test_is_frozen_and_in_evaluation_mode(of_blobs: Labeller) -> None:
    assert not any(module.training for module in of_blobs.modules())
    assert not any(parameter.requires_grad for parameter in of_blobs.parameters())
    samples = blobs().held_out.samples[:7]
    torch.testing.assert_close(of_blobs.features(samples)[:1], of_blobs.features(samples[:1]))


def test_same_seed_same_labeller_and_global_randomness_untouched(of_blobs: Labeller) -> None:
    before = torch.get_rng_state()
    again = fit_labeller(blobs(), seed=0)
    assert torch.equal(before, torch.get_rng_state())
    samples = blobs().held_out.samples[:]
    assert torch.equal(again(samples), of_blobs(samples))


def test_cache_gives_the_same_labeller_back(
    of_blobs: Labeller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = fit_labeller(blobs(), seed=0, cache=tmp_path)
    monkeypatch.setattr(labeller_training, "_train", lambda *_: pytest.fail("it was trained again"))
    loaded = fit_labeller(blobs(), seed=0, cache=tmp_path)
    samples = blobs().held_out.samples[:]
    assert torch.equal(loaded(samples), fitted(samples))
    assert torch.equal(loaded.features(samples), fitted.features(samples))
    for name in (
        "held_out_accuracy",
        "held_out_accuracy_interval",
        "majority_share",
        "protocol",
        "class_names",
    ):
        assert getattr(loaded, name) == getattr(fitted, name)
    assert not any(
        path.suffix not in (".json", ".safetensors") for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("change", ["data", "labels", "seed", "names"])
def test_cache_is_not_taken_for_another_labeller(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[bool] = []
    monkeypatch.setattr(labeller_training, "_train", lambda *_: trained.append(True))
    data = blobs()
    fit_labeller(data, seed=0, cache=tmp_path)
    assert data.train.labels is not None
    relabelled = Split(data.train.samples, (data.train.labels + 1) % 3)
    other = {
        "data": blobs(seed=1),
        "labels": Dataset(data.name, data.modality, relabelled, data.held_out, data.class_names),
        "seed": data,
        "names": Dataset(data.name, data.modality, data.train, data.held_out, ("a", "b", "c")),
    }[change]
    fit_labeller(other, seed=1 if change == "seed" else 0, cache=tmp_path)
    assert trained == [True, True]


def test_damaged_cache_is_fitted_again_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watcher(Silent):
        warnings: list[str] = []  # noqa: RUF012

        def warn(self, text: str) -> None:
            self.warnings.append(text)

    monkeypatch.setattr(labeller_training, "_train", lambda *_: None)
    fit_labeller(blobs(), seed=0, cache=tmp_path)
    (tensors,) = tmp_path.rglob("*.safetensors")
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[: len(whole) // 2])
    fit_labeller(blobs(), seed=0, cache=tmp_path, progress=Watcher())
    assert len(Watcher.warnings) == 1 and "fitted again" in Watcher.warnings[0]
    assert tensors.read_bytes() == whole


def test_shifts_move_whole_images_within_reach() -> None:
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 2] = 1
    moved = labeller_training.shifted(image.repeat(500, 1, 1, 1), (2, 3), 1, torch.Generator().manual_seed(0))
    places = {tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}
    assert places == {(row, column) for row in (1, 2, 3) for column in (1, 2, 3)}
    assert torch.equal(moved.sum(dim=(1, 2, 3)), torch.ones(500))


def test_bad_input() -> None:
    data = blobs()
    bare = Dataset("bare", data.modality, Split(data.train.samples), Split(data.held_out.samples))
    with pytest.raises(UserError, match=r"bare: .*no labels"):
        fit_labeller(bare, seed=0)
    one = Dataset("one", data.modality, data.train, data.held_out, ("only",))
    with pytest.raises(UserError, match=r"one: .*fewer than two classes"):
        fit_labeller(one, seed=0)
    two = Dataset("two", data.modality, data.train, data.held_out, ("a", "b"))
    with pytest.raises(UserError, match=r"two: labels must lie in 0…1"):
        fit_labeller(two, seed=0)
    assert labeller_networks.LabellerNetwork((2,), 2, "dense").width == 64
