"""Writes clients of API v2 from its OpenAPI document: ``make clients``.

``clients/openapi/v2.json``     the document, from ``flask openapi``
``clients/python/``             a typed package ``bookstore_client`` (openapi-python-client)
``clients/typescript/``         a typed client without dependencies (@hey-api/openapi-ts)
``clients/postman/``            a collection for Postman, Bruno and the like (openapi-to-postmanv2)

The Python generator comes from requirements-dev.lock, the others from package-lock.json beside
this file; node and npm come from a wheel, so that Python is all that has to be there.
"""
