"""Symbolic regression for people who use scikit-learn."""
