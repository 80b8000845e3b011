//! What attackers try: other ways to write a path, a host or a header.
