"""A capture read from its beginning to its end: the SIP messages in it, over every transport."""

from collections.abc import Collection, Iterator
from pathlib import Path

from ..wire.datagram import Datagram, locate
from ..wire.plain_sight import LOOKED_INTO_PORTS, is_dull
from .bearer import Frame
from .merge import open_capture
from .messages import SipMessage, kind_of
from .place import Place
from .reader import NEEDLE, Batch, Capture, Damage, Record, Records
from .source import is_kept
from .tls_keys import TlsKeys
from .transports import Transports

# How HEP's versions begin, as no SIP does.
_HEP = b"HEP3", b"\1", b"\2"
# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__

Found = tuple[Records, Record, Datagram | None, SipMessage | None]
"""What reads a frame's record, the record, and the datagram in it that is a message; none where it takes more than a look to tell."""


def look(batch: Batch, ports: Collection[int]) -> Iterator[Found]:
    """The messages in plain sight, and the frames in which there may be a part of something larger. All others are passed over.

    :param ports: the ports, of either end, to look at; all where there are none.
    """
    data, records = batch.data, batch.before.copy()
    for record in records.walk(data, NEEDLE, is_dull):
        at = locate(data, record.start, record.end, record.link_type, record.cut)
        if type(at) is not Datagram or at.destination_port in LOOKED_INTO_PORTS or data.startswith(_HEP, at.payload):
            yield records, record, None, None
        elif not ports or at.source_port in ports or at.destination_port in ports:
            payload = data[at.payload : at.end]
            kind = kind_of(payload)
            if kind:
                ends = (at.source, at.source_port), (at.destination, at.destination_port)
                yield records, record, at, _new(SipMessage, (record.number, "udp", *ends, kind, payload, "", "", (), 0.0, None))


def frame_of(data: bytes, records: Records, record: Record, place: Place | None = None) -> Frame:
    """The frame of a record, with the time at which it was captured."""
    frame = data[record.start : record.end]
    return _new(Frame, (record.number, frame, record.link_type, records.seconds(data, record), record.cut, place))


def messages(*captures: Path | str, ports: Collection[int] = (), keylog: Path | str | None = None) -> Iterator[SipMessage]:
    """The SIP messages of captures, over every transport, in the order in which they are whole.

    :param captures: pcap or pcapng files, perhaps packed with gzip; several are read as one, by time. ``-`` is standard input.
    :param ports: the ports, of either end, to look at; all where there are none.
    :param keylog: the keys of TLS connections, as ``SSLKEYLOGFILE`` has them.
    :raises CaptureError: where one is none or cannot be read on, after the messages before. :raises ConfigError: for a bad key log.
    """
    paths = [Path(one) for one in captures]
    keys = TlsKeys(Path(keylog), paths[0] if len(paths) == 1 and is_kept(paths[0]) else None) if keylog else None
    with open_capture(paths) as capture:
        yield from sip_messages(capture, ports, Transports(ports, keys=keys))


def sip_messages(capture: Capture, ports: Collection[int] = (), transports: Transports | None = None) -> Iterator[SipMessage]:
    """The messages of a capture in the order in which they are whole.

    :param ports: the ports, of either end, to look at; all where there are none.
    :param transports: follows what takes more than a frame, and keeps count of what comes to nothing; one of its own if nobody gives one.
    :raises Damage: where the capture cannot be read on, after the messages before.
    """
    transports = transports or Transports(ports)
    try:
        for batch in capture.batches():
            transports.learn(batch)
            for records, record, _, message in look(batch, ports):
                if message is None:
                    yield from transports.take(frame_of(batch.data, records, record))
                else:
                    yield message._replace(frames=(record.number,), time=records.seconds(batch.data, record))
    except Damage:
        yield from transports.close()
        raise
    yield from transports.close()
