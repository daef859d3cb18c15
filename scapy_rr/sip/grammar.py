"""The pieces of RFC 3261 section 25 that the other modules of this package share, as regular expressions.

Each is the ABNF above it, widened where real phones and both servers are wider; the reason stands beside it.
"""

import re

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN = rb"[A-Za-z0-9\-.!%*_+`'~]+"

# quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE
# A quote is escaped when a backslash stands before it: the servers look one byte back and no further.
QUOTED = rb'"[^"]*+(?:(?<=\\)"[^"]*+)*+"'

# LWS = [*WSP CRLF] 1*WSP, and a lone LF for CRLF, which both servers accept.
LWS = rb"[ \t\r\n]*+"

# Request-Line = Method SP Request-URI SP SIP-Version CRLF (more than one SP is accepted, as the servers do)
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb")[ \t]++([^ \t\r\n\f\v]++)[ \t]++([Ss][Ii][Pp]/2\.0)[ \t]*+\r?\n")

# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF
STATUS_LINE = re.compile(rb"([Ss][Ii][Pp]/2\.0)[ \t]+([1-6][0-9]{2})(?:[ \t]([^\r\n]*))?\r?\n")

# header-name = token, but whatever has no white space will do. A set of bytes is tested faster than \s.
NAME = rb"[^ \t\r\n\f\v:]++"

# message-header = header-name HCOLON header-value CRLF, with continuation lines. The first loop takes what nearly all are, the fastest.
HEADERS = re.compile(rb"(?:(?![ \t])(?:" + NAME + rb":[^\n]*+\n)*+(?:(?:" + NAME + rb"[ \t]*+:|[ \t])[^\n]*+\n)*+)?+")

# What may come before a message on a stream, and before one in a datagram (RFC 3261 7.5).
LEADING_CRLF = re.compile(rb"[\r\n]*+")
