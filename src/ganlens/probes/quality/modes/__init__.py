"""Does it make every class, as often as the data do?"""
