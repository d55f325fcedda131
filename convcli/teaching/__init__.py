"""The teaching commands: computation, text and figures of each."""
