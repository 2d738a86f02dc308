"""The questions GANLens can ask of a generator, one per file."""

from ganlens.probes.probe import Need, Probe, ProbeSettings, probes

__all__ = ["Need", "Probe", "ProbeSettings", "probes"]
