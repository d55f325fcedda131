"""Files of trained networks -> their weights; one module a format. Nothing in them is executed."""
