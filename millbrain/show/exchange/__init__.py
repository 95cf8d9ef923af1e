"""B2MML V7 (ISA-95): production orders in, what became of them out.

The Business To Manufacturing Markup Language (B2MML) is used courtesy of MESA International.
"""
