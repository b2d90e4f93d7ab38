"""What the operator costs, measured on a real control plane beside a gateway that counts every machine."""
