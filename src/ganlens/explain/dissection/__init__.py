"""What single units of a generator draw, by taking them out and putting them in."""
