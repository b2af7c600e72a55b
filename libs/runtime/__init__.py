"""How a service process starts, holds its resources, runs its worker and stops."""
