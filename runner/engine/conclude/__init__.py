"""From everything that was seen to the verdict, and the record of it."""
