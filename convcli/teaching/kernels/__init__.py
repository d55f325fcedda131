"""What a kernel does, as text and as figures."""
