"""What did it learn? Probes that explain, each with the check that could refute it."""
