"""Many images: which files, where each result goes, who runs them, what went wrong."""
