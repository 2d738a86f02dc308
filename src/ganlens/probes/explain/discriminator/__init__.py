"""Why a discriminator calls a sample fake."""
