"""The branch of our Via (:rfc:`3261#section-16.11`): a function of the request, the same for a retransmission, its CANCEL and its ACK.

The first half tells transactions apart, the second one tells a loop from a spiral (:rfc:`5393#section-4.2.1`).
"""

from functools import lru_cache
from hashlib import blake2b

from ..errors import SipParseError
from ..rr.context import Context
from ..sip.via import MAGIC_COOKIE, TopVia

_SIZE = 8
_MOST_REMEMBERED = 1024


def branch_of(req: Context, top: TopVia, mark: bytes) -> bytes:
    """The branch for a request with this topmost Via and :func:`loop_mark`, without the number of the target behind it."""
    assert req.message is not None
    data, via = req.message.data, top.via
    branch = via.branch
    # With the cookie, branch and sent-by tell a transaction (17.2.3). A branch of RFC 2543 is not unique by itself: then the whole Via
    # counts, and what else tells requests apart.
    has_cookie = branch.startswith(MAGIC_COOKIE)
    of_transaction = data[via.start : via.sent_by_end] + branch if has_cookie else data[via.start : via.end] + _of_dialog(req)
    return MAGIC_COOKIE + _hash(of_transaction) + b"." + mark


def loop_mark(req: Context) -> bytes:
    """What would be the same if the request came back with nothing changed that matters for its way: Request-URI and Routes.

    Call-ID, tags and CSeq need not count: the mark is only looked for among the Vias of one request.
    """
    assert req.message is not None
    data, text = req.message.data, req.message.request_uri
    for header in req.routes.headers:
        text += b"\n" + data[header.value_start : header.value_end]
    return _mark(text)


def is_loop(req: Context, top: TopVia, mark: bytes) -> bool:
    """Whether a Via with our mark says that the request was here before, exactly as it is now (:rfc:`3261#section-16.3` step 4)."""
    assert req.message is not None
    via: TopVia | None = top
    while via:
        one = via.via
        ours = req.identity.sent_by(one.transport, one.host, one.port) is not None
        if ours and one.branch.partition(b".")[2].partition(b".")[0] == mark:
            return True
        via = via.below(req.message)
    return False


def _of_dialog(req: Context) -> bytes:
    message = req.message
    assert message is not None
    try:
        tag = req.from_tag() or b""
    except SipParseError:
        tag = b""
    number = (message.value(b"cseq") or b"").split()[:1]
    return b"\n".join((message.value(b"call-id") or b"", tag, *number))


@lru_cache(_MOST_REMEMBERED)
def _mark(text: bytes) -> bytes:
    # Within a dialog it comes again and again.
    return _hash(text)


def _hash(text: bytes) -> bytes:
    return blake2b(text, digest_size=_SIZE).hexdigest().encode()
