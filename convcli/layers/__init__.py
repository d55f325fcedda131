"""Layers of a network: each computes feature maps from feature maps."""
