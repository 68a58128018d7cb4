"""What a catalogue import is made of, in the order of the work.

``reading`` opens the file and refuses a bad one; ``rows`` and ``goodbooks`` turn each row into
a ``Draft`` or into complaints; ``loading`` writes a batch of drafts. ``cells`` is shared with
the export, so that what it writes is what they read.
"""
