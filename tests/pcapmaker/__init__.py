"""Makes the captures that the tests and the benchmark read: frames, SIP messages, scenes. It does not use scapy_rr."""
