"""What the generator cannot make, by per-sample statistics with names that a person knows."""
