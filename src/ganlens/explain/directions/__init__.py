"""Directions in latent space: how to find them, what each does, and whether it does what its name says."""
