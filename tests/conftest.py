from __future__ import annotations

import random
from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def the_same_draws_in_every_run(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test draws without a seed of its own (the weights of a new layer, mostly) follows from its name.

    The program never relies on it: every draw of `ganlens` is passed its seed. A test that fails does so again.
    """
    seed = crc32(request.node.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
