"""The same filter as a program for another library."""
