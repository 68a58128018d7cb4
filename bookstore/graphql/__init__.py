"""The GraphQL door: types over what the services return, limits on what may be asked.

``execution.execute`` is the way in; ``blueprints.graphql`` has the URL.
"""
