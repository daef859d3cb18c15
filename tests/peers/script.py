"""The configuration file of a Kamailio under test: its listeners, its parameters, and a script that runs the calls it is told."""

from collections.abc import Sequence
from typing import Any

from .case import Call, Configuration

CONTROL, DONE = "CASE", "DONE"
"""The methods of our own requests: what shall be done with the next request, and the mark that it is over."""

PVS = {
    "ruri": "$ru",
    "dst_uri": "$du",
    "send_socket": "$fs",
    "route_uri": "$route_uri",
    "fti": "$fti",
    "tti": "$tti",
    "rdir": "$rdir(name)",
}
"""What is reported of a request after its last call, and its name in the script."""

# Only one process of the server sees a request, the mark before it and the mark after it: its variables outlive a request.
# Nothing reads a header of the request under test before its calls, as that would parse it on their behalf.
_HEAD = """#!KAMAILIO
debug=-1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
onsend_route_reply=yes
tcp_connection_lifetime=3600
"""
_ROUTES = """
event_route[core:worker-one-init] { xlog("L_ALERT", "@@ready\\n"); }

onsend_route { xlog("L_ALERT", "@@sent $sndfrom(proto) $sndfrom(ip) $sndfrom(port) $snd(len)\\n"); }

request_route {
    if ($rm == "%(control)s") {
        $var(calls) = $hdr(X-Calls);
        $var(count) = $(hdr(X-Count){s.int});
        $var(socket) = $hdr(X-Socket);
        $var(sink) = $hdr(X-Sink);
        exit;
    }
    if ($rm == "%(done)s") {
        xlog("L_ALERT", "@@done $hdr(X-Number)\\n");
        exit;
    }
    $var(codes) = "";
    $var(i) = 0;
    $avp(user) = %(user)s;
    if ($var(socket) != "-") $fs = $var(socket);
    while ($var(i) < $var(count)) {
        route("CALL_" + $(var(calls){s.select,$var(i),/}));
        $var(i) = $var(i) + 1;
    }
    xlog("L_ALERT", "@@codes $var(codes)\\n");
%(reports)s
    $du = $var(sink);
    forward();
    xlog("L_ALERT", "@@forward $rc\\n");
    exit;
}
"""
_REPORT = """    if (%(pv)s == $null) xlog("L_ALERT", "@@null %(name)s\\n");
    else xlog("L_ALERT", "@@text %(name)s $(%(bare)s{s.encode.hexa})\\n");"""


def script(configuration: Configuration, calls: Sequence[Call]) -> str:
    """The configuration file of a server that can run these calls, each known by its place among them."""
    reports = "\n".join(_REPORT % {"pv": pv, "bare": pv[1:], "name": name} for name, pv in PVS.items())
    lines = [
        _HEAD,
        *(f"listen={listener.replace(' as ', ' advertise ')}" for listener in configuration.listen),
        # In quotes the port would be part of the name.
        *(f"alias={domain}" for domain in configuration.domains),
        'loadmodule "pv.so"',
        'loadmodule "xlog.so"',
        *_modules(dict(configuration.params)),
        _ROUTES
        % {"control": CONTROL, "done": DONE, "reports": reports, "user": _quoted(dict(configuration.params).get("custom_user", ""))},
        *(f'route[CALL_{number}] {{ {_call(call)} $var(codes) = $var(codes) + $rc + "/"; }}' for number, call in enumerate(calls)),
    ]
    return "\n".join(lines) + "\n"


def _modules(params: dict[str, Any]) -> list[str]:
    lines = []
    secret = params.pop("flow_token_key", None)
    if secret is not None:
        lines += ['loadmodule "outbound.so"', f'modparam("outbound", "flow_token_secret", {_quoted(secret)})']
    lines.append('loadmodule "rr.so"')
    if params.pop("custom_user", None) is not None:
        lines.append('modparam("rr", "custom_user_avp", "$avp(user)")')
    lines += [f'modparam("rr", "{name}", {_quoted(value)})' for name, value in params.items()]
    return lines


def _call(call: Call) -> str:
    name, *arguments = call
    return f"{name}({', '.join(_quoted(argument) for argument in arguments)});"


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(int(value))
