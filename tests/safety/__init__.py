"""Where may we strike?"""
