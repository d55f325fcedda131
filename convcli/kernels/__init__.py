"""Names, text and files to kernels."""
