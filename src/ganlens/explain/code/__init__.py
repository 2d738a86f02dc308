"""The autoencoder's code space, what in a sample depends on which axis, and whether interventions agree."""
