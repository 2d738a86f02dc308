from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganlens.data import DataOptions, Dataset, SampleArray, Split, open_dataset
from ganlens.data.dataset import split_rows
from ganlens.errors import UserError
from ganlens.modality import Images


def test_bytes_are_stretched_to_minus_one_and_one() -> None:
    stored = np.array([0, 51, 255], dtype=np.uint8).reshape(3, 1, 1, 1)
    torch.testing.assert_close(SampleArray(stored).tensor().flatten(), torch.tensor([-1.0, -0.6, 1.0]))


def test_floats_are_taken_as_they_are_and_are_not_shared_with_the_reader() -> None:
    stored = np.array([[1.5, -7.0], [3.0, 4.0]], dtype=np.float32)
    samples = SampleArray(stored)
    for index in (0, slice(0, 1), [0], torch.tensor([0])):
        read = samples[index]
        assert read.flatten().tolist() == [1.5, -7.0]
        read.zero_()
    assert stored[0].tolist() == [1.5, -7.0]


def test_rows_choose_and_order() -> None:
    stored = np.arange(5, dtype=np.float32)[:, None]
    samples = SampleArray(stored, np.array([4, 0, 2]))
    assert samples.tensor().flatten().tolist() == [4, 0, 2]
    assert samples.take(slice(1, None)).tensor().flatten().tolist() == [0, 2]
    assert torch.cat(list(samples.chunks(2))).flatten().tolist() == [4, 0, 2]
    assert [int(sample) for sample in samples] == [4, 0, 2]


def test_fingerprint_notices_other_data_other_rows_and_other_order() -> None:
    stored = np.arange(6, dtype=np.uint8).reshape(6, 1)
    same = SampleArray(stored.copy(), np.array([1, 2])).fingerprint()
    assert SampleArray(stored, np.array([1, 2])).fingerprint() == same
    changed = stored.copy()
    changed[2] = 99
    others = [
        SampleArray(changed, np.array([1, 2])),
        SampleArray(stored, np.array([2, 1])),
        SampleArray(stored),
    ]
    assert len({same, *(other.fingerprint() for other in others)}) == 4


def test_labels_must_come_one_per_sample() -> None:
    with pytest.raises(ValueError, match="3 samples came with 2 labels"):
        Split(SampleArray(np.zeros((3, 1), np.uint8)), torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize("groups", [None, np.arange(1000) % 7])
def test_a_split_is_disjoint_whole_and_the_same_for_the_same_seed(groups: np.ndarray | None) -> None:
    train, held_out = split_rows(1000, 0.2, 3, groups)
    assert sorted([*train, *held_out]) == list(range(1000))
    assert len(held_out) == pytest.approx(200, abs=4)
    again = split_rows(1000, 0.2, 3, groups)
    assert (again[0] == train).all()
    assert (again[1] == held_out).all()
    assert not np.array_equal(np.sort(split_rows(1000, 0.2, 4, groups)[1]), np.sort(held_out))


def test_classes_keep_their_shares_however_rare() -> None:
    groups = np.repeat([0, 1, 2], [1000, 100, 10])
    _, held_out = split_rows(1110, 0.2, 0, groups)
    assert np.bincount(groups[held_out]).tolist() == [200, 20, 2]


def test_the_first_rows_of_either_side_are_a_fair_sample() -> None:
    # Whoever takes the first k rows must not get the classes that filled their held-out share first.
    groups = np.arange(20_000) % 20
    for side in split_rows(20_000, 0.2, 0, groups):
        first = np.bincount(groups[side[:1000]], minlength=20)
        assert ((first - 50) ** 2 / 50).sum() < 43.8  # chi-square with 19 degrees of freedom, p = .001


@pytest.mark.parametrize("held_out", [0.01, 0.99])
def test_each_side_gets_at_least_one_row(held_out: float) -> None:
    for groups in (None, np.array([0, 0, 1])):
        train, held = split_rows(3, held_out, 0, groups)
        assert len(train) >= 1
        assert len(held) >= 1
        assert len(train) + len(held) == 3


def test_one_sample_can_not_be_split() -> None:
    with pytest.raises(UserError, match="two samples or more"):
        split_rows(1, 0.5, 0)


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(UserError, match=r"data option held_out: .* less than 1 .*got 1\.5"):
        open_dataset("ring", held_out=1.5)
    with pytest.raises(UserError, match=r"there is no data option 'sizes'\. Did you mean 'size'"):
        open_dataset("digits", sizes=3)


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [([2] * 150, 60), ([1] * 150, 30), ([1] * 120 + [2] * 40 + [60] * 2, 64), ([3] * 50, 30)],
)
def test_many_small_classes_leave_the_share_that_is_asked_for(sizes: list[int], wanted: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    train, held_out = split_rows(len(groups), 0.2, 0, groups)
    assert len(held_out) == wanted
    assert sorted([*train, *held_out]) == list(range(len(groups)))
    assert np.bincount(groups[held_out]).max() <= max(1, round(0.2 * max(sizes)))
    again = split_rows(len(groups), 0.2, 0, groups)[1]
    assert again.tolist() == held_out.tolist()
    assert split_rows(len(groups), 0.2, 1, groups)[1].tolist() != held_out.tolist()


def test_small_classes_with_two_are_held_out_before_those_with_one() -> None:
    groups = np.repeat(np.arange(60), [1] * 30 + [2] * 30)
    _, held_out = split_rows(90, 0.2, 0, groups)
    assert len(held_out) == 18
    assert (groups[held_out] >= 30).all()  # so each of these classes is trained on too


def test_names_and_notes_are_printable_and_names_of_two_classes_stay_two() -> None:
    part = Split(SampleArray(np.zeros((3, 1, 2, 2), np.uint8)))
    names = ("caf\udce9", "a\nb", "\x1b[31mred", "a\\nb", "日本", "abc\u202edef")
    data = Dataset("dir\x07", Images(), part, part, names, ("x\ty",), notes=("see \x1b]8;;x",))
    assert data.class_names == (
        "caf\\udce9",
        "a\\nb (2)",
        "\\x1b[31mred",
        "a\\nb",
        "日本",
        "abc\\u202edef",
    )
    assert (data.name, data.factor_names, data.notes) == ("dir\\x07", ("x\\ty",), ("see \\x1b]8;;x",))
    assert replace(data).class_names == data.class_names


def test_one_held_out_sample_is_told_of_once() -> None:
    one = Split(SampleArray(np.zeros((1, 1, 2, 2), np.uint8)))
    three = Split(SampleArray(np.zeros((3, 1, 2, 2), np.uint8)))
    data = replace(Dataset("few", Images(), three, one))
    assert data.notes == (
        "only 1 of 4 samples is held out, and comparisons need two or more: add samples, or hold out a larger share "
        "(held_out=0.5)",
    )
    assert Dataset("enough", Images(), three, three).notes == ()


def test_a_size_over_the_limit_is_refused() -> None:
    with pytest.raises(
        UserError, match="size=100000: one picture would take 10,000,000,000 pixels, and the limit is"
    ):
        open_dataset("digits", size=100_000)


def test_aspect_is_width_to_height_and_size_the_short_side() -> None:
    assert DataOptions(aspect="1:2").shape_of(8) == (16, 8)
    assert DataOptions(aspect="2:1").shape_of(8) == (8, 16)
    assert DataOptions(aspect="3:2").shape_of(5) == (5, 8)
    assert DataOptions().shape_of(8) == (8, 8)
    assert DataOptions(aspect=16 * 60 + 9).aspect == "16:9"  # as YAML reads it without quotes
    for wrong in ("2x1", "0:1", "1:", "1:99", "١:٢", "1:2:3", 0.5):
        with pytest.raises(UserError, match="expected width:height"):
            DataOptions(aspect=wrong)
