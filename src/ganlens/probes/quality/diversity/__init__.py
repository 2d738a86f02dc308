"""Does it make as many different samples as the real data hold?"""
