"""What the doubles of single providers share: their faults, the server that tells the truth or goes wrong, a thread."""
