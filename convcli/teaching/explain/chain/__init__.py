"""The arithmetic of one output value of a chain, layer by layer."""
