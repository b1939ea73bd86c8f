"""The assistant: writes configurations, scripts and notebooks for users.

``store_survey`` looks at a data store, ``proposal`` makes options of what was found and answered, ``commented_yaml``
writes them; ``cells`` tells an analysis in Python, ``script`` and ``notebook`` write it; ``from_gammapy`` reads the
configurations of gammapy. Nothing here runs an analysis.
"""
