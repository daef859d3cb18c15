"""The rr module of OpenSIPS: loose routing, record routing, and who we are. Knows no frames, no sockets, no Scapy."""
