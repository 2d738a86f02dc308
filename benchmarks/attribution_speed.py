"""Are the attributions as fast as captum called directly? Integrated gradients, A B A B.

    python benchmarks/attribution_speed.py

Both explain the same samples on the same discriminator with the same number of points; what is compared is
processor time, so that another program on the machine does not decide. Required: no slower (ratio ≤ 1.05).
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from captum.attr import IntegratedGradients
from machine import write_record

from ganlens.explain.attribution import attribute
from ganlens.networks.dcgan import DCGAN, DCGANConfig

STEPS = 50


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=8, help="how often A and B take turns")
    parser.add_argument("--channels", type=int, default=32)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    model = DCGAN.discriminator(DCGANConfig(channels=chosen.channels), (1, 32, 32)).eval()
    samples = torch.rand(chosen.samples, 1, 32, 32) * 2 - 1
    baseline = torch.zeros_like(samples)
    direct = IntegratedGradients(model)

    def captum() -> torch.Tensor:
        found: torch.Tensor = direct.attribute(samples, baselines=baseline, n_steps=STEPS)
        return found.sum(dim=1)

    def ours() -> torch.Tensor:
        return attribute("integrated_gradients", model, samples, baseline=baseline, steps=STEPS)

    torch.testing.assert_close(ours(), captum().detach().float(), atol=1e-4, rtol=1e-3)
    seconds: dict[str, list[float]] = {"captum": [], "ganlens": []}
    for _ in range(chosen.rounds):
        for name, run in (("captum", captum), ("ganlens", ours)):
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    ratios = [ours / theirs for ours, theirs in zip(seconds["ganlens"], seconds["captum"], strict=True)]
    best = min(seconds["ganlens"]) / min(seconds["captum"])
    for name, values in seconds.items():
        print(f"{name:>8}: {median(values):.2f} s  ({', '.join(f'{x:.2f}' for x in values)})")
    spread = f"{median(ratios):.2f} in the middle of the rounds, {min(ratios):.2f} to {max(ratios):.2f}"
    print(f"   ratio: {best:.2f} of the best rounds ({spread}); at most 1.05 is required")
    write_record(
        "attribution_speed",
        {
            "samples": chosen.samples,
            "steps": STEPS,
            "channels": chosen.channels,
            "seconds": seconds,
            "ratio_of_the_best": best,
            "ratio_of_each_round": ratios,
        },
    )


if __name__ == "__main__":
    main()
