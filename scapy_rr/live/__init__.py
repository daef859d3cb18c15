"""On interfaces: sniffing, routing and sending on, replaying, and a lab to do it in."""
