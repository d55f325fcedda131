"""One image through one filter."""
