"""The nearest generated samples that change a classifier's mind."""
