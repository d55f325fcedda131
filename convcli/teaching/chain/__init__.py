"""Layers one after the other, as a network has them."""
