import pytest
import torch

import ganlens
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
