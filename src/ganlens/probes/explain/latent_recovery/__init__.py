"""How much of the latent can be read back from the code. Fourth of the autoencoder's five explanations."""
