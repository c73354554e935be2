"""Data generation and training; imports the package, never the reverse."""
