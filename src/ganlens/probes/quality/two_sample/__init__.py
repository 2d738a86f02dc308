"""Can a classifier tell its samples from real ones, and by what?"""
