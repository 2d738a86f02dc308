"""What the generator misses of the data and what it makes too much of, in the autoencoder's code."""
