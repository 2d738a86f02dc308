"""The probe 'disentanglement'."""
