"""Ready-made configurations: one YAML file each; the first comment line describes it."""
