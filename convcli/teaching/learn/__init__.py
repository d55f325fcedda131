"""The kernel that turns one image into another."""
