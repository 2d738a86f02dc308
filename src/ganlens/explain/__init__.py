"""Explanation methods, each usable alone: they compute, and leave verdicts and words to the probes."""
