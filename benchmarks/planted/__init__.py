"""A world whose truth is written down: generators of sprites with known factors, and faults put in on purpose.

`benchmarks/explain.py` asks every explanation about it and compares the answers with the truth.
"""
