"""The whole catalogue as a CSV file, and back: what is exported and imported again changes nothing."""
