"""The demo catalogue: what a fresh shop shows, and the tool that draws its pictures."""
