"""Does each thing that is read off a sample vary as much, reach as far and fall as in the data?"""
