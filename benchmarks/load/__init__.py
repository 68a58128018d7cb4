"""A shop under the load of many readers and some buyers, while its processes are replaced."""
