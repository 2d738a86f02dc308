"""Has training converged, and was it ever better than now?"""
