"""Live upstreams: the pool, its catalog of models, and one request to one of them.

Names are imported from the modules themselves: the embedded model's child process lives in this package too, and must
not load the rest of it.
"""
