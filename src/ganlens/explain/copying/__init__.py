"""Signs that a generator remembers single training samples."""
