"""Whether what is read off samples varies as much, reaches as far and falls as it does in the data."""
