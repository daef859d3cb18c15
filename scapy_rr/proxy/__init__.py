"""The rest of a proxy around the rr module: scripts, Via, responses, next hops, sans-IO. Knows no frames, no sockets, no Scapy."""
