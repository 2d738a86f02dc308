"""What a classifier goes by, told by generated samples."""
