"""Padding as a figure."""
