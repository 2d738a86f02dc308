"""Which concepts the layers of the networks hold, by concept activation vectors."""
