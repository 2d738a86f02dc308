"""Ways through a latent space, and where they tear."""
