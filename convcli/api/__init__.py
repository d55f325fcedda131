"""The public functions; ``convcli/__init__.py`` says which module has which."""
