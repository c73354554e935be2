"""Real measurements that ship with the package."""

from sklearn_chatsr.datasets._loaders import (
    load_cepheids,
    load_nebulae,
    load_planets,
)

__all__ = ["load_cepheids", "load_nebulae", "load_planets"]
