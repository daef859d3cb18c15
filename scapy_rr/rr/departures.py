"""Where neither dialect does what its server does: what it sends is no SIP any more, or it would not know it again."""

from typing import NamedTuple


class Departure(NamedTuple):
    """One situation in which a server is not followed."""

    situation: str
    servers: str
    """Which, with the versions that were seen."""
    theirs: str
    ours: str


DEPARTURES = (
    Departure(
        "remove_record_route",
        "Kamailio 5.6.3, 6.2",
        "the end of the header stays behind as a line of its own",
        "the whole header goes; record_route afterwards is -1 as there",
    ),
    Departure(
        "strict arrival, two Routes in one header, r2 in the first, which is me",
        "Kamailio 5.6.3; OpenSIPS by its source",
        "an empty Route header stays behind",
        "the whole header goes",
    ),
    Departure(
        "white space in a Route that is to be the R-URI",
        "OpenSIPS 4.1, Kamailio 5.6.3, 6.2",
        "it stands in the request line, or breaks it",
        "loose_route is -1",
    ),
    Departure(
        "IPv6 address advertised by an IPv4 socket",
        "Kamailio 5.6.3",
        "written without brackets",
        "written with brackets",
    ),
    Departure(
        "TLS or WebSocket socket on port 5060",
        "OpenSIPS by its source",
        "the port is left out of Record-Route, and the URI is not known again",
        "the port is written",
    ),
)
