"""`make bench`: how fast the shop is, judged beside a Flask hello-world of the same minutes on the same machine."""
