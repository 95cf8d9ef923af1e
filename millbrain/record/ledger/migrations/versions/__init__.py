"""One module per change of the ledger's form, in order."""
