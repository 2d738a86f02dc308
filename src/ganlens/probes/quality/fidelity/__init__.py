"""How close do its samples come to the real ones?"""
