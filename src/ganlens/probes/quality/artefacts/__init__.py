"""What do its samples have that real ones have not, where, and how often?"""
