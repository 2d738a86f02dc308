"""What each axis of the code means to the generator. The third of the autoencoder's five explanations."""
