"""Pure rules. Each is a function of what was seen and answers with an action, or passes with None."""
