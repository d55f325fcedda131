"""Files to images and back. Pillow only here."""
