"""What is fitted to the data to look at generators with: the labeller and the autoencoder."""
