"""Layers of a network, one after the other: maps in, maps out."""
