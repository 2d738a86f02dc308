"""Numbers that a person would read off a sample, by name."""
