"""What a description of a network asks for is counted before memory is asked for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ganlens import UserError
from ganlens.limits import NETWORK_NUMBERS
from ganlens.networks import build_discriminator, build_generator, parameter_count, parse_network

MLP = parse_network({"family": "mlp", "width": 8, "depth": 1})
DCGAN = parse_network({"family": "dcgan", "channels": 1024, "max_channels": 4096})

MONSTERS: dict[str, Callable[[], Any]] = {
    "a latent of 10¹¹": lambda: build_generator(MLP, 10**11, (1, 8, 8), seed=0),
    "a latent of 10³⁰": lambda: build_generator(MLP, 10**30, (1, 8, 8), seed=0),
    "samples of 10¹⁰ values": lambda: build_generator(MLP, 4, (1, 100_000, 100_000), seed=0),
    "samples of 10¹⁰ values, seen": lambda: build_discriminator(MLP, (1, 100_000, 100_000), seed=0),
    "a product of two moderate sizes": lambda: build_generator(
        parse_network({"family": "mlp", "width": 8192, "depth": 32}), 8192, (2,), seed=0
    ),
    "wide convolutions": lambda: build_generator(DCGAN, 100_000, (3, 256, 256), seed=0),
}


@pytest.mark.parametrize("build", MONSTERS.values(), ids=MONSTERS.keys())
def test_a_monster_is_refused_with_what_it_would_take(build: Callable[[], Any]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(
            UserError, match=r"a network or its input would take [\d,]+ numbers, and the limit is"
        ):
            build()
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()


def test_exactly_the_limit_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = parameter_count(build_generator(MLP, 4, (2,), seed=0))
    monkeypatch.setenv(NETWORK_NUMBERS.variable, str(numbers))
    build_generator(MLP, 4, (2,), seed=0)
    monkeypatch.setenv(NETWORK_NUMBERS.variable, str(numbers - 1))
    with pytest.raises(
        UserError, match=rf"the mlp generator for latents of 4 and samples of 2: .* {numbers} numbers"
    ):
        build_generator(MLP, 4, (2,), seed=0)


def test_counting_changes_no_weight() -> None:
    first, again = (build_generator(MLP, 4, (2,), seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(value.device.type == "cpu" for value in first.values())


@pytest.mark.parametrize("description", [3, "mlp", [1], None, float("nan"), True])
def test_what_is_no_description_is_said(description: Any) -> None:
    with pytest.raises(UserError, match="a network is described by a mapping such as"):
        parse_network(description)
