"""Signed values and certificates (可信解析): who vouches for an identifier, checked by anybody.

A record's HS_SIGNATURE value says that its values are as its signer knew them; an HS_CERT value
says who a signer is and over which identifiers it may sign, and is itself signed, up to a root that
the reader trusts. Both are JSON web tokens with the claims of the Handle system.

::

    HS_SIGNATURE of 88.100.1/P7 --iss 300:88.100.1/maker--> HS_CERT in 88.100.1/maker
                                                             --iss 301:88.1/a--> ... --> 0.0/0.0

Checking needs no secret, so it is here for every face; signing is where private keys are.
"""
