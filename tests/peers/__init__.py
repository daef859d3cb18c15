"""Real servers as judges: what they do with a request is compared with what scapy_rr does."""
