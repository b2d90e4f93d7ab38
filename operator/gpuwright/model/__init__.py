"""Plain frozen data and names: what the API says, what a provider says, what we remember. Imports nothing of ours."""
