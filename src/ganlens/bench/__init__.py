"""Speed and memory, measured where the user stands: ours against a peer, in alternation, within one run."""
