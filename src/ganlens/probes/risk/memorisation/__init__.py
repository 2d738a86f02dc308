"""The probe 'memorisation'."""
