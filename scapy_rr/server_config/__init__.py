"""What matters for record-routing in the configuration file of an existing server. Knows no frames, no sockets, no Scapy, no script."""
