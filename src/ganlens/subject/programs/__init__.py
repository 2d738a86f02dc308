"""Generators, discriminators and classifiers from files and from users' own Python: looked into, opened, wrapped."""
