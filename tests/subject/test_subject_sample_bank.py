from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganlens.errors import UserError
from ganlens.subject import SampleBank, Subject
from ganlens.subject.disk_rows import DiskRows


class Counting(nn.Module):
    """Grey 8×8 pictures whose brightness is the latent's; counts what it makes."""

    latent_dim = 1

    def __init__(self):
        super().__init__()
        self.made = 0

    def forward(self, z):
        self.made += len(z)
        return torch.tanh(z).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8)


class Brightness(nn.Module):
    """Calls a picture bright when its mean is positive; counts what it reads."""

    protocol = "by brightness"
    held_out_accuracy, held_out_accuracy_interval, majority_share = 1.0, (0.9, 1.0), 0.66

    def __init__(self):
        super().__init__()
        self.read = 0

    def features(self, x):
        self.read += len(x)
        return x.mean(dim=(1, 2, 3), keepdim=False)[:, None]

    def forward(self, x):
        mean = self.features(x)
        return torch.cat([-mean, mean], dim=1) * 10


@pytest.fixture
def subject(tiny):
    return Subject.wrap(Counting(), data=tiny)


def bank_of(subject, **options):
    return SampleBank(subject, **{"samples": 100, "batch": 16, "labeller": Brightness(), **options})


def test_everything_is_drawn_once_and_only_as_far_as_asked(subject):
    net, labeller = subject.generator.module, Brightness()
    bank = bank_of(subject, labeller=labeller)
    tried = net.made
    bank.fakes(20)
    assert bank.generator_calls == net.made - tried == 32  # two batches of 16 hold the first 20
    for _ in range(2):
        bank.fakes()
        bank.features("raw", "fake")
        bank.features("labeller", "fake", 30)
        bank.features("labeller", "fake")
    assert bank.generator_calls == net.made - tried == 100
    assert labeller.read == 100
    bank.synthesize(torch.zeros(7, 1))
    assert bank.generator_calls == 107


def test_the_first_rows_depend_neither_on_who_asks_first_nor_on_the_size(subject):
    first, second = bank_of(subject, seed=5), bank_of(subject, seed=5, samples=50)
    first.features("raw", "fake")
    assert torch.equal(first.latents(50), second.latents())
    assert torch.equal(first.fakes(20)[:], second.fakes()[:20])
    assert torch.equal(first.features("raw", "train", 10), second.features("raw", "train")[:10])
    assert torch.equal(first.reals("train", 10)[:], second.reals("train")[:10])
    assert not torch.equal(bank_of(subject, seed=6).latents(), first.latents())


def test_samples_belong_to_their_latents_and_features_to_their_samples(subject):
    bank = bank_of(subject)
    assert torch.allclose(bank.fakes()[:][:, 0, 0, 0], torch.tanh(bank.latents()[:, 0]))
    assert torch.equal(bank.features("raw", "fake"), bank.fakes()[:].flatten(1))
    labels, confidence = bank.fake_labels()
    assert torch.equal(labels, (bank.latents()[:, 0] > 0).long())
    assert torch.allclose(confidence, torch.sigmoid(20 * bank.features("labeller", "fake")[:, 0].abs()))


def test_reals_are_shuffled_whole_and_keep_their_labels(subject):
    bank = bank_of(subject)
    reals, data = bank.reals("train"), subject.data.train
    assert len(reals) == len(data) and not torch.equal(reals[:], data.samples[:])
    assert torch.equal(reals[:], data.samples[bank.real_rows("train")])
    assert torch.equal(bank.real_labels("train"), data.labels[bank.real_rows("train")])
    assert torch.equal(bank.real_labels("train"), (reals[:].mean(dim=(1, 2, 3)) > 0).long())
    assert torch.equal(bank.real_predicted_labels("held_out"), bank.real_labels("held_out"))
    assert len(bank.reals("held_out", 1000)) == len(subject.data.held_out)


def test_samples_on_disk_are_the_same_samples(subject):
    kept, on_disk = bank_of(subject), bank_of(subject)
    on_disk.draws._fakes = DiskRows(100, (1, 8, 8), in_memory_bytes=0)
    assert on_disk.draws._fakes.on_disk and not kept.draws._fakes.on_disk
    assert torch.equal(kept.fakes()[:], on_disk.fakes()[:])
    assert torch.equal(torch.cat(list(on_disk.fakes().chunks(30))), kept.fakes()[:])


def test_spaces_are_named_by_what_the_data_know(subject, tiny):
    assert bank_of(subject).spaces == ("labeller", "raw")
    assert (
        bank_of(subject).title("raw") == "pixels"
        and bank_of(subject).describe("labeller") == "Labeller features: by brightness."
    )
    assert SampleBank(Subject.wrap(Counting()), samples=4).spaces == ("raw",)
    unlabelled = type(tiny)(
        "bare", tiny.modality, type(tiny.train)(tiny.train.samples), type(tiny.train)(tiny.held_out.samples)
    )
    bank = SampleBank(Subject.wrap(Counting(), data=unlabelled), samples=4)
    assert bank.spaces == ("code", "raw") and bank.labeller is None and bank.real_labels("train") is None


def test_an_instrument_is_trained_with_gradients_though_features_are_read_without(subject, monkeypatch):
    seen = {}

    def fit(kind, fitted):
        def record(*args, **options):
            seen[kind] = torch.is_grad_enabled()
            return fitted

        return record

    autoencoder = SimpleNamespace(network=SimpleNamespace(encode=lambda x: x.flatten(1)))
    monkeypatch.setattr("ganlens.instruments.labeller.fit_labeller", fit("labeller", Brightness()))
    monkeypatch.setattr("ganlens.instruments.autoencoder.fit_autoencoder", fit("autoencoder", autoencoder))
    bank = SampleBank(subject, samples=8)
    assert not bank.features("labeller", "train").requires_grad
    assert not bank.features("code", "train").requires_grad
    assert seen == {"labeller": True, "autoencoder": True}


def test_what_is_not_there_is_said(subject):
    bare = SampleBank(Subject.wrap(Counting()), samples=4)
    with pytest.raises(UserError, match="Counting came without real data"):
        bare.reals("train")
    with pytest.raises(UserError, match="labeller features need labelled data"):
        bare.features("labeller", "fake")
    with pytest.raises(UserError, match="no feature space named 'pixels'"):
        bank_of(subject).features("pixels", "fake")
    with pytest.raises(UserError, match="at least one sample"):
        SampleBank(subject, samples=0)


def test_a_conditional_generators_classes_come_in_the_datas_shares(tiny):
    class Conditional(Counting):
        num_classes = 2

        def forward(self, z, labels):
            return (labels * 2.0 - 1).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8)

    bank = bank_of(Subject.wrap(Conditional(), data=tiny), samples=600)
    assert torch.equal(bank.fakes()[:][:, 0, 0, 0] > 0, bank.conditions() == 1)
    assert abs(bank.conditions().float().mean() - 1 / 3) < 0.06  # a third of the data are class 1


def test_the_time_of_shared_work_is_kept_apart(subject, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("ganlens.subject.first_rows.time.perf_counter", lambda: next(clock))
    bank = bank_of(subject)
    bank.features("raw", "fake")  # asks for samples inside: one span, not two
    assert bank.shared_seconds == 1
