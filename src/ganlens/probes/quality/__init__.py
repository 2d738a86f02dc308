"""Is it good? Probes that compare what is made with what is real."""
