"""klientela: one customer list from many shops."""

__version__ = "0.1.0"
