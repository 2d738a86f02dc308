"""Why a sample looks the way it does. The fifth of the autoencoder's five explanations."""
