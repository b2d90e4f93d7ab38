"""A double of RunPod's REST API v2: a server on loopback whose requests and answers are held to RunPod's own schema."""
