"""On interfaces: sniffing, routing and sending on, replaying, and a lab to do it in.

Importing it does not load Scapy: the functions are loaded when they are first used (:pep:`562`). No module here may have the name of one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .injector import inject
    from .sniffer import Sniffed, sniff

__all__ = ["Sniffed", "inject", "sniff"]

_FROM = {"Sniffed": "sniffer", "inject": "injector", "sniff": "sniffer"}


def __getattr__(name: str) -> Any:
    """What library users call, from the module that has it."""
    if name in _FROM:
        return getattr(import_module(f".{_FROM[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
