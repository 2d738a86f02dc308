"""The questions GANLens can ask of a generator, one per file."""

from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, probes

__all__ = ["Context", "Need", "Probe", "ProbeSettings", "probes"]
