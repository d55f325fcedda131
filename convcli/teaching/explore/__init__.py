"""One page that shows a convolution live: its sources, and how they become one file."""
