"""Who may do what: keys, roles, the table of permissions, the guard before every route, the rate of each key."""
