"""Which latent coordinates explain which part of the samples."""
