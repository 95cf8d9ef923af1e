"""Sessions of the Handle protocol: a key for many messages instead of a challenge for each.

A client sets a session up (operation 400), which leaves both sides with a key; proves who it is
once, within the session; and from then on signs its messages with the key. Either side may encrypt.
"""
