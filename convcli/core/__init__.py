"""Arrays in, feature maps out. Numpy only."""
