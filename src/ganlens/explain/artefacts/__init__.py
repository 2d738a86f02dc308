"""What generated pictures have that real ones have not: spots, stripes, noise and their like, and how often."""
