import pytest
import torch

from ganlens.figures.figure import Picture
from ganlens.probes.audit import examine
from ganlens.probes.quality.gallery import RULES, Evidence, GallerySettings
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject


def asked(lab, generator, samples=1000):
    bank = lab.bank(generator, samples=samples)
    return examine(bank.subject, "gallery", bank=bank, settings={"compared": 800, "shown": 9}), bank


def test_the_pictures_of_a_generator_without_a_fault(lab):
    finding, _ = asked(lab, lab.honest())
    assert finding.verdict is Verdict.GOOD
    assert finding.claim == "It repeats itself no more than the real data do."
    assert finding.detail == "Of its samples 0.0% repeat exactly, of real ones 0.0%."
    assert len([f for f in finding.figures if isinstance(f, Picture)]) == 4  # made, real, truncated, ways


def test_repeats_are_counted_exactly(lab):
    finding, _ = asked(lab, lab.copycat())
    repeats = finding.measurement("Exact repeats")
    # 800 draws from 2,000 rows: one stands alone with probability (1 − 1/2000)^799.
    assert repeats.value == pytest.approx(1 - (1 - 1 / 2000) ** 799, abs=0.05)
    assert repeats.baseline.value == 0
    assert finding.verdict is Verdict.BAD
    assert finding.claim == "It makes exactly the same samples again and again."


def test_probe_samples_are_few_beside_the_shared_ones(lab):
    _, bank = asked(lab, lab.honest())
    assert bank.generator_calls == 1000 + 800 + 6 * 9  # shared, truncated (dots: as many as compared), ways


def test_without_data_no_number_says_how_good_it_is(lab):
    bank = SampleBank(Subject.wrap(lab.honest()), samples=200)
    finding = examine(bank.subject, "gallery", bank=bank)
    assert finding.verdict is Verdict.CAUTION and finding.rule == "without-data"
    assert "--data" in finding.advice
    assert [m.name for m in finding.measurements] == ["Exact repeats"]


def test_stray_and_clipped_values_of_pictures(lab):
    def make(latent):
        value = torch.where(latent[:, 0] > 0, 2.0, 0.0)  # half of them outside −1…1, the others grey
        return value.reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4) + 0.001 * latent[:, 1:].reshape(-1, 1, 4, 4)

    subject = Subject.wrap(make, latent=17, range=(-1, 1), modality="images", name="stray")
    bank = SampleBank(subject, samples=400)
    finding = examine(subject, "gallery", bank=bank)
    stray = finding.measurement("Samples with values outside -1…1")
    assert stray.value == pytest.approx(float((bank.latents()[:, 0] > 0).float().mean()))
    assert stray.low < 0.5 < stray.high and stray.baseline.value == 0
    assert finding.rule == "repeats"  # in grey levels they are all the same, which is worse


def test_latents_that_are_not_normal_are_not_truncated(lab):
    class Uniform:
        def sample_latent(self, n, *, rng):
            return torch.rand((n, 2), generator=rng)

        def synthesize(self, latent, labels=None):
            return latent

    bank = SampleBank(Subject.wrap(Uniform()), samples=300)
    finding = examine(bank.subject, "gallery", bank=bank)
    assert [("shrunk" in f.caption) for f in finding.figures] == [False, False]
    assert bank.generator_calls == 300 + 54


def evidence(repeated=0.0, real_repeated=0.0, stray=None, *, broken=0.0, has_data=True):
    return Evidence(GallerySettings(), 2000, repeated, real_repeated, stray, broken, has_data)


@pytest.mark.parametrize(
    ("measured", "rule"),
    [
        (evidence(0.03, 0.01, stray=0.5), "repeats"),
        (evidence(0.03, 0.025, stray=0.06, broken=0.05), "stray"),
        (evidence(stray=0.06, broken=0.07), "broken"),
        (evidence(stray=0.04, has_data=False), "without-data"),
        (evidence(0.03, 0.05, stray=0.0), "sound"),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule):
    conclusion = RULES.conclude(measured)
    assert conclusion.rule == rule
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
