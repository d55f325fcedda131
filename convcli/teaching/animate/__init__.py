"""A window sliding over its input while the feature map fills in."""
