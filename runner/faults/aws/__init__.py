"""Amazon Web Services as a fault system, by chaosaws."""
