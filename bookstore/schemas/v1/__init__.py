"""The shapes of API v1, those of a Django REST Framework bookstore."""
