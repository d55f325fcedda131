"""``convcli chain``: layers one after the other."""
