"""The rest of a stateless proxy around the rr module: the route block and the next hop. Knows no frames, no sockets, no Scapy."""
