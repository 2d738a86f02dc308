"""Whether samples can be redrawn: their errors, what kinds are redrawn worse, and from which place on they can be."""
