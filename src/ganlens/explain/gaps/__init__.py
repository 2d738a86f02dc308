"""What real samples there are that a generator makes too few of, and the other way round."""
