"""Latent directions by every known method, each of them tried, named and doubted in the same way."""
