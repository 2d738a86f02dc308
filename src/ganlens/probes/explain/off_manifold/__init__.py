"""How far off the data's manifold generated samples lie. First of the autoencoder's five explanations."""
