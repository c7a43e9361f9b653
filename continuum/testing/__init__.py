"""Public doubles for tests and rehearsals: a scripted upstream with every fault in a table.

Stand-alone on purpose: the standard library and trio only. No product code imports this package.
"""
