"""SIP text: bytes in, bytes out. Knows no packets, no sockets, no Scapy and no routing."""
