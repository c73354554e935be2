"""Real measurements that ship with the package, and the files of ChatSR."""

from sklearn_chatsr.datasets._loaders import (
    load_cepheids,
    load_nebulae,
    load_planets,
)
from sklearn_chatsr.datasets.chatsr_json import (
    ChatSRSample,
    read_chatsr_json,
    write_chatsr_json,
)

__all__ = [
    "ChatSRSample",
    "load_cepheids",
    "load_nebulae",
    "load_planets",
    "read_chatsr_json",
    "write_chatsr_json",
]
