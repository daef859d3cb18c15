"""One interface of this machine, and the raw socket on it. Knows nothing of what the frames hold."""

import errno
import socket
from typing import Any, NamedTuple

import scapy.layers.l2  # noqa: F401  (so that Scapy's sockets know what an Ethernet interface is)
from scapy.arch import in6_getifaddr
from scapy.config import conf

from ..errors import LiveError

# linux/if.h, linux/if_arp.h.
_IFF_LOOPBACK, _IFF_NOARP = 0x8, 0x80
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
_LINK_LOCAL = 0x20
ALL_PROTOCOLS = 3
"""ETH_P_ALL: a socket that receives what arrives."""

NO_RIGHTS = (
    "raw sockets need the capability CAP_NET_RAW: use sudo, "
    "or: sudo setcap cap_net_raw,cap_net_admin+eip $(readlink -f $(command -v python3))"
)


class Interface(NamedTuple):
    """An interface that takes Ethernet frames."""

    name: str
    mac: bytes
    ipv4: str
    """Its first IPv4 address; ``0.0.0.0`` where it has none."""
    link_local: str
    """Its IPv6 address on the link; empty where it has none."""
    has_arp: bool
    """Whether neighbours can be asked for."""

    @classmethod
    def find(cls, name: str) -> "Interface":
        """The interface of that name. :raises LiveError: where there is none, naming those there are, or it takes no Ethernet frames."""
        names = [one for _, one in socket.if_nameindex()]
        if name not in names:
            raise LiveError(f"no interface {name!r}; those there are: {', '.join(names)}")
        # It may have come, or changed, since Scapy looked.
        conf.ifaces.reload()
        found = conf.ifaces[name]
        if found.type not in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK):
            raise LiveError(f"{name} takes no Ethernet frames, and no others are sent")
        mac = bytes.fromhex((found.mac or "").replace(":", "")) or bytes(6)
        local = next((address for address, scope, of in in6_getifaddr() if of == name and scope == _LINK_LOCAL), "")
        return cls(name, mac, found.ip or "0.0.0.0", local, not int(found.flags) & (_IFF_LOOPBACK | _IFF_NOARP))

    def socket(self, protocol: int = ALL_PROTOCOLS) -> Any:
        """Scapy's socket for raw frames on it, not promiscuous.

        :param protocol: the Ethernet type that is received; 0 for nothing.
        :raises LiveError: where the system refuses, saying what to do.
        """
        try:
            return conf.L2socket(iface=self.name, type=protocol, promisc=False, nofilter=1)
        except OSError as error:
            raise fault_of(self.name, error) from None


def fault_of(name: str, error: OSError) -> LiveError:
    """What the system refuses on an interface, and what to do, as an error of ours."""
    if isinstance(error, PermissionError):
        return LiveError(f"{name}: {NO_RIGHTS}")
    hint = f": ip link set {name} up" if error.errno == errno.ENETDOWN else ""
    return LiveError(f"{name}: {error.strerror or error}{hint}")
