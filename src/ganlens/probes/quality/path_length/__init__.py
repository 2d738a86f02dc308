"""Does it change smoothly as its latent moves?"""
