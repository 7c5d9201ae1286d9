"""Tag what arrives, for as long as the machine is on."""
