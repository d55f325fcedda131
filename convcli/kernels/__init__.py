"""Kernels, made from names, text and files."""
