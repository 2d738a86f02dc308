"""Generators and discriminators, built from typed configurations; the blocks they share."""

from ganlens.networks.blocks import parameter_count
from ganlens.networks.conditional import Conditioning
from ganlens.networks.generator import Generator, build_discriminator, build_generator
from ganlens.networks.network import Family, NetworkConfig, networks, parse_network

__all__ = [
    "Conditioning",
    "Family",
    "Generator",
    "NetworkConfig",
    "build_discriminator",
    "build_generator",
    "networks",
    "parameter_count",
    "parse_network",
]
