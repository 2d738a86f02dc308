"""Figures of findings: pictures, plots and tables as values, and one chart library with one palette for all probes."""
