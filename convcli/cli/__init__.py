"""The command line: options in, exit codes out. Click only here."""
