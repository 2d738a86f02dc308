"""Which numbers of the latent explain which part of the samples: variance-based indices and their reference."""
