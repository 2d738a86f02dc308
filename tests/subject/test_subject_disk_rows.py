import errno
import os

import numpy as np
import pytest

from ganlens.data import SampleArray
from ganlens.errors import UserError
from ganlens.subject.disk_rows import DiskRows


@pytest.fixture(params=[0, 2**20], ids=["on disk", "in memory"])
def rows(request):
    array = DiskRows(10, (2, 3), in_memory_bytes=request.param)
    assert array.on_disk == (request.param == 0)
    values = np.arange(60, dtype=np.float32).reshape(10, 2, 3)
    array.append(values[:4])
    array.append(values[4:])
    return array, values


def test_rows_come_back_as_they_were_appended_in_any_order(rows):
    array, values = rows
    for index in (3, np.int64(7), np.arange(10), np.array([9, 1, 2, 3, 1, 0]), np.array([], dtype=np.int64)):
        np.testing.assert_array_equal(array[index], values[index])


def test_a_sample_array_reads_slices_lists_and_chunks_of_them(rows):
    array, values = rows
    samples = SampleArray(array).take(slice(8))
    np.testing.assert_array_equal(samples[2:5].numpy(), values[2:5])
    np.testing.assert_array_equal(samples[[6, 0]].numpy(), values[[6, 0]])
    assert [len(chunk) for chunk in samples.chunks(3)] == [3, 3, 2]
    np.testing.assert_array_equal(samples[-1].numpy(), values[7])


def test_rows_that_are_not_there_yet_are_refused():
    array = DiskRows(4, (1,), in_memory_bytes=0)
    array.append(np.zeros((2, 1), dtype=np.float32))
    with pytest.raises(IndexError):
        array[np.array([1, 2])]
    with pytest.raises(ValueError):
        array.append(np.zeros((3, 1), dtype=np.float32))


def test_a_full_disk_is_one_sentence(monkeypatch):
    array = DiskRows(4, (1,), in_memory_bytes=0)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(UserError, match="no space left for 4 temporary samples"):
        array.append(np.zeros((2, 1), dtype=np.float32))
