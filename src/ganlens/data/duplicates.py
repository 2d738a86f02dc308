"""Samples that are there more than once: found by a hash of each, so that a split can keep them together."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlens.data.dataset import SampleArray
from ganlens.errors import UserError
from ganlens.storage import replacing

CHUNK_BYTES = 2**24


def sample_digests(samples: SampleArray) -> NDArray[np.uint64]:
    """A hash [n] of each sample as it is stored.

    Read in chunks: 70,000 pictures of 28×28 take a fifth of a second, and nothing is held but 8 bytes a sample. Two
    different samples of a million have one hash in 1 of 37 million collections.
    """
    step = max(1, CHUNK_BYTES // max(1, int(np.prod(samples.sample_shape))))
    digests = []
    for start in range(0, len(samples), step):
        digests += _digests(samples.as_stored(slice(start, start + step)))
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def digests_of_both(first: SampleArray, second: SampleArray) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hashes [n] and [m] that agree where samples do, also where one array is stored as bytes and one as floats."""
    if first.stored_type == second.stored_type:
        return sample_digests(first), sample_digests(second)
    return _decoded_digests(first), _decoded_digests(second)


def kept_digests(samples: SampleArray, file: Path) -> NDArray[np.uint64]:
    """As `sample_digests`, kept in `file`: a mapped cache is read through once."""
    try:
        digests: NDArray[np.uint64] = np.load(file)
        if digests.shape == (len(samples),) and digests.dtype == np.uint64:
            return digests
    except (OSError, ValueError, EOFError):
        pass
    digests = sample_digests(samples)
    try:
        with replacing(file) as new, new.open("wb") as opened:
            np.save(opened, digests)
    except (OSError, UserError):  # a full disk, a cache of someone else's: found anew each time
        pass
    return digests


def first_equals(digests: NDArray[np.uint64]) -> NDArray[np.int64] | None:
    """For each sample the place of the first that equals it (its own, if none before does); None without copies."""
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    return None if len(first) == len(digests) else first[place].astype(np.int64)


def shared_note(train: NDArray[np.uint64], held_out: NDArray[np.uint64]) -> str | None:
    """What to tell of a given split whose held-out samples are training samples too; None where none is."""
    shared = int(np.isin(held_out, train).sum())
    if not shared:
        return None
    return (
        f"{shared:,} of the {len(held_out):,} held-out samples are in the training data too: a generator that "
        "repeats them is taken for one that knows what it wasn't shown; remove them from one side"
    )


def _decoded_digests(samples: SampleArray) -> NDArray[np.uint64]:
    step = max(1, CHUNK_BYTES // max(1, 4 * int(np.prod(samples.sample_shape))))
    digests = [digest for chunk in samples.chunks(step) for digest in _digests(chunk.numpy())]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _digests(chunk: NDArray[np.generic]) -> list[bytes]:
    flat = np.ascontiguousarray(chunk).reshape(len(chunk), -1)
    return [hashlib.blake2b(row.data, digest_size=8).digest() for row in flat]
