"""What a request costs the server, as CPU time; see README.md beside this file."""
