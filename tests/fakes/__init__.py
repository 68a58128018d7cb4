"""Outside services as real local servers."""
