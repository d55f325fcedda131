"""Files to pictures and back. Pillow only here."""
