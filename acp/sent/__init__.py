"""What we send, declared once: results, updates, requests to the client, in the wire's own spelling.

They are plain dicts at run time; the type checkers hold the code that builds them, and schemas/acp/ is generated from
here. Nothing that the start needs imports these files but for their types.
"""
