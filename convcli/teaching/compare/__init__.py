"""One image filtered in several ways, side by side."""
