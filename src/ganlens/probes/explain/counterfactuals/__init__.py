"""What would have to change for a classifier to decide otherwise: searches in a generator's latent space."""
