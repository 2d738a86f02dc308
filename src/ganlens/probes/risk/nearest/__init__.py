"""Whether it copies training samples: distances to training samples against distances to unseen real ones."""
