"""Show: the JSON API and the pages. Asks `record` only; keeps nothing per reader.

`create_app` in `show.app` makes the application that the web process serves.
"""
