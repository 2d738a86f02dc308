import numpy as np
import pytest
import torch

import ganlens
from ganlens.cli.main import run
from ganlens.errors import UserError
from ganlens.modality import Points
from ganlens.subject import Subject


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ring"
    ganlens.train("ring", out=out, steps=2, seed=3)
    return out


def test_a_run_folder_brings_its_generator_discriminator_and_data(run_folder):
    subject = Subject.load(run_folder)
    trained = ganlens.load_run(run_folder)
    assert (subject.name, subject.run, subject.modality, subject.notes) == ("ring", run_folder, Points(), [])
    assert subject.data.name == "ring" and isinstance(subject.discriminator, torch.nn.Module)
    latents = torch.randn(5, *subject.latent_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(subject.synthesize(latents), trained.generator.synthesize(latents))


def test_a_run_folder_may_be_given_a_classifier(run_folder):
    def halves(points):
        return torch.stack([points[:, 0], -points[:, 0]], dim=1)

    for subject in (
        Subject.load(run_folder, classifier=halves),
        Subject.wrap(run_folder, classifier=halves),
    ):
        samples = subject.sample(8)
        assert torch.equal(subject.classifier(samples), halves(samples))
    with pytest.raises(UserError, match="points have no range to map from"):
        Subject.load(run_folder, classifier=halves, classifier_range=(0, 1))


def test_wrapping_the_folder_is_loading_it(run_folder):
    assert torch.equal(Subject.wrap(str(run_folder)).sample(8), Subject.load(run_folder).sample(8))


def test_an_audit_of_a_run_goes_into_its_folder_with_its_instruments(run_folder):
    subject = Subject.load(run_folder)
    done = subject.audit(run_folder, probes=["modes"], samples=200)
    assert done.report == run_folder / "report.html"
    assert (run_folder / "findings" / "modes.json").is_file()
    assert (run_folder / "instruments" / "labeller").is_dir()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError):
        Subject.load(tmp_path)
    with pytest.raises(UserError):
        Subject.wrap(tmp_path)


def test_a_run_whose_data_are_elsewhere_is_sampled_and_asks_for_them(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (40, 1, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "here.npz", images=pictures)
    name = f"npz:{tmp_path / 'here.npz'}"
    out = tmp_path / "run"
    ganlens.train(name, out=out, steps=2, overrides=["batch=8", "objective.pack=2"])
    whole = Subject.load(out)
    assert whole.discriminator is None  # it judges pairs
    assert (
        whole.notes[-1] == "its discriminator judges packs of 2 samples and not single ones; it is left out"
    )
    (tmp_path / "here.npz").rename(tmp_path / "there.npz")
    alone = Subject.load(out, with_data=False)
    assert alone.data is None and alone.modality == whole.modality
    assert torch.equal(alone.sample(6, seed=2), whole.sample(6, seed=2))
    with pytest.raises(
        UserError, match=r"was trained on can't be opened: .*; if they are elsewhere, name them with"
    ):
        Subject.load(out)
    assert Subject.load(out, data=f"npz:{tmp_path / 'there.npz'}").data is not None
    monkeypatch.chdir(tmp_path)
    assert run(["sample", str(out), "--out", "made.png"]) == 0
    assert run(["audit", str(out), "--probes", "gallery"]) == 2
