"""What ``make lint`` checks by more than a command: secrets in files, known faults of packages."""
