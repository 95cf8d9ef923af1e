"""The Handle protocol in both dialects: RFC 3652 and the Chinese identifier system."""
