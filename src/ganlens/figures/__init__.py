"""Charts for all probes, in one look."""
