"""Dissection of a generator: which unit fires on what, and what is gone from its samples without it."""
