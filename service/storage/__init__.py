"""What the service keeps: rows in SQLite, or in PostgreSQL when ``FENBO_DATABASE_URL`` names one.

Rows are the truth; whatever stands in memory is made from them. How to work with it:

*A table* is written twice: as a `sqlalchemy.Table` on `tables.METADATA` (for the queries) and as a migration
``migrations/versions/NNNN_what_it_does.py`` whose ``revision`` is the number NNNN and whose ``down_revision`` is
the one before it. History is linear; the highest number is the head. Ids are given by `tables.next_id` under the
write lock, so there are no sequences. Moments are `tables.UtcDateTime`, JSON is canonical text.

*Reading*: a plain function ``(connection, …) -> value``, called as ``await storage.read(function)``.

*Writing*: a function ``(connection, items) -> results``, one result an item, called as
``await storage.write(function, item)``. One writer thread gives it all that came together and commits once, so
what is acknowledged is on disk. It holds the database's write lock, so what it reads stays true. An item that is
refused gets a `model.errors.FenboError` *as its result*. When the function raises, nothing of the transaction
stays, and every item is tried again in a transaction of its own. What changes something that people answer for
also appends to `audit`.

*Failing*: a database that cannot be reached, is full or read-only raises `StorageUnavailable`, which the service
answers with 503 and ``Retry-After``; nothing has to be restarted once it is back.
"""

from service.storage.database import Database, StorageUnavailable, open_database
from service.storage.store import Storage

__all__ = ["Database", "Storage", "StorageUnavailable", "open_database"]
