"""Which stored tickets are the same matter: one process of all that share the database keeps the live index.

Every service process asks one helper process of its machine (`process`), which is started and watched by
whichever service process gets the lock (`owner`). Of the helpers of several machines, the one that holds the
database's advisory lock works; the others wait for it. It reads tickets in order of their numbers, compares them
(`model.duplicates.finder`), and writes what it finds back as rows, so that every process can answer from the
database; whoever waits for a ticket is told over a socket as well (`waiting`).
"""
