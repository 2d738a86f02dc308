"""Archives of other forms: labels, masks, what asks for more than there is, what was made to do harm."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ganlens.data import open_dataset
from ganlens.errors import UserError

IMAGES = (np.arange(60 * 8 * 8) * 11 % 256).astype(np.uint8).reshape(60, 8, 8)
Y = np.arange(60) % 3


def saved(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return f"npz:{folder / 'a.npz'}"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (Y[:, None], ("0", "1", "2")),
        (np.eye(3)[Y], ("0", "1", "2")),
        (Y.astype(float), ("0", "1", "2")),
        (np.array(["cat", "dog", "eel"])[Y], ("cat", "dog", "eel")),
        (np.array([b"2", b"10", b"11"])[Y], ("2", "10", "11")),
        (Y - 1, ("-1", "0", "1")),
        (Y > 0, ("0", "1")),
    ],
)
def test_labels_of_every_form_are_read(tmp_path: Path, labels: np.ndarray, names: tuple[str, ...]) -> None:
    spec = saved(
        tmp_path,
        train_images=IMAGES,
        train_labels=labels,
        test_images=IMAGES[:20] ^ 1,
        test_labels=labels[:20],
    )
    data = open_dataset(spec)
    assert data.class_names == names
    assert data.notes == ("held out: the array 'test_images'",)
    wanted = np.unique(np.asarray(Y > 0 if len(names) == 2 else Y), return_inverse=True)[1]
    assert data.train.labels is not None
    assert data.held_out.labels is not None
    assert data.train.labels.tolist() == wanted.tolist()
    assert data.held_out.labels.tolist() == wanted[:20].tolist()


@pytest.mark.parametrize(
    "name", ["labels", "label", "y", "target", "targets", "images_labels", "digit_labels"]
)
def test_usual_names_are_found(tmp_path: Path, name: str) -> None:
    data = open_dataset(saved(tmp_path, images=IMAGES, **{name: Y}))
    assert data.num_classes == 3
    assert data.notes == ()


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (Y[:50], r"has the shape \[50\]; labels of 60 samples"),
        (np.where(Y == 1, np.nan, 0.0), "20 of its values are no finite numbers"),
        (Y / 4, r"between whole numbers \(0\.25\)"),
        (np.array([{}] * 60), "Python objects, which are not read because they can carry code"),
    ],
)
def test_labels_that_can_not_be_used_are_told_of_once(tmp_path: Path, labels: np.ndarray, why: str) -> None:
    data = open_dataset(saved(tmp_path, images=IMAGES, labels=labels))
    assert data.train.labels is None
    (note,) = data.notes
    assert note.startswith("no labels: the array 'labels' was not used: ")
    assert why.replace("\\", "") in note


def test_negative_labels_are_classes_and_told_of_where_they_may_mean_none(tmp_path: Path) -> None:
    data = open_dataset(saved(tmp_path, images=IMAGES, labels=np.where(Y == 0, -1, Y)))
    assert data.class_names == ("-1", "1", "2")
    assert data.notes[0].startswith("the labels in 'labels' go down to -1, which is taken for a class")
    assert open_dataset(saved(tmp_path, images=IMAGES, labels=Y - 1)).notes == ()  # -1, 0, 1: a sign


def test_names_of_classes_and_labels_of_a_split_are_found(tmp_path: Path) -> None:
    words = np.array(["a", "b", "c"])
    assert open_dataset(saved(tmp_path, images=IMAGES, labels=Y, classes=words)).class_names == (
        "a",
        "b",
        "c",
    )
    assert open_dataset(saved(tmp_path, images=IMAGES, labels=Y, classes=Y)).notes == ()
    assert open_dataset(saved(tmp_path, images=IMAGES, train_labels=Y)).num_classes == 3


def test_labels_of_two_forms_are_not_mixed(tmp_path: Path) -> None:
    both = {"train_images": IMAGES, "test_images": IMAGES[:20] ^ 1}
    words = np.array(["a", "b", "c"])[Y]
    data = open_dataset(saved(tmp_path, **both, train_labels=Y, test_labels=words[:20]))
    assert data.held_out.labels is None
    assert data.num_classes == 3
    assert "are numbers, those of 'test_images' words: these were not used" in data.notes[0]
    one_hot = open_dataset(saved(tmp_path, **both, train_labels=Y, test_labels=np.eye(4)[Y[:20] + 1]))
    assert one_hot.class_names == ("0", "1", "2", "3")  # 3 is held out only
    lacking = open_dataset(saved(tmp_path, **both, train_labels=Y))
    assert "there are no labels for the array 'test_images'" in lacking.notes


def test_names_of_classes_that_do_not_reach_are_told_of(tmp_path: Path) -> None:
    data = open_dataset(saved(tmp_path, images=IMAGES, labels=Y, class_names=np.array(["a", "b"])))
    assert data.class_names == ("0", "1", "2")
    assert "'class_names' was not used: it has 2 names, and the labels go up to 2" in data.notes[0]
    named = open_dataset(saved(tmp_path, images=IMAGES, labels=Y, label_names=np.array([b"a", b"b", b"c"])))
    assert named.class_names == ("a", "b", "c")


def test_bytes_of_0_and_1_are_read_as_numbers_of_other_types_are(tmp_path: Path) -> None:
    masks = (IMAGES > 127).astype(np.uint8)
    for array in (masks, masks.astype(np.int64), masks.astype(bool)):
        data = open_dataset(saved(tmp_path, images=array))
        assert data.notes == ("values from 0 to 1 read as 0…1",)
        assert data.train.samples.tensor().unique().tolist() == [-1, 1]
    seven = open_dataset(saved(tmp_path, images=IMAGES % 8))
    assert seven.train.samples.tensor().max() == pytest.approx(7 * 2 / 255 - 1)
    assert seven.notes[0].startswith("the pictures are nearly black: their values go up to 7 of 255")


@pytest.mark.parametrize("name", ["Y", "classes", "digit", "Labels"])
def test_arrays_that_may_be_labels_and_are_not_called_so_are_told_of(tmp_path: Path, name: str) -> None:
    data = open_dataset(saved(tmp_path, images=IMAGES, **{name: Y}))
    assert data.train.labels is None
    assert data.notes == (
        f"no labels: none is called so, and {name!r} may be some; if so, call it 'labels' and save again",
    )
    assert open_dataset(saved(tmp_path, images=IMAGES, **{name: Y / 7})).notes == ()  # numbers, no classes
    assert open_dataset(saved(tmp_path, images=IMAGES, labels=Y, **{name: Y})).notes == ()


@pytest.mark.parametrize("train", [IMAGES // 128, IMAGES / 255.0, IMAGES / 127.5 - 1])
def test_a_split_whose_sides_have_two_scales_is_refused(tmp_path: Path, train: np.ndarray) -> None:
    for both in ((train, IMAGES), (IMAGES, train)):
        with pytest.raises(UserError, match="which are two scales; bring both to one and save again"):
            open_dataset(saved(tmp_path, train_images=both[0], test_images=both[1]))


def test_train_and_test_arrays_have_one_scale(tmp_path: Path) -> None:
    train, test = (
        IMAGES / 127.5 - 1,
        np.abs(IMAGES[:20] / 127.5 - 1),
    )  # the test array alone would pass for 0…1
    data = open_dataset(saved(tmp_path, train_images=train, test_images=test))
    assert "values from -1 to 1 read as −1…1" in data.notes
    torch_max = np.abs(data.held_out.samples.tensor().numpy()[:, 0] - test).max()
    assert torch_max < 0.005
    masks = (IMAGES > 300).astype(np.uint8)
    masks[:30, 0, 0] = 1
    one = open_dataset(saved(tmp_path, train_images=masks, test_images=np.zeros((9, 8, 8), np.uint8)))
    assert one.train.samples.tensor().max() == 1


# Archives that ask for more than there is.


def header(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": kind})
    return file.getvalue()


def packed(folder: Path, *members: tuple[str, bytes]) -> str:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return f"npz:{folder / 'a.npz'}"


def refused(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(spec)
    assert "\n" not in str(caught.value)


def test_an_array_over_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = packed(tmp_path, ("images.npy", header((10**12, 8, 8)) + bytes(64)))
    refused(
        spec,
        r"'images': one array .* would take 59,604\.6 GiB, and the limit is 4\.0 GiB; .*GANLENS_MAX_ARRAY_BYTES=",
    )
    monkeypatch.setenv("GANLENS_MAX_ARRAY_BYTES", "2000000")
    many = np.zeros((20_000, 16, 16), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", images=many)
    refused(spec, r"would take 4\.9 MiB, and the limit is 1\.9 MiB")
    monkeypatch.setenv("GANLENS_MAX_ARRAY_BYTES", str(many.nbytes))
    assert open_dataset(spec).sample_shape == (1, 16, 16)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((1000, 8, 8)) + bytes(64), "its header asks for 64,000 bytes, its file has 64"),
        (header((10, 8, 8)) + bytes(6400), "its header asks for 640 bytes, its file has 6,400"),
        (header((-10, 8, 8)), r"images\.npy has the shape \[-10, 8, 8\]"),
        (b"\x93NUMPY\x09\x00" + header((10, 8, 8))[8:], r"has version \(9, 0\)"),
        (header((10, 8, 8)).replace(b"(10, 8, 8)", b"((((((((((") + bytes(640), "not a whole NPZ archive"),
        (header((10, 8, 8)).replace(b"{'descr'", b"[[[[[[[[["), "not a whole NPZ archive"),
        (b"", "not a whole NPZ archive"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    refused(packed(tmp_path, ("images.npy", content)), message)


def test_the_same_name_twice_unknown_compression_and_encryption_are_refused(tmp_path: Path) -> None:
    whole = header((10, 8, 8)) + bytes(640)
    with pytest.warns(UserWarning, match="Duplicate"):
        spec = packed(tmp_path, ("images.npy", whole), ("images.npy", whole))
    refused(spec, r"it holds images\.npy more than once")
    packed(tmp_path, ("images.npy", whole))
    path = tmp_path / "a.npz"
    plain = path.read_bytes()
    local, central = plain.index(b"PK\x03\x04"), plain.index(b"PK\x01\x02")
    for offset, value in ((8, 97), (6, 1)):  # the method of compression; the flag of encryption
        odd = bytearray(plain)
        odd[local + offset] = odd[central + offset + 2] = value
        path.write_bytes(odd)
        refused(spec, "not a whole NPZ archive")


def test_characters_that_there_are_not_are_refused(tmp_path: Path) -> None:
    for order in "<>":
        words = header((10,), f"{order}U1") + np.full(10, 0x110000, f"{order}u4").tobytes()
        whole = header((10, 8, 8)) + bytes(640)
        refused(
            packed(tmp_path, ("images.npy", whole), ("labels.npy", words)),
            "has characters that there are not",
        )


def test_column_first_arrays_are_not_turned(tmp_path: Path) -> None:
    data = open_dataset(saved(tmp_path, images=np.asfortranarray(IMAGES)))
    assert data.fingerprint() == open_dataset(saved(tmp_path, images=IMAGES)).fingerprint()
