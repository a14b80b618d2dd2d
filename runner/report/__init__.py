"""A RunRecord for people: terminal, HTML, Markdown, JUnit."""
