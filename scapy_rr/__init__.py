"""scapy_rr: the record-routing brain of a SIP proxy, over Scapy.

Importing it loads neither Scapy nor netifaces; names that need them are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import CaptureError, ConfigError, RouteContextError, ScapyRRError, ScriptError, SipParseError
from .packets import RecordRouting
from .proxy.router import Router
from .proxy.script import ScriptRequest
from .rr.listener import Listener
from .rr.request import Request
from .rr.returncode import ReturnCode

if TYPE_CHECKING:
    from .capture.reading import messages
    from .layer import SDP, SIP, SIPRequest, SIPResponse

__version__ = "0.1.0"

__all__ = [
    "SDP",
    "SIP",
    "CaptureError",
    "ConfigError",
    "Listener",
    "RecordRouting",
    "Request",
    "ReturnCode",
    "RouteContextError",
    "Router",
    "SIPRequest",
    "SIPResponse",
    "ScapyRRError",
    "ScriptError",
    "ScriptRequest",
    "SipParseError",
    "messages",
]

_FROM = {**dict.fromkeys(("SDP", "SIP", "SIPRequest", "SIPResponse"), ".layer"), "messages": ".capture.reading"}


def __getattr__(name: str) -> Any:
    """What needs Scapy, loaded when somebody asks (:pep:`562`)."""
    if name in _FROM:
        return getattr(import_module(_FROM[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
