"""Training throughput against a textbook loop of the same networks, in alternation, within one run.

    python benchmarks/train_speed.py

The peer is what a tutorial would write: eager, two discriminator passes, Adam as it comes, gradients into everything.
Ours is `Stepper`, the step that `ganlens train` runs, with the `dcgan` preset without its penalty at 32×32×3, 64 base
channels, batch 64: the average of the generator's weights, the finite check's gradient norms and the data's decoding
included. `--set objective.r1=2` measures the preset as it is.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from machine import matrix_product_rate, write_record
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ganlens.config import RunConfig, resolve_config
from ganlens.data import SampleArray
from ganlens.modality import Images
from ganlens.training.processes import find_processes, native_precision
from ganlens.training.state import TrainingState, initial_state
from ganlens.training.step import Stepper

SHAPE = (3, 32, 32)


def textbook_loop(config: RunConfig, state: TrainingState, images: torch.Tensor) -> Callable[[], None]:
    """One step of the classic DCGAN loop over copies of the same networks."""
    generator = copy.deepcopy(state.generator).to(memory_format=torch.contiguous_format)
    discriminator = copy.deepcopy(state.discriminator).to(memory_format=torch.contiguous_format)
    g, d = config.generator_optimiser, config.discriminator_optimiser
    optimiser_g = torch.optim.Adam(generator.parameters(), lr=g.learning_rate, betas=(g.beta1, g.beta2))
    optimiser_d = torch.optim.Adam(discriminator.parameters(), lr=d.learning_rate, betas=(d.beta1, d.beta2))
    criterion = nn.BCEWithLogitsLoss()
    real_label, fake_label = torch.ones(config.batch), torch.zeros(config.batch)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images), config.batch, shuffle=True, drop_last=True
    )
    batches = iter(loader)

    def step() -> None:
        nonlocal batches
        try:
            (real,) = next(batches)
        except StopIteration:
            batches = iter(loader)
            (real,) = next(batches)
        optimiser_d.zero_grad()
        criterion(discriminator(real), real_label).backward()
        fake = generator(torch.randn(config.batch, config.latent))
        criterion(discriminator(fake.detach()), fake_label).backward()
        optimiser_d.step()
        optimiser_g.zero_grad()
        criterion(discriminator(fake), real_label).backward()
        optimiser_g.step()

    return step


def seconds_of(step: Callable[[], object], steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return time.perf_counter() - start


def operations_of(step: Callable[[], object]) -> int:
    """Floating-point operations of one step; the counter can't follow double backward."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=8, help="A B pairs")
    parser.add_argument("--steps", type=int, default=12, help="steps per turn")
    parser.add_argument("--set", action="append", default=[], help="settings over the dcgan preset")
    parser.add_argument("--no-record", action="store_true")
    args = parser.parse_args()

    config = resolve_config("synthetic", "dcgan", overrides=["objective.r1=0", *args.set])
    stored = np.random.default_rng(0).integers(0, 256, (4096, *SHAPE), dtype=np.uint8)
    samples = SampleArray(stored)
    processes = find_processes("cpu")
    if config.precision == "auto":
        config = config.model_copy(update={"precision": native_precision(processes.device)})
    state = initial_state(config, Images(), SHAPE, processes.device)
    plain = textbook_loop(config, state, samples.tensor())
    ours = Stepper(config, state, samples, Images(), processes)

    penalised = config.objective.r1 > 0 or config.objective.r2 > 0 or config.objective.gradient_penalty > 0
    counts = [0.0 if penalised else operations_of(step) / config.batch for step in (ours.run, plain)]
    for step in (plain, ours.run):
        seconds_of(step, 5)
    rows = []
    for _ in range(args.rounds):
        rate = matrix_product_rate()
        a, b = seconds_of(plain, args.steps), seconds_of(ours.run, args.steps)
        rows.append(
            {"plain": args.steps * config.batch / a, "ours": args.steps * config.batch / b, "matrix": rate}
        )
    ratios = [row["ours"] / row["plain"] for row in rows]
    shares = [row["ours"] * counts[0] / row["matrix"] for row in rows]
    print(f"{'round':>5} {'textbook img/s':>15} {'ours img/s':>12} {'ratio':>7} {'of matrix rate':>15}")
    for i, row in enumerate(rows):
        print(f"{i:>5} {row['plain']:>15.1f} {row['ours']:>12.1f} {ratios[i]:>7.2f} {shares[i]:>14.0%}")
    print(f"median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}…{max(ratios):.2f}), target 1.25")
    print(f"median share of the matrix-product rate {statistics.median(shares):.0%}")
    print(f"GFLOP per image: ours {counts[0] / 1e9:.3f}, textbook {counts[1] / 1e9:.3f}")
    if not args.no_record:
        record = {
            "settings": args.set,
            "precision": config.precision,
            "batch": config.batch,
            "shape": SHAPE,
            "rounds": rows,
            "ratios": ratios,
        }
        record |= {
            "median_ratio": statistics.median(ratios),
            "median_share_of_matrix_rate": statistics.median(shares),
        }
        print(f"recorded in {write_record(f'train_speed_{config.precision}', record)}")


if __name__ == "__main__":
    main()
