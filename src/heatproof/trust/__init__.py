"""Trust: does a map react as it should when the model, or the film, changes?"""
