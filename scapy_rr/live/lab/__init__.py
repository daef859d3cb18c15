"""A network on this machine, from namespaces and veth pairs, with real peers in it, and what each hop of a call did."""
