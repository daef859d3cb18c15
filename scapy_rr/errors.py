"""The errors that scapy_rr raises: one root, few children. This module knows nothing else."""


class ScapyRRError(Exception):
    """Root of every error that scapy_rr raises on purpose."""


class SipParseError(ScapyRRError, ValueError):
    """SIP text that does not parse.

    :param reason: what is wrong, in a few words.
    :param offset: where, in bytes from the start of the text that was parsed.
    """

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset

    def within(self, start: int) -> "SipParseError":
        """The same fault, counted from the start of a text in which this one begins at ``start``."""
        return SipParseError(self.reason, start + self.offset)


class ConfigError(ScapyRRError, ValueError):
    """A listener, domain, parameter, function argument or configuration key that cannot be used."""


class RouteContextError(ScapyRRError):
    """A function of the script's called from a route in which it may not be used."""


class ScriptError(ScapyRRError):
    """A fault of a script's own; its text has the script's lines."""


class CaptureError(ScapyRRError):
    """A capture file that cannot be read or written."""


class LiveError(ScapyRRError):
    """What an interface, a network or another program on this machine does not do."""
