"""Ways to sum the windows of a strip, and the choice among them."""
