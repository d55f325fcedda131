"""A kernel's weights, properties and responses, as text and as figures."""
