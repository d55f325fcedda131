"""The catalogue as plain tables, each with its source."""
