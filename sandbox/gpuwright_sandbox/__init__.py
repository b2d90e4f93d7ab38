"""What a developer's machine lacks: a control plane, a compute gateway, the demo; never part of the image."""
