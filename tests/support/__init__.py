"""What tests of several rooms need: the project they stand on, and a stack of it under mocks."""
