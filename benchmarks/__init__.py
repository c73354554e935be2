"""Problems, protocols and methods of symbolic regression, side by side."""
