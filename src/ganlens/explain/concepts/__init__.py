"""Directions in the activations of a network that stand for a concept, and whether they mean anything."""
