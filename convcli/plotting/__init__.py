"""Figures of filtering. Matplotlib only here."""
