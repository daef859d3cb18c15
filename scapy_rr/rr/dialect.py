"""What OpenSIPS and Kamailio do differently: one table, which the functions ask and people read.

Each entry is a question that the code asks of :class:`Dialect` (``req.dialect.strict_arrival_forces_socket``); beside each answer
stand the words for it, so that a line can be held beside the two manuals. Nothing else knows which dialect is spoken.
"""

from typing import Any

from ..errors import ConfigError
from .difference import Difference
from .returncode import ReturnCode

_COMMON_PARAMETERS = ("append_fromtag", "enable_double_rr", "add_username", "enable_socket_mismatch_warning")
_KAMAILIO_PARAMETERS = (
    "enable_full_lr", "custom_user", "force_send_socket", "ignore_sips", "sockname_mode", "loose_route_mode", "flow_token_key",
)  # fmt: skip
_KAMAILIO_FUNCTIONS = (
    "loose_route_mode", "loose_route_preloaded", "record_route_advertised_address", "remove_record_route", "rr_next_hop_route",
)  # fmt: skip
_OPENSIPS_PVS = "$rr_params $socket_in $socket_in(ip) $socket_in(port) $socket_in(proto) $socket_out(forced)"
_KAMAILIO_PVS = "$route_uri $fti $tti $rdir(id) $rdir(name) $fs $Ri $Rp $pr"


class Dialect:
    """The server to agree with: ``opensips`` or ``kamailio``.

    :raises ConfigError: for another name.
    """

    def __init__(self, name: str) -> None:
        if name not in NAMES:
            raise ConfigError(f"unknown dialect {name!r}; those there are: {', '.join(NAMES)}")
        self.name = name
        for difference in differences():
            # Asked for every request: an attribute of its own is found at once.
            self.__dict__[difference.name] = difference.answers[name].value

    def with_answer(self, difference: Difference[Any], server: str) -> "Dialect":
        """This dialect with one answer of another server's: shows what that line of the table alone does."""
        mixed = Dialect(self.name)
        mixed.__dict__[difference.name] = difference.answers[server].value
        return mixed

    # What there is.

    parameters: Difference[tuple[str, ...]] = Difference(
        "parameters",
        (_COMMON_PARAMETERS, ", ".join(_COMMON_PARAMETERS)),
        (_COMMON_PARAMETERS + _KAMAILIO_PARAMETERS, "these, and " + ", ".join(_KAMAILIO_PARAMETERS)),
        is_vocabulary=True,
    )
    functions: Difference[tuple[str, ...]] = Difference(
        "functions beside loose_route, record_route, record_route_preset, add_rr_param, check_route_param and is_direction",
        ((), "none"),
        (_KAMAILIO_FUNCTIONS, ", ".join(_KAMAILIO_FUNCTIONS)),
        is_vocabulary=True,
    )
    pseudo_variables: Difference[tuple[str, ...]] = Difference(
        "pseudo-variables beside $ru $rU $rd $rp $rm $rs $rr $du $fu $fU $fd $ft $tu $tU $td $tt $ci $cs $si $sp $hdr(name)",
        (tuple(_OPENSIPS_PVS.split()), _OPENSIPS_PVS), (tuple(_KAMAILIO_PVS.split()), _KAMAILIO_PVS), is_vocabulary=True,
    )  # fmt: skip
    most_double_rr = Difference(
        "enable_double_rr 2",
        (1, "refused"),
        (2, "two Record-Routes for every request, with r2; record_route_advertised_address writes the transport"),
        is_vocabulary=True,
    )

    # loose_route: what it answers, and what it leaves behind.

    own_preloaded_code = Difference(
        "initial request, only own Routes",
        (ReturnCode.FAILED, "Routes removed, -1"),
        (ReturnCode.PRELOADED, "Routes removed, -3"),
        "16.4: remove, go on with the R-URI",
    )
    arrival_forces_socket = Difference(
        "send socket after loose_route in a dialog, one own Route",
        (True, "forced to the socket of arrival, even over one that the script had set"),
        (False, "not touched; with force_send_socket 1 the socket that the own Route names, in an initial request, too"),
    )
    strict_arrival_forces_socket = Difference(
        "send socket after a strict arrival, no second own Route",
        (True, "forced to the socket that the R-URI names"),
        (False, "not touched, not even by force_send_socket 1"),
    )
    params_after_strict_arrival = Difference(
        "parameters that check_route_param and is_direction see after a strict arrival",
        ("target", "those of the new R-URI, the remote target"),
        ("own", "those of the R-URI as received, our own"),
    )
    params_before_loose_route = Difference(
        "the same before loose_route, or where it found none",
        (False, "no parameters: -1, downstream"),
        (True, "those of the top Route if that is me"),
    )
    callbacks_need_params = Difference(
        "callbacks of a request whose own Route has no parameters",
        (False, "run, with empty parameters"),
        (True, "do not run"),
    )

    # Who is me.

    transport_matters = Difference(
        "own Route or R-URI with a transport that nobody listens on, or sips",
        (True, "not me; without a port, the transport's default port"),
        (False, "me: host and port decide, and without a port it is 5060 whatever the transport"),
        "16.4: the value it put there",
    )
    maddr_names_us = Difference(
        "maddr in a URI that might be me",
        (True, "takes the place of the host"),
        (False, "ignored"),
        "16.4: maddr decides",
    )
    gruu_route_is_me = Difference(
        "gr in the top Route, whose host is mine",
        (True, "me"),
        (False, "not me"),
        "RFC 5627 speaks of the R-URI only",
    )
    empty_host_is_me = Difference(
        "tel as R-URI or top Route",
        (True, "me: its empty host equals the advertised name that a socket does not have"),
        (False, "not me"),
        "not me",
    )

    # How URIs and tags are read.

    high_port_parses = Difference(
        "port above 65535, or of more than five digits, in a URI",
        (True, "parsed, kept in 16 bits"),
        (False, "parse error"),
        "invalid",
    )
    unknown_transport_counts = Difference(
        "transport that no server has in a URI",
        (True, "another transport, which nobody listens on"),
        (False, "as if none was named"),
    )
    any_host_parses = Difference(
        "characters other than letters, digits, '.' and '-' in a host behind a user",
        (True, "parsed"),
        (False, "parse error"),
        "invalid",
        "Kamailio 5.6.3 parses it",
    )
    bad_ruri_shown = Difference(
        "$ru where the R-URI does not parse",
        (False, "null"),
        (True, "the text as received"),
        "",
        "Kamailio 5.6.3: null",
    )
    phone_is_tel = Difference(
        "user=phone in a Route",
        (False, "no difference: lr makes it loose"),
        (True, "strict, and without r2: the parser keeps the URI parameters of such a URI elsewhere"),
        "lr makes it loose",
    )
    empty_tag_parses = Difference(
        "From or To with an empty tag",
        (False, "To: the core drops the request. From: record_route is -1"),
        (True, "as without a tag: an initial request, a Record-Route without ftag"),
        "a tag has a value",
    )
    core_reads_all_headers = Difference(
        "a header line that is none",
        (True, "the core drops the request"),
        (False, "only what is needed is read: Via, From, To, Call-ID, CSeq, then as far as a function has to look"),
        "may reject",
        "Kamailio 5.6.3 lets a malformed From pass to the script",
    )

    # record_route.

    upstream_ftag_of_to = Difference(
        "ftag in a Record-Route of an upstream request in a dialog",
        (False, "From tag, always"),
        (True, "To tag; a preset keeps the From tag"),
    )
    single_record_route_outbound = Difference(
        "one Record-Route (enable_double_rr 0) where a request changes sockets",
        (True, "address of the sending socket"),
        (False, "address of the socket of arrival"),
        "16.6: reachable by the next element",
    )
    sips_record_route = Difference(
        "sips R-URI",
        (False, "Record-Route with sip"),
        (True, "Record-Route with sips (ignore_sips 1: sip)"),
        "16.6: MUST be sips",
    )
    late_params_in_front = Difference(
        "add_rr_param after record_route, several times",
        (True, "last one first, before those that were added earlier"),
        (False, "in order"),
    )
    late_preset_param_code = Difference(
        "add_rr_param after one preset, enable_double_rr not 0",
        (ReturnCode.OK, "added, 1"),
        (ReturnCode.FAILED, "added, but -1"),
    )
    preset_params_before_lr = Difference(
        "add_rr_param before record_route_preset",
        (False, "behind lr; with two presets in the first, outbound, one only"),
        (True, "before lr, in both of two presets"),
    )
    most_early_params = Difference(
        "add_rr_param before record_route, many bytes",
        (1 << 16, "no limit known; 65536 here"),
        (512, "-1 where all of them would be more than 512 bytes"),
    )
    ipv6_in_full = Difference(
        "IPv6 address in a Record-Route",
        (True, "eight groups in capitals: [0:0:0:0:0:0:0:1]"),
        (False, "shortened: [::1]"),
        "equal",
    )
    inbound_default_port_written = Difference(
        "advertised port 5060 of the socket of arrival",
        (True, "written"),
        (False, "left out; that of the sending socket, where there are two Record-Routes, is written"),
        "equal by 19.1.4 only if written the same",
    )

    # The core: Max-Forwards, Via, branches, replies.

    most_forwards = Difference(
        "Max-Forwards above what it may be",
        (256, "256, max_limit of its maxfwd module"),
        (70, "70, max_limit of its maxfwd module"),
        "16.6: one less than it was",
    )
    via_port_written = Difference(
        "port 5060 of our Via",
        (True, "written"),
        (False, "left out, unless it is an advertised one"),
    )
    reply_received_first = Difference(
        "received in the Via of a reply of ours",
        (True, "right behind host and port"),
        (False, "behind rport, else behind branch"),
        "",
        "Kamailio 5.6.3: at the end of the header",
    )
    relayed_503 = Difference(
        "503 from the next hop",
        (b"500", "becomes 500, with its reason"),
        (b"503", "relayed as it is"),
        "16.7: SHOULD become 500 where it is the best one",
    )
    bytes_behind_body = Difference(
        "bytes behind the body that Content-Length tells",
        (False, "cut off"),
        (True, "kept; over TCP, Content-Length counts them"),
        "18.3: discarded",
    )
    branch_record_route_counts = Difference(
        "record_route in a branch route",
        (True, "counts for the whole request: -1 in the next branch"),
        (False, "does not count: every branch, and the same one again, gets its own"),
    )


NAMES = ("opensips", "kamailio")


def differences() -> tuple[Difference[Any], ...]:
    """Every line of the table, in its order."""
    return tuple(one for one in vars(Dialect).values() if isinstance(one, Difference))


OPENSIPS, KAMAILIO = (Dialect(name) for name in NAMES)
