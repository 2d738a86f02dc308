"""Is it safe to release? Probes that look for copies of the training data."""
