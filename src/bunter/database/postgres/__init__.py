"""PostgreSQL behind the same faces as SQLite; imported only when an address asks for it."""
