"""The arithmetic of one output value, number by number."""
