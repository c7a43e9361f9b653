"""Where what must outlive the process is kept: small protocols that take plain arguments, and what fits them."""
