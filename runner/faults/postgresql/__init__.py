"""PostgreSQL as a fault system: a role that may have fewer connections."""
